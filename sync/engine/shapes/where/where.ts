// The door of the where language: a clause's text → SQL for the snapshot and a predicate for the stream, which agree on
// every row, or a WhereError. Rows are PostgreSQL's text output under DateStyle ISO, TimeZone UTC, IntervalStyle
// iso_8601, extra_float_digits 1; the SQL must run under TimeZone UTC as well. The text depends on nothing else.

import { bytewise } from './collation.ts'
import { EvaluationError, WhereError } from './errors.ts'
import { predicate } from './evaluate.ts'
import { equalitiesOf } from './index-keys.ts'
import { parseWhere } from './parse.ts'
import { render } from './render.ts'
import { resolveCondition, scopeOf } from './resolve.ts'
import { partsOf, sizeOf, type Collation, type Expr } from './tree.ts'

export { WhereError } from './errors.ts'
export { type Question, Unanswered } from './asked.ts'
export { compileOrderBy } from './order-by.ts'
export { hasSubquery } from './parse.ts'

/** A column of the root table, as the catalogs describe it. */
export interface WhereColumn {
  readonly name: string
  /** pg_type.typname, '_int4' for arrays */
  readonly typeName: string
  readonly typeOid: number
  readonly typmod: number
  /** pg_type.typtype (b, e, d, c, r, …); the element's for arrays */
  readonly typeKind: string
  /** order is that of the bytes: the collation, or the database's default when it is that, is C, C.UTF-8, POSIX, ucs_basic */
  readonly collationSafe: boolean
  /** besides, only ASCII letters have a case: C, POSIX, ucs_basic, but not C.UTF-8; unset: not known */
  readonly collationAscii?: boolean
  readonly collationDeterministic: boolean
  /** SQL name of the column's collation; unset: not known, and nothing that depends on it is accepted */
  readonly collation?: string
}

/** A clause that was accepted. */
export interface CompiledWhere {
  /** canonical SQL with parameters as typed literals; safe inside parentheses */
  readonly sql: string
  /** equal for clauses that differ only in whitespace, case of keywords, or literal against parameter */
  readonly identity: string
  /** the columns that are referred to */
  readonly columns: readonly string[]
  /** AND-ed necessary conditions: a row matches only when row[column] (text output) is one of the values */
  readonly equalities: readonly { readonly column: string; readonly values: readonly string[] }[]
  /**
   * The predicate over rows of text output by position. bool may be 't'/'f' or 'true'/'false', bytea hex. NULL and
   * evaluation errors are false. Throws Unanswered where PostgreSQL has to be asked first, and nothing else. Throws at once when `columnOrder` lacks a column of the clause.
   */
  readonly compile: (columnOrder: readonly string[]) => (row: readonly (string | null)[]) => boolean
}

/** What is known about the database. */
export interface WhereOptions {
  /** collationSafe of the default collation, which text from no column has */
  readonly defaultCollationSafe?: boolean
  /** collationAscii of the default collation */
  readonly defaultCollationAscii?: boolean
  /** only `sql` will be used (a subset): whatever depends on a collation is left to PostgreSQL, `compile` is not exact */
  readonly sqlOnly?: boolean
}

const columnsOf = (root: Expr): readonly string[] => {
  const found = new Set<string>()
  const walk = (expr: Expr): void => {
    if (expr.kind === 'column') found.add(expr.name)
    for (const part of partsOf(expr)) walk(part)
  }
  walk(root)
  return [...found].sort()
}

// A clause of 64 KiB has fewer, unless it nests what is written once but meant several times.
const maxSize = 100_000

const defaultCollation = (options: WhereOptions): Collation | undefined => {
  if (options.sqlOnly === true) return bytewise
  if (options.defaultCollationSafe !== true) return undefined
  return { ...bytewise, ascii: options.defaultCollationAscii === true }
}

/** What an accepted condition is compiled to; `compile` throws when it has a membership. */
export const compileExpr = (expr: Expr): CompiledWhere => {
  if (sizeOf(expr) > maxSize) throw new WhereError('the clause is too complex')
  const sql = render(expr)
  return {
    sql,
    identity: sql,
    columns: columnsOf(expr),
    equalities: equalitiesOf(expr),
    compile: columnOrder => predicate(expr, new Map(columnOrder.map((name, i) => [name, i]))),
  }
}

/** Compiles a clause for a table with these columns; `params` are the values of $1, $2, … Rejects with WhereError. */
export const compileWhere = async (
  text: string,
  params: Readonly<Record<string, string>>,
  columns: readonly WhereColumn[],
  options: WhereOptions = {},
): Promise<CompiledWhere> => {
  const tree = await parseWhere(text)
  const scope = scopeOf(columns, params, {
    defaultCollation: defaultCollation(options),
    sqlOnly: options.sqlOnly === true,
  })
  try {
    return compileExpr(resolveCondition(tree, scope))
  } catch (error) {
    if (error instanceof RangeError) throw new WhereError('the clause is too complex')
    if (error instanceof EvaluationError) throw new WhereError(error.message)
    throw error
  }
}
