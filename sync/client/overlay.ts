// The optimistic layer: what the pending transactions make of the synced rows. It is derived, never stored: after each
// change of either it is computed anew. An applied transaction shows the rows of the server's answer, until the shapes
// hold that version.
import { answeredStatuses, applyMutation, bareRow, shapeOfCommand, type View } from './apply.ts'
import type { Pending } from './outbox-types.ts'
import type { AnyRow } from './types.ts'

/** Synced rows of all followed shapes, without layer. */
export interface Base {
  get(shape: string, id: string): AnyRow | undefined
  rows(shape: string): Iterable<readonly [string, AnyRow]>
}

/** Shape → id → the row as it looks now; null = gone. */
export type Layer = ReadonlyMap<string, ReadonlyMap<string, AnyRow | null>>

const versionOf = (row: AnyRow | undefined): number => (typeof row?.version === 'number' ? row.version : 0)

const isRow = (data: unknown): data is AnyRow & { id: string; version: number } =>
  typeof data === 'object' &&
  data !== null &&
  'id' in data &&
  typeof data.id === 'string' &&
  'version' in data &&
  typeof data.version === 'number'

interface AnsweredRow {
  readonly shape: string
  readonly row: AnyRow & { readonly id: string; readonly version: number }
}

/** The row that the server has answered for mutation `index`; undefined before the answer and for rows without version. */
const answeredRow = (pending: Pending, index: number): AnsweredRow | undefined => {
  const data = pending.results?.[index]?.data
  const shape = shapeOfCommand(pending.mutations[index]?.name ?? '')
  return shape !== undefined && isRow(data) ? { shape, row: data } : undefined
}

const isSeen = ({ shape, row }: AnsweredRow, base: Base): boolean => versionOf(base.get(shape, row.id)) >= row.version

/** Does `base` hold every answered row in the answer's version or a later one? False where rows cannot be compared. */
export const allSeen = (pending: Pending, base: Base): boolean =>
  pending.mutations.every((_, index) => {
    const answered = answeredRow(pending, index)
    return answered !== undefined && isSeen(answered, base)
  })

/** Computes the layer of `pending` (in order) over `base`. */
export const computeLayer = (
  base: Base,
  pending: readonly Pending[],
  person: { readonly userId: string | undefined; readonly userName: string | undefined },
): Layer => {
  const layer = new Map<string, Map<string, AnyRow | null>>()
  const tableOf = (shape: string) => {
    const table = layer.get(shape) ?? new Map<string, AnyRow | null>()
    layer.set(shape, table)
    return table
  }
  const view: View = {
    get: (shape, id) => {
      const over = layer.get(shape)?.get(id)
      return over === null ? undefined : (over ?? base.get(shape, id))
    },
    rows: function* (shape) {
      const over = layer.get(shape)
      for (const [id, row] of base.rows(shape)) if (!over?.has(id)) yield row
      for (const row of over?.values() ?? []) if (row !== null) yield row
    },
    put: (shape, id, row) => void tableOf(shape).set(id, row),
    remove: (shape, id) => void tableOf(shape).set(id, null),
  }
  for (const one of pending) {
    const context = { editedAt: one.edited_at, ...person }
    one.mutations.forEach((mutation, index) => {
      const answered = answeredRow(one, index)
      if (answered && isSeen(answered, base)) return
      applyMutation(view, mutation, context)
      if (!answered) return
      const { shape, row } = answered
      view.put(shape, row.id, { ...view.get(shape, row.id), ...bareRow(row) })
      for (const status of answeredStatuses(row)) {
        const id = String(status.id)
        if (view.get('task_statuses', id) === undefined) view.put('task_statuses', id, status)
      }
    })
  }
  return layer
}
