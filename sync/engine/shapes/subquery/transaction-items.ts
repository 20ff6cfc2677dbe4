// What one transaction makes of a subquery shape's log: the items for its changes of rows, then those for what moves out
// and in. Pure: the values before and after come in, and whoever asks knows when they do.
import type { Relation } from '../../replication/pgoutput.ts'
import { keyColumns, type ShapeDefinition } from '../definition.ts'
import { createPlan, type Effect, keyPrefix, keySection, type Plan } from '../encode.ts'
import type { Filter } from './definition.ts'
import { activeLiterals, type Facts, isVisibleRow } from './literals.ts'
import type { Gains, Row } from './move-in.ts'
import type { Moved } from './moved.ts'
import type { Counts, RowChange, TxRecord } from './records.ts'
import type { Pattern, TaggedRow, Tagger } from './tags.ts'

interface Bound {
  readonly plan: Plan
  readonly project: (row: Row) => Row
}

/** One line of the log. */
export interface Item {
  readonly op: number
  readonly json: string
}

/** A transaction and what is known about it. */
export interface Committed {
  readonly record: TxRecord
  /** Changes of the shape's own table, in their order. */
  readonly changes: readonly RowChange[]
  /** Whether the transaction changes the values that the shape's rows are judged by. */
  readonly movesValues: boolean
  readonly moved: Moved
  /** The rows for which a literal begins to hold, as they are right after the transaction. */
  readonly entering: readonly Row[]
  /** The values of a literal before and after the transaction. */
  readonly before: (literal: number) => Counts
  readonly after: (literal: number) => Counts
  /** What follows the rows that move in. */
  readonly snapshotEnd: () => string
}

/** Makes the items of one shape. */
export interface ItemMaker {
  /** The columns that the shape needs, of a row of the stream. */
  readonly project: (relation: Relation, row: Row) => Row
  /** Throws when the stream does not have a column of the shape. */
  readonly items: (committed: Committed) => readonly Item[]
}

