// Which literals of a filter hold for a row, given the counts of its sets.
import { predicate } from '../where/evaluate.ts'
import type { Filter } from './definition.ts'
import { keyOf, nullKey, totalKey } from './keys.ts'
import type { Counts } from './records.ts'

/** NOT IN over several columns met a NULL, for which a count per value is not enough. */
export class NotExact extends Error {
  override name = 'NotExact'
}

/** Whether a value is (not) in a set, in the sense of WHERE: NULL is as good as false. */
export const holds = (key: string, counts: Counts, literal: { negated: boolean; width: number }): boolean => {
  if (!literal.negated) return key !== nullKey && counts.count(key) > 0
  if (counts.count(totalKey) === 0) return true
  if (literal.width > 1 && (key === nullKey || counts.count(nullKey) > 0))
    throw new NotExact('NOT IN over several columns met a NULL')
  return key !== nullKey && counts.count(nullKey) === 0 && counts.count(key) === 0
}

/** What a row says about each literal: true or false for a plain one, a key for a membership. */
export type Facts = readonly (boolean | string)[]

/** A filter bound to an order of columns. Rows are text output; an error in a literal means that it does not hold. */
export const bindFacts = (
  filter: Filter,
  columnOrder: readonly string[],
): ((row: readonly (string | null)[]) => Facts) => {
  const positions = new Map(columnOrder.map((name, index) => [name, index]))
  const readers = filter.literals.map((literal): ((row: readonly (string | null)[]) => boolean | string) => {
    if (literal.kind === 'plain') return predicate(literal.expr, positions)
    const at = literal.columns.map(name => {
      const position = positions.get(name)
      if (position === undefined) throw new Error(`column ${name} is not in the row`)
      return position
    })
    return row =>
      keyOf(
        literal.canonical,
        at.map(position => row[position] ?? null),
      )
  })
  return row => readers.map(reader => reader(row))
}

/** Which literals hold. */
export const activeLiterals = (
  filter: Filter,
  facts: Facts,
  countsOf: (literal: number) => Counts,
): readonly boolean[] =>
  filter.literals.map((literal, index) => {
    const fact = facts[index]
    if (literal.kind === 'plain' || typeof fact !== 'string') return fact === true
    return holds(fact, countsOf(index), { negated: literal.negated, width: literal.columns.length })
  })

/** Whether some disjunct has all its literals. */
export const isVisibleRow = (filter: Filter, active: readonly boolean[]): boolean =>
  filter.disjuncts.some(disjunct => disjunct.every(literal => active[literal] === true))
