// A request's parameters, checked in the stages and with the texts of the protocol. Nothing here asks Postgres.
import { type Offset, parseOffset } from './lsn.ts'
import { defaults, type FieldErrors } from './protocol.ts'

/** What defines the shape, as the request says it. */
export interface ShapeParams {
  readonly table: string | null
  readonly where: string | null
  readonly params: Readonly<Record<string, string>>
  readonly columns: string | null
  readonly queryableColumns: string | null
  readonly replica: 'default' | 'full'
  readonly log: 'full' | 'changes_only'
}

/** A question for some rows of the shape, as the request says it; still unchecked SQL. */
export interface SubsetParams {
  readonly where: string | null
  readonly params: unknown
  readonly orderBy: string | null
  readonly limit: unknown
  readonly offset: unknown
}

export interface RequestParams {
  readonly shape: ShapeParams
  readonly offset: Offset | 'now'
  readonly handle: string | null
  readonly live: boolean
  readonly sse: boolean
  readonly cursor: string | null
  readonly subset: SubsetParams | null
}

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: FieldErrors }

/** The last value of a parameter; null when absent or empty. */
const last = (query: URLSearchParams, name: string): string | null => {
  const value = query.getAll(name).at(-1)
  return value === undefined || value === '' ? null : value
}

const flag = (query: URLSearchParams, name: string): boolean | null => {
  const value = query.getAll(name).at(-1)
  return value === undefined ? null : value !== 'false'
}

const whereParams = (query: URLSearchParams): Checked<Readonly<Record<string, string>>> => {
  const params: Record<string, string> = {}
  for (const [name, value] of query) {
    if (name === 'params') return { ok: false, errors: { params: ['is invalid'] } }
    if (!name.startsWith('params[')) continue
    if (!/^params\[[^[\]]*\]$/.test(name)) return { ok: false, errors: { params: ['is invalid'] } }
    params[name.slice(7, -1)] = value
  }
  return { ok: true, value: params }
}

/** Checks that the keys are 1, 2, 3 … */
export const numberingError = (params: Readonly<Record<string, unknown>>): string | null => {
  const keys = Object.keys(params)
  if (keys.some(key => !/^\d+$/.test(key))) return 'Parameters can only use numbers as keys'
  const numbers = keys.map(Number).sort((a, b) => a - b)
  return numbers.every((number, index) => number === index + 1)
    ? null
    : 'Parameters must be numbered sequentially, starting from 1'
}

const subsetOfQuery = (query: URLSearchParams): SubsetParams | null => {
  const names = ['where', 'params', 'order_by', 'limit', 'offset', 'where_expr', 'order_by_expr']
  if (!names.some(name => query.has(`subset__${name}`))) return null
  return {
    where: last(query, 'subset__where'),
    params: last(query, 'subset__params'),
    orderBy: last(query, 'subset__order_by'),
    limit: last(query, 'subset__limit'),
    offset: last(query, 'subset__offset'),
  }
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** The subset of a POST body, laid over that of the query. Keys that are no subset keys mean nothing. */
export const subsetOfBody = (
  body: Readonly<Record<string, unknown>>,
  query: SubsetParams | null,
): SubsetParams | null => {
  const nested = body['subset']
  const source =
    typeof nested === 'object' && nested !== null && !Array.isArray(nested)
      ? (nested as Readonly<Record<string, unknown>>)
      : body
  const names = ['where', 'params', 'order_by', 'limit', 'offset', 'where_expr', 'order_by_expr']
  if (source === body && !names.some(name => name in source)) return query
  return {
    where: text(source['where']) ?? query?.where ?? null,
    params: source['params'] ?? query?.params ?? null,
    orderBy: text(source['order_by']) ?? query?.orderBy ?? null,
    limit: source['limit'] ?? query?.limit ?? null,
    offset: source['offset'] ?? query?.offset ?? null,
  }
}

const choice = <T extends string>(value: string | null, allowed: readonly T[], fallback: T): T | null =>
  value === null ? fallback : (allowed.find(item => item === value) ?? null)

/** The shape-defining parameters, without the stages that concern positions. Used by DELETE as well. */
export const parseShapeParams = (query: URLSearchParams): Checked<ShapeParams> => {
  const errors: Record<string, readonly string[]> = {}
  const replica = choice(last(query, 'replica'), ['default', 'full'] as const, 'default')
  if (replica === null) errors['replica'] = ['is invalid']
  const log = choice(last(query, 'log'), ['full', 'changes_only'] as const, 'full')
  if (log === null) errors['log'] = ['is invalid']
  const params = whereParams(query)
  if (!params.ok) Object.assign(errors, params.errors)
  if (replica === null || log === null || !params.ok) return { ok: false, errors }
  return {
    ok: true,
    value: {
      table: last(query, 'table'),
      where: last(query, 'where'),
      params: params.value,
      columns: last(query, 'columns'),
      queryableColumns: last(query, 'queryable_columns'),
      replica,
      log,
    },
  }
}

const fail = (errors: FieldErrors) => ({ ok: false, errors }) as const

/** Stages 1 to 5 of the validation, and the presence of `table`. */
export const parseRequest = (
  query: URLSearchParams,
  body: Readonly<Record<string, unknown>> | null,
): Checked<RequestParams> => {
  const shape = parseShapeParams(query)
  const offsetText = last(query, 'offset')
  if (!shape.ok || offsetText === null)
    return fail({ ...(shape.ok ? {} : shape.errors), ...(offsetText === null ? { offset: ["can't be blank"] } : {}) })
  const offset = offsetText === 'now' ? 'now' : parseOffset(offsetText)
  if (offset === null) return fail({ offset: ['has invalid format'] })
  const fromStart = offset === 'now' || offset.tx < 0n
  const handle = last(query, 'handle')
  if (!fromStart && handle === null) return fail({ handle: ["can't be blank when offset != -1"] })
  const live = flag(query, 'live') ?? false
  const sse = flag(query, 'live_sse') ?? flag(query, 'experimental_live_sse') ?? false
  if (live && offset === 'now') return fail({ live: ["can't be true when offset is 'now'"] })
  if (live && fromStart) return fail({ live: ["can't be true when offset == -1"] })
  if (sse && !live) return fail({ live_sse: ["can't be true unless live is also true"] })
  const { table, where, params } = shape.value
  if (table === null) return fail({ table: ["can't be blank"] })
  const numbering = numberingError(params)
  if (numbering !== null) return fail({ params: [numbering] })
  if (where !== null && where.length > defaults.whereLimit) return fail({ where: ['is too long'] })
  const subset = subsetOfQuery(query)
  return {
    ok: true,
    value: {
      shape: shape.value,
      offset,
      handle: fromStart ? null : handle,
      live,
      sse,
      cursor: last(query, 'cursor'),
      subset: body === null ? subset : subsetOfBody(body, subset),
    },
  }
}
