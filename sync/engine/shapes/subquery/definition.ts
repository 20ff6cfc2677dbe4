// What a subquery shape and its value sets are made of once a clause has been accepted.
import type { InnerTable } from '../definition.ts'
import type { Expr } from '../where/tree.ts'
import type { TypeName } from '../where/types.ts'
import type { Canonical } from './keys.ts'

/** One literal of a filter. */
export type FilterLiteral =
  | { readonly kind: 'plain'; readonly expr: Expr; readonly sql: string }
  | {
      readonly kind: 'member'
      readonly negated: boolean
      readonly columns: readonly string[]
      /** types of the other side's columns, for SQL */
      readonly types: readonly TypeName[]
      readonly canonical: readonly Canonical[]
      readonly set: SetDefinition
      /** the literal as a condition for Postgres */
      readonly sql: string
    }

/** A condition in disjunctive normal form over the columns of one table. */
export interface Filter {
  readonly literals: readonly FilterLiteral[]
  /** indexes of literals; counted through, they are the positions */
  readonly disjuncts: readonly (readonly number[])[]
  /** the columns that literals look at */
  readonly columns: readonly string[]
}

/** The values that one SELECT inside a clause gives. */
export interface SetDefinition {
  /** equal for selects that give the same values */
  readonly identity: string
  readonly table: InnerTable
  readonly columns: readonly string[]
  readonly canonical: readonly Canonical[]
  /** the rows' condition: nothing, a plain one, or one with subqueries of its own */
  readonly condition: null | { readonly expr: Expr; readonly sql: string } | Filter
}

/** The tables of a filter's subqueries, each once, with every column that some subquery looks at. */
export const innerTablesOf = (filter: Filter): readonly InnerTable[] => {
  const tables = new Map<number, InnerTable>()
  for (const { table } of setsOf(filter)) {
    const known = tables.get(table.oid)?.columns ?? []
    const more = table.columns.filter(column => !known.some(({ name }) => name === column.name))
    tables.set(table.oid, { ...table, columns: [...known, ...more] })
  }
  return [...tables.values()]
}

/** Whether a set depends on others. */
export const isNested = (condition: SetDefinition['condition']): condition is Filter =>
  condition !== null && 'literals' in condition

/** The sets of a filter, each once, those that others depend on first. */
export const setsOf = (filter: Filter): readonly SetDefinition[] => {
  const found = new Map<string, SetDefinition>()
  const walk = (inner: Filter) => {
    for (const literal of inner.literals) {
      if (literal.kind !== 'member') continue
      if (isNested(literal.set.condition)) walk(literal.set.condition)
      found.set(literal.set.identity, literal.set)
    }
  }
  walk(filter)
  return [...found.values()]
}
