// Which values a transaction brings into the literals of a shape, and which it takes out. Pure: views come in.
import type { Filter } from './definition.ts'
import { nullKey, totalKey } from './keys.ts'
import type { Gains } from './move-in.ts'
import type { TxRecord, View } from './records.ts'
import type { ValueSet } from './value-set.ts'

/** What a transaction does to the literals: keys for which a literal begins or ceases to hold. */
export interface Moved {
  readonly gains: Gains
  readonly losses: Gains
  /** A NULL came into or left a NOT IN: every row is concerned. */
  readonly everything: boolean
}

/** The literals of a shape, and the sets of those that have one. */
export interface Literals {
  readonly filter: Filter
  readonly sets: ReadonlyMap<number, ValueSet>
}

/** What `record` does, which is the next one ahead of the views. */
export const movedBy = (record: TxRecord, { filter, sets }: Literals, views: ReadonlyMap<ValueSet, View>): Moved => {
  const gains = new Map<number, ReadonlySet<string>>()
  const losses = new Map<number, ReadonlySet<string>>()
  let everything = false
  for (const [index, set] of sets) {
    const delta = record.values.get(set)
    const view = views.get(set)
    const literal = filter.literals[index]
    if (delta === undefined || view === undefined || literal?.kind !== 'member') continue
    const after = view.after(record)
    const gained = new Set<string>()
    const lost = new Set<string>()
    const note = (key: string, counted: string) => {
      const was = view.count(counted) > 0
      const is = after.count(counted) > 0
      if (was !== is) (is !== literal.negated ? gained : lost).add(key)
    }
    if (literal.negated && view.count(nullKey) > 0 !== after.count(nullKey) > 0) everything = true
    // Where a NULL stays among the values, NOT IN holds for nothing, whatever else comes and goes.
    if (literal.negated && after.count(nullKey) > 0) continue
    for (const key of delta.keys()) if (key !== nullKey && key !== totalKey) note(key, key)
    if (literal.negated && literal.columns.length === 1) note(nullKey, totalKey)
    if (gained.size > 0) gains.set(index, gained)
    if (lost.size > 0) losses.set(index, lost)
  }
  return { gains, losses, everything }
}

/** Everything that the records bring in, one after the other; `count` is the number of values, each time they come. */
export const gainsOf = (
  records: readonly TxRecord[],
  literals: Literals,
  ahead: ReadonlyMap<ValueSet, View>,
): { readonly gains: Gains; readonly count: number } => {
  const gains = new Map<number, Set<string>>()
  const views = new Map([...ahead].map(([set, view]) => [set, view.clone()]))
  let count = 0
  for (const record of records) {
    for (const [literal, keys] of movedBy(record, literals, views).gains) {
      const all = gains.get(literal) ?? new Set()
      for (const key of keys) all.add(key)
      gains.set(literal, all)
      count += keys.size
    }
    for (const view of views.values()) view.pass(record)
  }
  return { gains, count }
}
