// What effects are made of: the rows they see, and the small steps that most of them take. Pure.
import { place } from '../../../server/kernel/placement.ts'
import { byRank, freshRanks } from '../../../server/kernel/rank.ts'
import type { AnyRow } from '../types.ts'

/** The rows an effect may read and change, by shape name and row id. */
export interface View {
  get(shape: string, id: string): AnyRow | undefined
  rows(shape: string): Iterable<AnyRow>
  put(shape: string, id: string, row: AnyRow): void
  remove(shape: string, id: string): void
}

export interface EffectContext {
  /** ISO 8601; the transaction's `edited_at`. */
  readonly editedAt: string
  readonly userId: string | undefined
  readonly userName: string | undefined
}

export type Args = Readonly<Record<string, unknown>>
/** By command name. */
export type Effects = Readonly<Record<string, Effect>>
export type Effect = (view: View, args: Args, context: EffectContext) => void

/** `value`, or '' where it is no text. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
/** `value`, or 0 where it is no number. */
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** Changes a row, if the client holds it. */
export const patch = (view: View, shape: string, id: unknown, change: Args): void => {
  const row = view.get(shape, text(id))
  if (row) view.put(shape, text(id), { ...row, ...change })
}

/** Those of `names` that are given. */
export const picked = (args: Args, names: readonly string[]): Args =>
  Object.fromEntries(names.filter(name => args[name] !== undefined).map(name => [name, args[name]]))

/** The rank for a row among `siblings`, or undefined when it stays where it is. */
export const rankFor = (siblings: readonly AnyRow[], args: Args, moved: boolean): string | undefined => {
  const ranked = siblings.map(row => ({ id: text(row.id), rank: text(row.rank) }))
  try {
    const placement = place(ranked, args, moved, () => 0.5)
    if (placement.kind === 'rank') return placement.rank
    // the server will write the list anew; until then the neighbour's rank keeps the row close
    if (placement.kind === 'rewrite') return ranked.toSorted(byRank)[Math.max(0, placement.index - 1)]?.rank
    return undefined
  } catch {
    return undefined
  }
}

/** Rows with the same parent. */
export const siblings = (view: View, shape: string, parent: string, parentId: unknown, except: unknown): AnyRow[] =>
  [...view.rows(shape)].filter(row => row[parent] === parentId && row.id !== except)

/** The columns that every new row has; version 0 until the server has made it. */
export const created = (args: Args, { editedAt }: EffectContext): Args => ({
  id: args.id,
  version: 0,
  created_at: editedAt,
  updated_at: editedAt,
})

/** Adds to counters of a row, if the client holds it; never below 0. */
export const count = (view: View, shape: string, id: unknown, changes: Readonly<Record<string, number>>): void => {
  const row = view.get(shape, text(id))
  if (!row) return
  const after = Object.entries(changes).map(([name, by]) => [name, Math.max(0, number(row[name]) + by)])
  view.put(shape, text(id), { ...row, ...Object.fromEntries(after) })
}

/** The smallest by (rank, id). */
export const firstByRank = (rows: readonly AnyRow[]): AnyRow | undefined =>
  rows.toSorted((a, b) => byRank({ id: text(a.id), rank: text(a.rank) }, { id: text(b.id), rank: text(b.rank) }))[0]

/** Puts rows of a shape into the order of `ids`; nothing where they are not exactly the present ones. */
export const reorder = (view: View, shape: string, rows: readonly AnyRow[], ids: unknown): void => {
  const wanted = Array.isArray(ids) ? (ids as unknown[]) : []
  const present = new Set(rows.map(row => row.id))
  const isComplete = wanted.length === present.size && new Set(wanted).size === present.size
  if (!isComplete || wanted.some(id => !present.has(id))) return
  const ranks = freshRanks(wanted.length, () => 0.5)
  for (const [index, id] of wanted.entries()) patch(view, shape, id, { rank: ranks[index] })
}
