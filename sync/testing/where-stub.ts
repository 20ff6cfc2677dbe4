// A small row filter for tests of the engine: conditions `column op constant` joined by AND. Everything else is refused.
import { quoteIdentifier, quoteLiteral } from '../engine/identifiers.ts'
import type { CompiledWhere, CompileWhere } from '../engine/shapes/where-contract.ts'

class WhereError extends Error {
  override name = 'WhereError'
}

interface Condition {
  readonly column: string
  readonly op: string
  readonly value: string
  readonly numeric: boolean
}

const compare = (op: string, order: number): boolean =>
  op === '=' ? order === 0 : op === '<>' ? order !== 0 : op === '<' ? order < 0 : order > 0

/** Compiles the small language. */
export const compileWhere: CompileWhere = async (text, params, columns): Promise<CompiledWhere> => {
  const conditions = text.split(/\s+and\s+/i).map((part): Condition => {
    const match = /^\s*(\w+)\s*(=|<>|<|>)\s*(?:'([^']*)'|(-?\d+)|\$(\d+))\s*$/.exec(part)
    if (match === null) throw new WhereError(`At location 0: syntax error at or near "${part.trim()}"`)
    const [, name = '', op = '', quoted, number, parameter] = match
    const column = columns.find(candidate => candidate.name === name)
    if (column === undefined) throw new WhereError(`At location 0: unknown reference ${name}`)
    const bound = parameter === undefined ? undefined : params[parameter]
    if (parameter !== undefined && bound === undefined)
      throw new WhereError(`At location 0: parameter $${parameter} was not provided`)
    return {
      column: name,
      op,
      value: quoted ?? number ?? bound ?? '',
      numeric: /^(int|float|numeric)/.test(column.typeName),
    }
  })
  const sql = conditions
    .map(({ column, op, value }) => `${quoteIdentifier(column)} ${op} ${quoteLiteral(value)}`)
    .join(' AND ')
  return {
    sql,
    identity: sql,
    columns: conditions.map(condition => condition.column),
    equalities: conditions.filter(c => c.op === '=').map(c => ({ column: c.column, values: [c.value] })),
    compile: order => {
      const bound = conditions.map(condition => ({ ...condition, index: order.indexOf(condition.column) }))
      return row =>
        bound.every(({ index, op, value, numeric }) => {
          const text = row[index]
          if (text === null || text === undefined) return false
          return compare(op, numeric ? Number(text) - Number(value) : text === value ? 0 : text < value ? -1 : 1)
        })
    },
  }
}
