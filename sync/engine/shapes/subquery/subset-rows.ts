// Rows of a subset and the part of the log that its reader has not yet read. The reader drops what the log says about a
// row of its subset when the subset's snapshot contains the transaction, but events name no rows and are applied again to
// rows that are newer than they are. So a row is left to the log when the log brings it whole; the others are given the
// conditions that they had where the reader is, from which the events lead on.
import { parseOffset } from '../../lsn.ts'
import type { Moves } from './moves.ts'
import type { Pattern } from './tags.ts'

interface Headers {
  readonly operation?: string
  readonly event?: 'move-in' | 'move-out'
  readonly patterns?: readonly Pattern[]
  readonly tags?: readonly string[]
  active_conditions?: readonly boolean[]
}

interface Item {
  readonly key?: string
  readonly headers: Headers
}

interface Ahead {
  /** Keys of rows that the log brings whole. */
  readonly brought: ReadonlySet<string>
  /** Keys of rows that the log changes. */
  readonly changed: ReadonlySet<string>
  readonly events: readonly { readonly on: boolean; readonly slots: readonly string[] }[]
}

const slotOf = (pos: number, value: string) => `${pos}/${value}`

const readAhead = async (moves: Moves, position: string): Promise<Ahead | null> => {
  const { log } = moves.shape
  const from = parseOffset(position)
  if (from === null || moves.lastEvent < from.tx) return null
  const brought = new Set<string>()
  const changed = new Set<string>()
  const events: { on: boolean; slots: string[] }[] = []
  for await (const piece of log.read(from, log.tail))
    for (const text of Buffer.from(piece).toString('utf8').split(',\n')) {
      const { key, headers } = JSON.parse(text) as Item
      if (headers.event !== undefined)
        events.push({
          on: headers.event === 'move-in',
          slots: (headers.patterns ?? []).map(({ pos, value }) => slotOf(pos, value)),
        })
      else if (key !== undefined) (headers.operation === 'insert' ? brought : changed).add(key)
    }
  return events.length === 0 ? null : { brought, changed, events }
}

/** The row with its conditions at the reader's position; null when it was another row, or not there, on the events' way. */
const setBack = (
  text: string,
  { events, changed }: Ahead,
  disjuncts: readonly (readonly number[])[],
): string | null => {
  const row = JSON.parse(text) as Item
  const { tags = [], active_conditions: active = [] } = row.headers
  const positions = new Map<string, number>()
  for (const tag of tags)
    for (const [pos, value] of tag.split('/').entries()) if (value !== '') positions.set(slotOf(pos, value), pos)
  const current = [...active]
  const seen = new Set<number>()
  const changes: { pos: number; on: boolean }[] = []
  for (const { on, slots } of events)
    for (const slot of slots) {
      const pos = positions.get(slot)
      if (pos === undefined) continue
      changes.push({ pos, on })
      // Events alternate: before the first one it was the other way round.
      if (!seen.has(pos)) current[pos] = !on
      seen.add(pos)
    }
  if (changes.length === 0) return text
  if (changed.has(row.key ?? '')) return null
  row.headers.active_conditions = [...current]
  const visible = () => disjuncts.some(positions => positions.every(pos => current[pos] === true))
  for (const { pos, on } of changes) {
    current[pos] = on
    if (!on && !visible()) return null
  }
  return JSON.stringify(row)
}

/** The rows to answer with; null when no answer would be right for every reader at `position`. */
export const settleSubset = async (
  rows: readonly string[],
  moves: Moves,
  position: string,
): Promise<readonly string[] | null> => {
  const ahead = rows.length === 0 ? null : await readAhead(moves, position)
  if (ahead === null) return rows
  let next = 0
  const disjuncts = moves.filter.disjuncts.map(disjunct => disjunct.map(() => next++))
  const settled: string[] = []
  for (const text of rows) {
    if (ahead.brought.has((JSON.parse(text) as Item).key ?? '')) continue
    const row = setBack(text, ahead, disjuncts)
    if (row === null) return null
    settled.push(row)
  }
  return settled
}
