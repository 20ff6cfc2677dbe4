// Which column values a clause asks for: AND-ed conditions `column = constant` that the router can look rows up by. A
// condition counts only where equality of SQL values is equality of their text output.

import type { Expr } from './tree.ts'
import { typeInfo } from './types.ts'
import type { ArrayValue, Value } from './values.ts'

/** A row can match only when the column's text output is one of the values. */
export interface Equality {
  readonly column: string
  readonly values: readonly string[]
}

// bool prints as 't'/'f' in the log's rows; bpchar, numeric and floats have several texts for one value.
const textual = new Set([
  'int2',
  'int4',
  'int8',
  'text',
  'varchar',
  'name',
  'uuid',
  'bool',
  'date',
  'time',
  'timestamp',
  'timestamptz',
])

const boolTexts = (value: string): readonly string[] => (value === 't' ? ['t', 'true'] : ['f', 'false'])

const textsOf = (column: Expr, type: string, values: readonly (Value | null)[]): readonly string[] | undefined => {
  if (!textual.has(column.type)) return undefined
  if (column.collation !== undefined && !column.collation.deterministic) return undefined
  const info = typeInfo(type)
  if (info === undefined) return undefined
  // A constant of another type must print as the column would: integers do among themselves, texts too.
  const family = (name: string): string =>
    name.startsWith('int') && name !== 'interval' ? 'int' : ['text', 'varchar', 'name'].includes(name) ? 'text' : name
  if (family(column.type) !== family(type)) return undefined
  const texts = values.flatMap(value => (value === null ? [] : [info.format(value)]))
  return column.type === 'bool' ? texts.flatMap(boolTexts) : texts
}

// A column below casts that leave its text as it is.
const columnOf = (expr: Expr): (Expr & { kind: 'column' }) | undefined => {
  if (expr.kind === 'column') return expr
  const keeps =
    expr.kind === 'call' &&
    expr.form === 'cast' &&
    ['pg_catalog.text', 'pg_catalog.varchar', 'pg_catalog.int4', 'pg_catalog.int8'].includes(expr.name)
  const [arg] = keeps ? expr.args : []
  if (arg === undefined || !['int2', 'int4', 'int8', 'text', 'varchar', 'name'].includes(arg.type)) return undefined
  return columnOf(arg)
}

const equalityOf = (column: Expr, type: string, values: readonly (Value | null)[]): readonly Equality[] => {
  const found = columnOf(column)
  const texts = found === undefined ? undefined : textsOf(found, type, values)
  return found === undefined || texts === undefined ? [] : [{ column: found.name, values: [...new Set(texts)] }]
}

/** The necessary equalities of a condition; empty when there are none. */
export const equalitiesOf = (expr: Expr): readonly Equality[] => {
  switch (expr.kind) {
    case 'and':
      return expr.args.flatMap(equalitiesOf)
    case 'column':
      return expr.type === 'bool' ? equalityOf(expr, 'bool', [true]) : []
    case 'not':
      return expr.arg.kind === 'column' ? equalityOf(expr.arg, 'bool', [false]) : []
    case 'call': {
      const [left, right] = expr.args
      if (expr.form !== 'operator' || expr.name !== '=' || left === undefined || right === undefined) return []
      if (right.kind === 'const') return equalityOf(left, right.type, [right.value])
      return left.kind === 'const' ? equalityOf(right, left.type, [left.value]) : []
    }
    case 'any-all':
      if (expr.name !== '=' || expr.all || expr.right.kind !== 'const') return []
      return equalityOf(
        expr.left,
        expr.right.type.slice(1),
        expr.right.value === null ? [] : (expr.right.value as ArrayValue).elements,
      )
    case 'or':
      return merged(expr.args.map(equalitiesOf))
    default:
      return []
  }
}

// An OR whose every branch asks for a value of the same column asks for one of all of them.
const merged = (branches: readonly (readonly Equality[])[]): readonly Equality[] => {
  const [first = [], ...rest] = branches
  return first.flatMap(({ column, values }) => {
    const others = rest.map(branch => branch.find(e => e.column === column))
    if (others.includes(undefined)) return []
    return [{ column, values: [...new Set([...values, ...others.flatMap(e => e?.values ?? [])])] }]
  })
}
