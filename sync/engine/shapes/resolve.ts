// A request's shape parameters → the definition of its shape. Asks the catalogs of Postgres, unless the same words led
// to a shape that still lives: then the reconciler and the stream have kept it true. A new shape of a table that was read
// before begins with what was read then, while Postgres is asked whether that is still so.
import { createHash } from 'node:crypto'
import { must } from '#server/kernel/must.ts'
import { type Parsed, parseColumnList, parseRelation, quoteRelation, type RelationName } from '../identifiers.ts'
import type { Checked, ShapeParams } from '../params.ts'
import type { PgSnapshot } from '../protocol.ts'
import { rememberedColumn, type ShapeDefinition, stillFits } from './definition.ts'
import type { KeptTables } from './kept-tables.ts'
import { compileShapeWhere } from './subquery/compile.ts'
import { type Filter, innerTablesOf } from './subquery/definition.ts'
import { obstacleOf, schemaHeader, type Table } from './tables.ts'
import { FieldError } from './where/errors.ts'
import { type CompiledWhere, hasSubquery, WhereError } from './where/where.ts'

/** A definition with what the catalogs said when it was made. */
export interface Resolved {
  readonly definition: ShapeDefinition
  readonly table: Table
  readonly where: CompiledWhere | null
  /** The clause's literals, when it has subqueries. */
  readonly filter: Filter | null
  /** The tables of its subqueries. */
  readonly inner: readonly Table[]
  /** Value of `electric-schema`. */
  readonly schema: string
  /** Columns that a subset may mention: what `queryable_columns` lists, or all. */
  readonly queryable: ReadonlySet<string>
}

export interface ResolverOptions {
  readonly tables: KeptTables
  /** The definition of the shape of that identity, while one lives. */
  readonly living: (identity: string) => ShapeDefinition | undefined
  /** Hears of each table that was read, and of each that is not there. */
  readonly onTable: (name: { schema: string; name: string }, table: Table | null) => void
}

/** What a definition is if no table of it was altered since it was last read. */
export interface Expected {
  readonly resolved: Resolved
  /** Asks whether that is so; see `KeptTables.isStillSo`. */
  readonly holds: (snapshot?: PgSnapshot) => Promise<boolean>
}

export interface Resolver {
  /** What was resolved before in the same words, while its shape lives. */
  known(params: ShapeParams): Resolved | undefined
  /** `known`, or what the catalogs say. */
  resolve(params: ShapeParams): Promise<Checked<Resolved>>
  /** Without asking; undefined when its table was not read before, and for what would be refused. */
  expect(params: ShapeParams): Promise<Expected | undefined>
  /** Reads a table for `onTable` alone. */
  look(relation: RelationName): Promise<unknown>
}

const cacheLimit = 20_000

const fail = (field: string, message: string) => ({ ok: false, errors: { [field]: [message] } }) as const

const list = (names: readonly string[]) => names.join(', ')

interface ColumnListTexts {
  readonly field: string
  readonly title: string
  readonly noun: string
}

/** Names of the columns that make the key; without a primary key that is all of them, and all have to be sent. */
const keyOf = (table: Table): readonly string[] =>
  table.primaryKey.length > 0 ? table.primaryKey : table.columns.map(column => column.name)

const checkColumns = (
  parsed: Parsed<readonly string[]>,
  table: Table,
  allowed: ReadonlySet<string>,
  { field, title, noun }: ColumnListTexts,
): Checked<ReadonlySet<string>> => {
  if (!parsed.ok) return fail(field, parsed.error)
  const names = new Set(parsed.value)
  if (names.size === 0) return fail(field, `The list of ${title} must not be empty`)
  const missing = keyOf(table).filter(name => !names.has(name))
  if (missing.length > 0)
    return fail(field, `The list of ${title} must include all primary key columns, missing: ${list(missing)}`)
  // A name that stands there twice counts as unknown the second time.
  const unknown = parsed.value.filter((name, index) => !allowed.has(name) || parsed.value.indexOf(name) < index)
  if (unknown.length > 0) return fail(field, `The following ${noun} are not found on the table: ${list(unknown)}`)
  return { ok: true, value: names }
}

const toDefinition = (
  params: ShapeParams,
  table: Table,
  selected: ReadonlySet<string>,
  where: CompiledWhere | null,
  filter: Filter | null,
): ShapeDefinition => {
  const allColumns = params.columns === null && params.queryableColumns === null
  const names = table.columns.map(column => column.name).filter(name => selected.has(name))
  const identity = JSON.stringify([
    table.oid,
    table.schema,
    table.name,
    table.primaryKey,
    where?.identity ?? null,
    ...(filter === null ? [] : [innerTablesOf(filter).map(inner => inner.oid)]),
    [...names].sort(),
    allColumns,
    params.replica,
    params.log,
  ])
  return {
    identity: createHash('sha256').update(identity).digest('hex'),
    schema: table.schema,
    name: table.name,
    oid: table.oid,
    primaryKey: table.primaryKey,
    tableColumns: table.columns.map(rememberedColumn),
    selected: names,
    allColumns,
    where:
      where === null
        ? null
        : {
            text: must(params.where),
            params: params.params,
            sql: where.sql,
            columns: where.columns,
            equalities: where.equalities,
          },
    inner: filter === null ? [] : innerTablesOf(filter),
    replica: params.replica,
    log: params.log,
  }
}

