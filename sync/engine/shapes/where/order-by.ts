// A subset's order: column references and constants with their direction, rendered so that nothing else gets through.

import { WhereError } from './errors.ts'
import { parseOrderBy } from './parse.ts'
import { locationOf, nameParts, type Location } from './nodes.ts'
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

// Unlike in a where clause, locations count the prefix here.
const refuseHere = (location: Location, message: string): WhereError =>
  new WhereError(`At location ${location ?? 0}: ${message}`)

/** Compiles a subset's order_by. Throws WhereError. */
export const compileOrderBy = async (text: string, columns: readonly WhereColumn[]): Promise<CompiledOrderBy> => {
  const known = new Set(columns.map(column => column.name))
  const parts: string[] = []
  const used: string[] = []
  for (const key of await parseOrderBy(text)) {
    if (!('SortBy' in key) || key.SortBy.node === undefined) throw new WhereError('order_by is not valid')
    const { node, sortby_dir: direction = '', sortby_nulls: nulls = '' } = key.SortBy
    if (direction === 'SORTBY_USING') throw refuseHere(locationOf(node), 'USING is not supported in ORDER BY clauses')
    if ('ParamRef' in node) {
      throw refuseHere(
        node.ParamRef.location,
        `parameter $${node.ParamRef.number ?? 0} is not supported in ORDER BY clauses`,
      )
    }
    // A constant orders nothing; as it stands, an integer would name an output column.
    if ('A_Const' in node) continue
    if ('TypeCast' in node)
      throw refuseHere(node.TypeCast.typeName?.location, 'TypeName expressions are not allowed in ORDER BY clauses')
    if (!('ColumnRef' in node)) {
      throw refuseHere(
        locationOf(node),
        `${Object.keys(node)[0] ?? 'other'} expressions are not allowed in ORDER BY clauses`,
      )
    }
    const [field, ...more] = nameParts(node.ColumnRef.fields)
    if (field === undefined || more.length > 0 || !known.has(field)) {
      throw refuseHere(node.ColumnRef.location, `unknown reference ${[field, ...more].join('.')}`)
    }
    used.push(field)
    parts.push(`${quoteIdentifier(field)}${directions[direction] ?? ''}${nullOrders[nulls] ?? ''}`)
  }
  if (parts.length === 0) parts.push('(NULL::pg_catalog.text)')
  return { sql: parts.join(', '), columns: [...new Set(used)] }
}
