// A subset's order: column references and constants with their direction, rendered so that nothing else gets through.

import { WhereError, refuse } from './errors.ts'
import { parseOrderBy } from './parse.ts'
import { locationOf } from './nodes.ts'
import { resolve, scopeOf } from './resolve.ts'
import { quoteIdentifier } from './sql.ts'
import type { WhereColumn } from './where.ts'

/** An order that is safe to put after ORDER BY. */
export interface CompiledOrderBy {
  readonly sql: string
  readonly columns: readonly string[]
}

const directions: Readonly<Record<string, string>> = { SORTBY_ASC: ' ASC', SORTBY_DESC: ' DESC' }
const nullOrders: Readonly<Record<string, string>> = {
  SORTBY_NULLS_FIRST: ' NULLS FIRST',
  SORTBY_NULLS_LAST: ' NULLS LAST',
}

/** Compiles a subset's order_by. Throws WhereError. */
export const compileOrderBy = async (text: string, columns: readonly WhereColumn[]): Promise<CompiledOrderBy> => {
  const scope = scopeOf(columns, {}, undefined)
  const parts: string[] = []
  const used: string[] = []
  for (const key of await parseOrderBy(text)) {
    if (!('SortBy' in key) || key.SortBy.node === undefined) throw new WhereError('order_by is not valid')
    const { node, sortby_dir: direction = '', sortby_nulls: nulls = '' } = key.SortBy
    if (direction === 'SORTBY_USING') throw refuse(locationOf(node), 'USING is not supported in ORDER BY clauses')
    if ('ParamRef' in node) {
      throw refuse(
        node.ParamRef.location,
        `parameter $${node.ParamRef.number ?? 0} is not supported in ORDER BY clauses`,
      )
    }
    // A constant orders nothing; as it stands, an integer would name an output column.
    if ('A_Const' in node) continue
    if (!('ColumnRef' in node)) {
      throw refuse(
        locationOf(node),
        `${Object.keys(node)[0] ?? 'other'} expressions are not allowed in ORDER BY clauses`,
      )
    }
    const expr = resolve(node, scope)
    if (expr.kind !== 'column') continue
    used.push(expr.name)
    parts.push(`${quoteIdentifier(expr.name)}${directions[direction] ?? ''}${nullOrders[nulls] ?? ''}`)
  }
  if (parts.length === 0) parts.push('(NULL::pg_catalog.text)')
  return { sql: parts.join(', '), columns: [...new Set(used)] }
}
