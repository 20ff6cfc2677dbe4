// A clause's text → the parse tree of PostgreSQL's own grammar, of exactly one condition and nothing around it.

// first: see there
import './parser-flags.ts'
import { hasSqlDetails, parse, type Node, type SelectStmt } from 'libpg-query'
import { prefixLength, WhereError } from './errors.ts'

const maxBytes = 65_536
const maxDepth = 400
const prefix = 'SELECT 1 WHERE '
const orderPrefix = 'SELECT 1 ORDER BY '

const select = async (sql: string, text: string, split: string): Promise<SelectStmt> => {
  if (Buffer.byteLength(text) > maxBytes) throw new WhereError(`the clause is larger than ${maxBytes} bytes`)
  if (text.includes('\0')) throw new WhereError('At location 0: a NUL character is not allowed')
  const tree = await parse(sql).catch((error: unknown) => {
    if (hasSqlDetails(error) && error.sqlDetails !== undefined) {
      throw new WhereError(`At location ${error.sqlDetails.cursorPosition}: ${error.message}`)
    }
    throw new WhereError('the clause is too complex')
  })
  const [first, ...more] = tree.stmts ?? []
  if (more.length > 0 || first?.stmt_len !== undefined) throw new WhereError(split)
  if (first?.stmt === undefined || !('SelectStmt' in first.stmt)) throw new WhereError('malformed query')
  return first.stmt.SelectStmt
}

// The fields that a SELECT with only a condition or only an order has.
const plainKeys = new Set(['targetList', 'limitOption', 'op'])

const only = (statement: SelectStmt, clause: 'whereClause' | 'sortClause'): void => {
  for (const key of Object.keys(statement)) {
    if (key !== clause && !plainKeys.has(key)) throw new WhereError('malformed query ending with SQL clauses')
  }
  if (statement.op !== 'SETOP_NONE' || statement.limitOption !== 'LIMIT_OPTION_DEFAULT') {
    throw new WhereError('malformed query ending with SQL clauses')
  }
}

// Iterative: the tree may be deeper than the stack.
const checkDepth = (root: unknown): void => {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue
    // A level of nesting in SQL is up to four levels of objects here.
    if (next.depth > maxDepth * 4) throw new WhereError('the clause is nested too deeply')
    for (const value of Object.values(next.value)) stack.push({ value, depth: next.depth + 1 })
  }
}

/** The condition of `SELECT 1 WHERE <text>`. Throws WhereError. */
export const parseWhere = async (text: string): Promise<Node> => {
  const statement = await select(prefix + text, text, 'unescaped ";" causing statement split')
  only(statement, 'whereClause')
  if (statement.whereClause === undefined) throw new WhereError(`At location ${prefixLength}: syntax error`)
  checkDepth(statement.whereClause)
  return statement.whereClause
}

/** Whether a clause asks for the rows of another query. Throws WhereError where it does not parse. */
export const hasSubquery = async (text: string): Promise<boolean> => {
  const stack: unknown[] = [await parseWhere(text)]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next !== 'object' || next === null) continue
    if ('SubLink' in next) return true
    stack.push(...Object.values(next))
  }
  return false
}

/** The sort keys of `SELECT 1 ORDER BY <text>`. Throws WhereError. */
export const parseOrderBy = async (text: string): Promise<readonly Node[]> => {
  const statement = await select(orderPrefix + text, text, 'Unexpected `;` in order by')
  only(statement, 'sortClause')
  checkDepth(statement.sortClause)
  return statement.sortClause ?? []
}
