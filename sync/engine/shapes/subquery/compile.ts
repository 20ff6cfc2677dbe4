// A shape's clause, which may have subqueries, → the compiled clause and, with subqueries, the filter of its literals.
// Inner tables are looked up as the clause names them; parameters are shared by all levels.
import type { Node, SelectStmt, SubLink } from 'libpg-query'
import { quoteRelation, type RelationName } from '../../identifiers.ts'
import { obstacleOf, streamedColumns, type Column, type Table } from '../tables.ts'
import { asks } from '../where/asked.ts'
import { bytewise } from '../where/collation.ts'
import { EvaluationError, FieldError, refuse, WhereError } from '../where/errors.ts'
import { nameParts } from '../where/nodes.ts'
import { parseWhere } from '../where/parse.ts'
import { render, renderSubselect } from '../where/render.ts'
import { resolve, resolveCondition, type Scope, scopeOf } from '../where/resolve.ts'
import type { Expr, ExprOf, Subselect } from '../where/tree.ts'
import { isCollatable, typeLabel } from '../where/types.ts'
import { type CompiledWhere, compileExpr } from '../where/where.ts'
import { type InnerTable, rememberedColumn } from '../definition.ts'
import type { Filter, FilterLiteral, SetDefinition } from './definition.ts'
import { type Dnf, hasMember, toDnf } from './dnf.ts'
import { formOf } from './keys.ts'

/** Subqueries in one clause, all levels together. */
const subqueryLimit = 20

/** A clause that was accepted; `filter` is null when it has no subqueries. */
export interface ShapeWhere {
  readonly where: CompiledWhere
  readonly filter: Filter | null
  /** the tables of its subqueries, each once */
  readonly inner: readonly Table[]
}

interface Context {
  readonly params: Readonly<Record<string, string>>
  readonly paramTypes: Scope['paramTypes']
  readonly lookup: (relation: RelationName) => Promise<Table | null>
  readonly tables: Map<string, Table>
  readonly subselects: Map<Subselect, { readonly table: Table; readonly filter: Filter | null }>
  count: number
}

/** The SubLinks of a tree, but not those inside of their SELECTs. */
const subLinksOf = (root: unknown): readonly SubLink[] => {
  const found: SubLink[] = []
  const walk = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    if ('SubLink' in value) {
      found.push(value.SubLink as SubLink)
      return
    }
    for (const part of Object.values(value)) walk(part)
  }
  walk(root)
  return found
}

const plainKeys = new Set(['targetList', 'fromClause', 'whereClause', 'limitOption', 'op'])

const selectOf = ({ subLinkType, operName, testexpr, subselect, location }: SubLink): SelectStmt => {
  if (subLinkType !== 'ANY_SUBLINK' || operName !== undefined || testexpr === undefined)
    throw refuse(location, 'only `value IN (SELECT ...)` sublinks are supported right now')
  if (subselect === undefined || !('SelectStmt' in subselect)) throw refuse(location, 'Expected a SELECT')
  const select = subselect.SelectStmt
  const plain =
    Object.keys(select).every(key => plainKeys.has(key)) &&
    select.op === 'SETOP_NONE' &&
    select.limitOption === 'LIMIT_OPTION_DEFAULT'
  if (!plain) throw new WhereError('SELECT statement must not contain any clauses')
  return select
}

const relationOf = (select: SelectStmt): RelationName & { readonly names: ReadonlySet<string> } => {
  const [from, ...more] = select.fromClause ?? []
  if (from === undefined || more.length > 0 || !('RangeVar' in from))
    throw new WhereError('Expected a single table reference')
  const { schemaname, catalogname, relname = '', inh, alias } = from.RangeVar
  if (catalogname !== undefined || inh !== true || alias?.colnames !== undefined)
    throw new WhereError('Expected a single table reference')
  return { schema: schemaname ?? 'public', name: relname, names: new Set([alias?.aliasname ?? relname]) }
}

/** `t.a` → `a` where `t` is the table of this level. */
const unqualified = <T>(value: T, names: ReadonlySet<string>): T => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(part => unqualified(part as unknown, names)) as T
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      if (key === 'SubLink') return [key, { ...part, testexpr: unqualified((part as SubLink).testexpr, names) }]
      if (key === 'ColumnRef') {
        const { fields, ...rest } = part as { fields?: Node[] }
        const parts = nameParts(fields)
        const own = parts.length === 2 && names.has(parts[0] ?? '')
        return [key, { ...rest, fields: own ? fields?.slice(1) : fields }]
      }
      return [key, unqualified(part as unknown, names)]
    }),
  ) as T
}