/** A resolver with its cache. */
export const createResolver = (options: ResolverOptions): Resolver => {
  const cache = new Map<string, Resolved>()
  /** The living definition that was last found to be of the same columns. */
  const agreed = new WeakMap<Resolved, ShapeDefinition>()
  const texts = new WeakMap<ShapeParams, string>()
  const wordsOf = (params: ShapeParams): string => {
    let text = texts.get(params)
    if (text === undefined) {
      text = JSON.stringify(params)
      texts.set(params, text)
    }
    return text
  }
  const columnsOf = (
    params: ShapeParams,
    table: Table,
  ): Checked<{ selected: ReadonlySet<string>; queryable: ReadonlySet<string> }> => {
    const all = new Set(table.columns.map(column => column.name))
    let queryable: ReadonlySet<string> = all
    if (params.queryableColumns !== null) {
      const texts = { field: 'queryable_columns', title: 'queryable columns', noun: 'queryable columns' }
      const checked = checkColumns(parseColumnList(params.queryableColumns), table, all, texts)
      if (!checked.ok) return checked
      queryable = checked.value
    }
    let selected = queryable
    if (params.columns !== null) {
      const texts = { field: 'columns', title: 'columns', noun: 'columns' }
      const checked = checkColumns(parseColumnList(params.columns), table, queryable, texts)
      if (!checked.ok) return checked
      selected = checked.value
    }
    const unpublished = table.columns.filter(
      ({ name, generated }) =>
        selected.has(name) && generated !== '' && !(generated === 's' && table.publishesGenerated),
    )
    if (unpublished.length > 0)
      return fail(
        'columns',
        `The following columns are generated and cannot be included in the shape: ${list(unpublished.map(c => c.name))}${params.columns === null ? ". You can exclude them from the shape by explicitly listing which columns to fetch in the 'columns' query param" : ''}`,
      )
    return { ok: true, value: { selected, queryable } }
  }

  const read = async (relation: RelationName) => {
    const table = await options.tables.read(relation)
    options.onTable(relation, table)
    return table
  }

  const from = async (lookup: typeof read, params: ShapeParams): Promise<Checked<Resolved>> => {
    const relation = parseRelation(must(params.table, 'table'))
    if (!relation.ok) return fail('table', relation.error)
    const table = await lookup(relation.value)
    if (table === null)
      return fail(
        'table',
        `Table ${quoteRelation(relation.value)} does not exist. If the table name contains capitals or special characters you must quote it.`,
      )
    const columns = columnsOf(params, table)
    if (!columns.ok) return columns
    const obstacle = obstacleOf(table)
    if (obstacle !== null) return fail('table', obstacle)
    let where: CompiledWhere | null = null
    let filter: Filter | null = null
    let inner: readonly Table[] = []
    if (params.where !== null) {
      try {
        if (params.compaction && (await hasSubquery(params.where)))
          return fail('experimental_compaction', "can't be enabled for shapes with subqueries")
        ;({ where, filter, inner } = await compileShapeWhere(params.where, params.params, table, lookup))
      } catch (error) {
        if (error instanceof FieldError) return fail(error.field, error.message)
        if (error instanceof WhereError) return fail('where', error.message)
        throw error
      }
    }
    const { selected, queryable } = columns.value
    const definition = toDefinition(params, table, selected, where, filter)
    return {
      ok: true,
      value: {
        definition,
        table,
        where,
        filter,
        inner,
        schema: schemaHeader(table, new Set(definition.selected)),
        queryable,
      },
    }
  }

  const known = (params: ShapeParams): Resolved | undefined => {
    const resolved = cache.get(wordsOf(params))
    if (resolved === undefined) return undefined
    const living = options.living(resolved.definition.identity)
    if (living === undefined) return undefined
    if (agreed.get(resolved) !== living) {
      // perhaps of the table as it was before or after: identities have the names of columns only
      if (!stillFits(living, resolved.definition.tableColumns)) return undefined
      agreed.set(resolved, living)
    }
    return resolved
  }

  const remember = (params: ShapeParams, resolved: Resolved): void => {
    const words = wordsOf(params)
    cache.delete(words)
    cache.set(words, resolved)
    if (cache.size > cacheLimit) cache.delete(must(cache.keys().next().value))
  }

  return {
    known,
    resolve: async params => {
      const value = known(params)
      if (value !== undefined) return { ok: true, value }
      const resolved = await from(read, params)
      if (resolved.ok) remember(params, resolved.value)
      return resolved
    },
    expect: async params => {
      const { tables } = options
      const relation = parseRelation(must(params.table, 'table'))
      if (!relation.ok || tables.kept(relation.value) === undefined) return undefined
      const used: Table[] = []
      const resolved = await from(async relation => {
        const table = tables.kept(relation)
        if (table === undefined) return read(relation)
        used.push(table)
        return table
      }, params)
      if (!resolved.ok) return undefined
      const { value } = resolved
      const holds = async (snapshot?: PgSnapshot) => {
        const all = await Promise.all(used.map(table => tables.isStillSo(table, snapshot)))
        if (all.includes(false)) return false
        remember(params, value)
        return true
      }
      return { resolved: value, holds }
    },
    look: read,
  }
}