/** A maker for the shape of this definition; `columns` are those of the rows that `factsOf` reads. */
export const createItemMaker = (options: {
  readonly definition: ShapeDefinition
  readonly filter: Filter
  readonly tagger: Tagger
  readonly columns: readonly string[]
  readonly factsOf: (row: Row) => Facts
}): ItemMaker => {
  const { definition, filter, tagger, columns, factsOf } = options
  const { schema, name, selected } = definition
  const known = new WeakMap<Relation, Bound>()
  const prefix = keyPrefix(schema, name)
  const keyAt = keyColumns(definition).map(column => columns.indexOf(column))
  const keyOf = (row: Row): string => keyAt.reduce((key, position) => key + keySection(row[position] ?? null), prefix)

  const bind = (relation: Relation): Bound => {
    const before = known.get(relation)
    if (before !== undefined) return before
    const at = columns.map(name => relation.columns.findIndex(column => column.name === name))
    if (at.includes(-1)) throw new Error('a column of the shape is not in the stream')
    const bound = {
      plan: createPlan(definition, relation),
      project: (row: Row) => at.map(position => row[position] ?? null),
    }
    known.set(relation, bound)
    return bound
  }

  const eventJson = (event: 'move-in' | 'move-out', moved: Gains, { xid }: TxRecord): string => {
    const patterns: Pattern[] = []
    for (const [literal, keys] of moved) patterns.push(...tagger.patterns(literal, [...keys]))
    return `{"headers":{"event":"${event}","patterns":${JSON.stringify(patterns)},"txids":[${xid}]}}`
  }

  const rowJson = (key: string, row: Row, tagged: TaggedRow): string => {
    const value = JSON.stringify(Object.fromEntries(selected.map((column, index) => [column, row[index] ?? null])))
    return `{"key":${JSON.stringify(key)},"value":${value},"headers":{"operation":"insert","relation":${JSON.stringify([schema, name])},"is_move_in":true${tagger.headers(tagged)}}}`
  }

  /** What the changes of rows make of the shape; `touched` gets the keys of all rows that they are about. */
  const changeItems = ({ changes, movesValues, before, after }: Committed, touched: Set<string>): Item[] => {
    const items: Item[] = []
    /** Row versions that this transaction has already written: readers have been told of them as they are after it. */
    const written = new Map<string, number>()
    /** Null for a row that is in the shape neither before nor after the transaction. */
    const judge = (row: Row) => {
      const facts = factsOf(row)
      const active = activeLiterals(filter, facts, before)
      const later = movesValues ? activeLiterals(filter, facts, after) : active
      const seen = isVisibleRow(filter, active) || (movesValues && isVisibleRow(filter, later))
      return seen ? { row, facts, before: active, after: later } : null
    }
    const tagged = (judged: ReturnType<typeof judge>, active: readonly boolean[] | null): TaggedRow | null =>
      judged === null || active === null ? null : { tags: tagger.tags(judged.facts), active }
    for (const { relation, change } of changes) {
      const { plan, project } = bind(relation)
      const previous = change.previous === null ? null : judge(project(change.previous.row()))
      const next = change.next === null ? null : judge(project(change.next.row()))
      // Most changes of a table concern few of its shapes.
      if (previous === null && next === null) continue
      let own = 0
      if (previous !== null) {
        const text = JSON.stringify(previous.row)
        own = written.get(text) ?? 0
        if (own > 0) written.set(text, own - 1)
      }
      if (next !== null) {
        const text = JSON.stringify(next.row)
        written.set(text, (written.get(text) ?? 0) + 1)
      }
      if (change.previous !== null) touched.add(plan.keyOf(change.previous))
      if (change.next !== null) touched.add(plan.keyOf(change.next))
      const from = previous === null ? null : own > 0 ? previous.after : previous.before
      const to = next === null ? null : next.after
      const was = from !== null && isVisibleRow(filter, from)
      const is = to !== null && isVisibleRow(filter, to)
      const effect: Effect | null = was ? (is ? 'update' : 'delete') : is ? 'insert' : null
      if (effect === null) continue
      const [first, second] = plan.encodeWith(
        change,
        effect,
        tagger.rowHeaders(tagged(previous, from), tagged(next, to)),
      )
      if (first !== undefined) items.push({ op: change.op, json: first })
      if (second !== undefined) items.push({ op: change.op + 1, json: second })
    }
    return items
  }

  const all = (committed: Committed): readonly Item[] => {
    const { record, moved, entering, before, after } = committed
    const touched = new Set<string>()
    const items = changeItems(committed, touched)
    const last = items.at(-1)
    if (last !== undefined) items[items.length - 1] = { op: last.op, json: `${last.json.slice(0, -2)},"last":true}}` }
    let { op } = record
    const put = (json: string) => {
      items.push({ op, json })
      op += 1
    }
    if (moved.losses.size > 0) put(eventJson('move-out', moved.losses, record))
    if (moved.gains.size === 0) return items
    put(eventJson('move-in', moved.gains, record))
    const rows = new Map<string, string>()
    for (const row of entering) {
      const facts = factsOf(row)
      const was = activeLiterals(filter, facts, before)
      const active = activeLiterals(filter, facts, after)
      // The move-out has taken away what only other conditions than those that begin to hold kept visible.
      const kept = was.map((held, literal) => held && active[literal] === true)
      if (isVisibleRow(filter, kept) || !isVisibleRow(filter, active)) continue
      const key = keyOf(row)
      if (!touched.has(key)) rows.set(key, rowJson(key, row, { tags: tagger.tags(facts), active }))
    }
    for (const key of [...rows.keys()].sort()) put(rows.get(key) ?? '')
    if (rows.size > 0) put(committed.snapshotEnd())
    return items
  }

  return { project: (relation, row) => bind(relation).project(row), items: all }
}