const columnsSelected = (select: SelectStmt, names: ReadonlySet<string>, scope: Scope, table: Table) =>
  (select.targetList ?? []).map(target => {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined
    const location = 'ResTarget' in target ? target.ResTarget.location : undefined
    const plain = unqualified(value, names)
    if (plain === undefined || !('ColumnRef' in plain) || nameParts(plain.ColumnRef.fields).includes('*'))
      throw refuse(location, 'Expected a plain column reference')
    const parts = nameParts(plain.ColumnRef.fields)
    if (parts.length === 1 && !table.columns.some(column => column.name === parts[0]))
      throw new FieldError('columns', `The following columns are not found on the table: ${parts[0] ?? ''}`)
    return resolve(plain, scope) as ExprOf<'column'>
  })

const scopeFor = (table: Table, context: Context): Scope => ({
  ...scopeOf(streamedColumns(table), context.params, {
    defaultCollation: table.defaults.defaultCollationSafe
      ? { ...bytewise, ascii: table.defaults.defaultCollationAscii }
      : undefined,
    sqlOnly: false,
  }),
  paramTypes: context.paramTypes,
})

const subselectOf = async (link: SubLink, context: Context): Promise<Subselect> => {
  context.count += 1
  if (context.count > subqueryLimit) throw new WhereError(`more than ${subqueryLimit} subqueries`)
  const select = selectOf(link)
  const { schema, name, names } = relationOf(select)
  const key = quoteRelation({ schema, name })
  const table = context.tables.get(key) ?? (await context.lookup({ schema, name }))
  if (table === null)
    throw new FieldError(
      'table',
      `Table ${key} does not exist. If the table name contains capitals or special characters you must quote it.`,
    )
  const obstacle = obstacleOf(table)
  if (obstacle !== null) throw new FieldError('table', obstacle)
  if (table.partitioned) throw refuse(link.location, 'a subquery over a partitioned table is not supported')
  context.tables.set(key, table)
  const columns = columnsSelected(select, names, scopeFor(table, context), table)
  const condition =
    select.whereClause === undefined ? null : await conditionOf(unqualified(select.whereClause, names), table, context)
  const subselect: Subselect = { schema, name, columns, condition }
  const filter = condition !== null && hasMember(condition) ? filterOf(toDnf(condition), table, context) : null
  context.subselects.set(subselect, { table, filter })
  return subselect
}

const shownTypes = (args: readonly Expr[]) =>
  args.length === 1 ? typeLabel(args[0]?.type ?? '') : `row of (${args.map(arg => typeLabel(arg.type)).join(', ')})`

const memberOf = (link: SubLink, from: Subselect, scope: Scope): Expr => {
  const { testexpr } = link
  const nodes = testexpr === undefined ? [] : 'RowExpr' in testexpr ? (testexpr.RowExpr.args ?? []) : [testexpr]
  if (nodes.length === 0 || nodes.some(node => !('ColumnRef' in node)))
    throw refuse(
      link.location,
      'currently, left side of `IN (SELECT ...)` can only be a column reference or a list of column references',
    )
  const args = nodes.map(node => resolve(node, scope))
  const fits =
    args.length === from.columns.length &&
    args.every((arg, index) => {
      const left = formOf(arg.type)
      return left !== undefined && left.family === formOf(from.columns[index]?.type ?? '')?.family
    })
  if (!fits)
    throw refuse(
      link.location,
      `left side of \`IN (SELECT ...)\` has type ${shownTypes(args)} but subquery returns ${shownTypes(from.columns)}[]`,
    )
  return { kind: 'member', type: 'bool', collation: undefined, args, from }
}

const conditionOf = async (tree: Node, table: Table, context: Context): Promise<Expr> => {
  const prepared = new Map<SubLink, Subselect>()
  for (const link of subLinksOf(tree)) prepared.set(link, await subselectOf(link, context))
  const scope = scopeFor(table, context)
  const member = (link: SubLink): Expr => {
    const from = prepared.get(link)
    if (from === undefined) throw refuse(link.location, 'a subquery is not supported here')
    return memberOf(link, from, scope)
  }
  return resolveCondition(tree, { ...scope, member })
}

const columnOf = (table: Table, name: string): Column => {
  const column = table.columns.find(candidate => candidate.name === name)
  if (column === undefined) throw new Error(`column ${name} is not in the table`)
  return column
}

