// The checked tree → SQL. Every operator is qualified, every literal typed, every level in parentheses: PostgreSQL has
// nothing left to choose, so it computes what the evaluator computes.

import { quoteIdentifier, sqlConstant } from './sql.ts'
import type { Expr, ExprOf, Subselect } from './tree.ts'
import { sqlType } from './sql.ts'
import { elementOf, isEnum, typeInfo } from './types.ts'

const operator = (name: string): string => `OPERATOR(pg_catalog.${name})`

const list = (args: readonly Expr[], separator: string): string => args.map(render).join(separator)

const call = (expr: ExprOf<'call'>): string => {
  const [first, second] = expr.args
  switch (expr.form) {
    case 'cast':
      return `CAST(${list(expr.args, ', ')} AS ${expr.name})`
    case 'collate':
      return `(${list(expr.args, ', ')} COLLATE ${expr.name})`
    case 'function':
      return `pg_catalog.${expr.name}(${list(expr.args, ', ')})`
    case 'operator':
      if (first === undefined) return ''
      if (second === undefined) return `(${operator(expr.name)} ${render(first)})`
      return `(${render(first)} ${operator(expr.name)} ${render(second)})`
  }
}

const nullTest = (expr: ExprOf<'null-test'>): string => {
  // A domain over a row type would be tested field by field; IS DISTINCT FROM NULL asks for the value itself.
  const opaque = typeInfo(expr.arg.type) === undefined
  const test = opaque ? `IS ${expr.negated ? '' : 'NOT '}DISTINCT FROM NULL` : `IS ${expr.negated ? 'NOT ' : ''}NULL`
  return `(${render(expr.arg)} ${test})`
}

const subscripts = (expr: ExprOf<'subscript'>): string =>
  expr.subscripts
    .map(({ lower, upper }) => {
      const end = upper === undefined ? '' : render(upper)
      return expr.slice ? `[${lower === undefined ? '' : render(lower)}:${end}]` : `[${end}]`
    })
    .join('')

const member = ({ args, from }: ExprOf<'member'>): string => {
  const left = args.length === 1 ? list(args, '') : `ROW(${list(args, ', ')})`
  return `(${left} ${operator('=')} ANY (${renderSubselect(from)}))`
}

/** The SQL of the other table's part. */
export const renderSubselect = ({ schema, name, columns, condition }: Subselect): string =>
  `SELECT ${list(columns, ', ')} FROM ${quoteIdentifier(schema)}.${quoteIdentifier(name)}${condition === null ? '' : ` WHERE ${render(condition)}`}`

/** The SQL of an expression. */
export const render = (expr: Expr): string => {
  switch (expr.kind) {
    case 'const':
      return sqlConstant(expr.type, expr.value)
    case 'column':
      return quoteIdentifier(expr.name)
    case 'call':
      return call(expr)
    case 'and':
      return `(${list(expr.args, ' AND ')})`
    case 'or':
      return `(${list(expr.args, ' OR ')})`
    case 'not':
      return `(NOT ${render(expr.arg)})`
    case 'null-test':
      return nullTest(expr)
    case 'bool-test':
      return `(${render(expr.arg)} IS ${expr.negated ? 'NOT ' : ''}${expr.test})`
    case 'distinct':
      return `(${render(expr.left)} IS ${expr.negated ? 'NOT ' : ''}DISTINCT FROM ${render(expr.right)})`
    case 'any-all':
      return `(${render(expr.left)} ${operator(expr.name)} ${expr.all ? 'ALL' : 'ANY'} (${render(expr.right)}))`
    case 'array': {
      const elements = `ARRAY[${list(expr.elements, ', ')}]`
      // One of them is a column (constants were folded), which gives an array of an enum its type.
      return isEnum(elementOf(expr.type) ?? '') ? elements : `CAST(${elements} AS ${sqlType(expr.type)})`
    }
    case 'coalesce':
      return `COALESCE(${list(expr.args, ', ')})`
    case 'greatest':
    case 'least':
      return `${expr.kind.toUpperCase()}(${list(expr.args, ', ')})`
    case 'member':
      return member(expr)
    case 'nullif':
      return `NULLIF(${render(expr.left)}, ${render(expr.right)})`
    case 'subscript':
      return `(${render(expr.arg)})${subscripts(expr)}`
  }
}
