// The words of a subset request: from `subset__*` parameters, `subset[…]`, or a POST body. Their values are still
// unchecked; what they mean is decided in shapes/subset.ts.
import { type Query, readQuery } from './query.ts'

/** A question for some rows of the shape, as the request says it: unchecked SQL, and null for what was not given. */
export interface SubsetParams {
  readonly where: unknown
  readonly params: unknown
  readonly orderBy: unknown
  readonly limit: unknown
  readonly offset: unknown
}

const keepLarge = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
  const source = context?.source
  const isRounded = typeof value === 'number' && !Number.isSafeInteger(value)
  return isRounded && source !== undefined && /^-?\d+$/.test(source) ? source : value
}

/**
 * JSON.parse for parameters: integers that a number would round stay the text that they are, since Postgres knows them
 * exactly. Node 20 does not tell the text and rounds. Throws SyntaxError.
 */
export const parseExactly = (text: string): unknown => JSON.parse(text, keepLarge) as unknown

const given = (value: unknown): unknown =>
  value === undefined || (typeof value === 'string' && value.trimStart() === '') ? null : value

const fromRecord = (source: Readonly<Record<string, unknown>>): SubsetParams => ({
  where: given(source['where']),
  params: given(source['params']),
  orderBy: given(source['order_by']),
  limit: given(source['limit']),
  offset: given(source['offset']),
})

/** The subset of a query: null when it asks for none, undefined when `subset` is something that it cannot be. */
export const subsetOfQuery = (query: Query): SubsetParams | null | undefined => {
  const whole = readQuery(query, 'subset')
  if (whole.kind === 'list' || (whole.kind === 'text' && given(whole.text) !== null)) return undefined
  const words: Record<string, string> = whole.kind === 'map' ? { ...whole.entries } : {}
  let asked = whole.kind === 'map'
  for (const [name, value] of query) {
    if (!name.startsWith('subset__')) continue
    asked = true
    words[name.slice('subset__'.length)] = value
  }
  return asked ? fromRecord(words) : null
}

const bodyKeys = ['where', 'params', 'order_by', 'limit', 'offset', 'where_expr', 'order_by_expr']

/**
 * The subset of a POST body, laid over that of the query. Keys that are no subset keys mean nothing: a body must not be
 * able to change what the query, which a proxy has checked, says about the shape (SPEC.md, S-8).
 */
export const subsetOfBody = (
  body: Readonly<Record<string, unknown>>,
  query: SubsetParams | null,
): SubsetParams | null => {
  const nested = body['subset']
  const isNested = typeof nested === 'object' && nested !== null
  if (!isNested && !bodyKeys.some(name => name in body)) return query
  const own = fromRecord(isNested ? (nested as Readonly<Record<string, unknown>>) : body)
  return {
    where: own.where ?? query?.where ?? null,
    params: own.params ?? query?.params ?? null,
    orderBy: own.orderBy ?? query?.orderBy ?? null,
    limit: own.limit ?? query?.limit ?? null,
    offset: own.offset ?? query?.offset ?? null,
  }
}