const stored = ({ schema, name, oid, columns }: Table, needed: ReadonlySet<string>): InnerTable => ({
  schema,
  name,
  oid,
  columns: columns.filter(column => needed.has(column.name)).map(rememberedColumn),
})

const columnNames = (expr: Expr | null): readonly string[] => (expr === null ? [] : compileExpr(expr).columns)

const setOf = (from: Subselect, context: Context): SetDefinition => {
  const known = context.subselects.get(from)
  if (known === undefined) throw new Error('a subselect that nobody resolved')
  const { table, filter } = known
  const columns = from.columns.map(column => column.name)
  const needed = new Set([...columns, ...columnNames(from.condition)])
  return {
    identity: JSON.stringify([table.oid, renderSubselect(from)]),
    table: stored(table, needed),
    columns,
    canonical: from.columns.map(column => formOf(column.type)?.canonical ?? (text => text)),
    condition: filter ?? (from.condition === null ? null : { expr: from.condition, sql: render(from.condition) }),
  }
}

/** Whether `=` between the columns works at all, and is equality of what they print. */
const checkCollations = (member: ExprOf<'member'>, outer: Table, inner: Table): void => {
  for (const [index, arg] of member.args.entries()) {
    if (arg.kind !== 'column' || !isCollatable(arg.type)) continue
    const left = columnOf(outer, arg.name)
    const right = columnOf(inner, member.from.columns[index]?.name ?? '')
    if (!left.collationDeterministic || !right.collationDeterministic)
      throw new WhereError(`the collation of column ${arg.name} has no exact equality`)
    if (left.collationOid !== right.collationOid)
      throw new WhereError(`the columns ${arg.name} and ${right.name} have different collations`)
  }
}

const filterOf = (dnf: Dnf, table: Table, context: Context): Filter => {
  const columns = new Set<string>()
  const polarity = new Map<string, boolean>()
  const literals = dnf.literals.map((literal): FilterLiteral => {
    if (literal.kind === 'plain') {
      for (const name of columnNames(literal.expr)) columns.add(name)
      return { kind: 'plain', expr: literal.expr, sql: render(literal.expr) }
    }
    const { member, negated } = literal
    const set = setOf(member.from, context)
    const inner = context.subselects.get(member.from)?.table ?? table
    if ((polarity.get(set.identity) ?? negated) !== negated)
      throw new WhereError(
        'a subquery dependency cannot be used with both positive and negative polarity in the same filter',
      )
    polarity.set(set.identity, negated)
    checkCollations(member, table, inner)
    const names = member.args.map(arg => (arg as ExprOf<'column'>).name)
    const nullable = [...names.map(name => columnOf(table, name)), ...set.columns.map(name => columnOf(inner, name))]
    if (negated && names.length > 1 && nullable.some(column => !column.notNull))
      throw new WhereError('NOT IN over several columns is supported only when all of them are NOT NULL')
    for (const name of names) columns.add(name)
    return {
      kind: 'member',
      negated,
      columns: names,
      types: member.from.columns.map(column => column.type),
      canonical: member.args.map(arg => formOf(arg.type)?.canonical ?? (text => text)),
      set,
      sql: literal.sql,
    }
  })
  return { literals, disjuncts: dnf.disjuncts, columns: [...columns] }
}

/** Compiles the clause of a shape over `table`. Rejects with WhereError. */
export const compileShapeWhere = async (
  text: string,
  params: Readonly<Record<string, string>>,
  table: Table,
  lookup: (relation: RelationName) => Promise<Table | null>,
): Promise<ShapeWhere> => {
  const context: Context = {
    params,
    paramTypes: new Map(),
    lookup,
    tables: new Map(),
    subselects: new Map(),
    count: 0,
  }
  const tree = await parseWhere(text)
  try {
    const condition = await conditionOf(tree, table, context)
    const where = compileExpr(condition)
    if (!hasMember(condition)) return { where, filter: null, inner: [] }
    const conditions = [condition, ...[...context.subselects.keys()].flatMap(({ condition }) => condition ?? [])]
    if (conditions.some(asks))
      throw new WhereError('the clause has an operation that cannot be combined with subqueries')
    const filter = filterOf(toDnf(condition), table, context)
    return { where, filter, inner: [...context.tables.values()] }
  } catch (error) {
    if (error instanceof RangeError) throw new WhereError('the clause is too complex')
    if (error instanceof EvaluationError) throw new WhereError(error.message)
    throw error
  }
}
