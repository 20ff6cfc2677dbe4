// Subsets: some rows of a shape, once, read from Postgres. The clauses are taken apart and written anew; the shape's own
// filter always applies, so that a subset can never show more than the shape.
import type { Pool } from 'pg'
import { type Checked, numberingError } from '../params.ts'
import { bytes, type FieldErrors, type PgSnapshot } from '../protocol.ts'
import { parseExactly, type SubsetParams } from '../subset-params.ts'
import { ByteWriter } from '../byte-writer.ts'
import { createRowEncoder } from './copy-text.ts'
import type { Resolved } from './resolve.ts'
import { isOfClause, selectRows, withReadTransaction } from './snapshot.ts'
import { createTaggedEncoder } from './subquery/rows.ts'
import type { Tagger } from './subquery/tags.ts'
import { compileOrderBy, compileWhere, WhereError } from './where/where.ts'

/** A subset that may be asked of Postgres. */
export interface Subset {
  readonly where: string | null
  /** ` ORDER BY … LIMIT … OFFSET …`, or nothing. */
  readonly rest: string
}

const fail = (field: string, message: string) => ({ ok: false, errors: { subset: { [field]: [message] } } }) as const

const wrongType = 'is invalid'

const largestBigint = 2n ** 63n - 1n

/** A whole number that fits Postgres' bigint; undefined for anything else. */
const integer = (value: unknown): bigint | undefined => {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !/^[+-]?\d{1,19}$/.test(text)) return undefined
  const whole = BigInt(text.replace(/^\+/, ''))
  return whole <= largestBigint ? whole : undefined
}

const stringParams = (value: unknown): Checked<Readonly<Record<string, string>>> => {
  let source: unknown = value ?? {}
  if (typeof source === 'string') {
    try {
      source = parseExactly(source)
    } catch {
      return fail('params', 'params must be valid JSON')
    }
    if (typeof source !== 'object' || source === null || Array.isArray(source))
      return fail('params', 'params must be a JSON object')
  }
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return fail('params', wrongType)
  const params: Record<string, string> = {}
  for (const [key, item] of Object.entries(source)) {
    if (typeof item === 'object' && item !== null) return fail('params', wrongType)
    params[key] = item === null ? '' : String(item)
  }
  const numbering = numberingError(params)
  return numbering === null ? { ok: true, value: params } : fail('params', numbering)
}

interface SubsetWords {
  readonly where: string | null
  readonly orderBy: string | null
  readonly limit: bigint | null
  readonly offset: bigint | null
}

const castWords = ({ where, orderBy, limit, offset }: SubsetParams): Checked<SubsetWords> => {
  const errors: Record<string, readonly string[]> = {}
  const number = (name: string, value: unknown, least: bigint, text: string): bigint | null => {
    if (value === null) return null
    const whole = integer(value)
    if (whole === undefined) errors[name] = [wrongType]
    else if (whole < least) errors[name] = [text]
    return whole ?? null
  }
  const word = (name: string, value: unknown): string | null => {
    if (value !== null && typeof value !== 'string') errors[name] = [wrongType]
    return typeof value === 'string' ? value : null
  }
  const words = {
    where: word('where', where),
    orderBy: word('order_by', orderBy),
    limit: number('limit', limit, 1n, 'must be greater than 0'),
    offset: number('offset', offset, 0n, 'must be greater than or equal to 0'),
  }
  return Object.keys(errors).length > 0 ? { ok: false, errors: { subset: errors } } : { ok: true, value: words }
}

/** Checks a subset request against its shape. */
export const checkSubset = async (request: SubsetParams, resolved: Resolved): Promise<Checked<Subset>> => {
  const words = castWords(request)
  if (!words.ok) return words
  const { limit, offset, orderBy } = words.value
  if ((limit !== null || offset !== null) && orderBy === null)
    return fail('order_by', 'order_by is required when limit or offset is present')
  const params = stringParams(request.params)
  if (!params.ok) return params
  const columns = resolved.table.columns.filter(column => resolved.queryable.has(column.name))
  let where: string | null = null
  let order = ''
  try {
    if (orderBy !== null) order = ` ORDER BY ${(await compileOrderBy(orderBy, columns)).sql}`
  } catch (error) {
    if (error instanceof WhereError) return fail('order_by', error.message)
    throw error
  }
  try {
    if (words.value.where !== null)
      where = (await compileWhere(words.value.where, params.value, columns, { sqlOnly: true })).sql
  } catch (error) {
    if (error instanceof WhereError) return fail('where', error.message)
    throw error
  }
  const rest = `${order}${limit === null ? '' : ` LIMIT ${limit}`}${offset === null ? '' : ` OFFSET ${offset}`}`
  return { ok: true, value: { where, rest } }
}

/** What Postgres has against the words of a request whose subset could not be read; null when it is not about them. */
export const explainRefusal = (error: unknown, subset: Subset): FieldErrors | null => {
  const { code, message } = error as { code?: string; message: string }
  // An order has columns only: all that can be wrong with it is a type that has none.
  if (code === '42883') return { subset: { order_by: [message] } }
  if (!isOfClause(error)) return null
  return subset.where === null ? { where: [message] } : { subset: { where: message } }
}

/** What a subset answer is made of; `refetch`: `settle` gave null. */
export type SubsetResult = { readonly refetch: true } | { readonly pieces: readonly Uint8Array[] }

const pieceBytes = 65_536

const inPieces = (head: string, rows: readonly string[]): readonly Uint8Array[] => {
  const pieces: Uint8Array[] = []
  let text = head
  for (const [index, row] of rows.entries()) {
    text += index === 0 ? row : `,\n${row}`
    if (text.length < pieceBytes) continue
    pieces.push(bytes(text))
    text = ''
  }
  pieces.push(bytes(`${text}]}`))
  return pieces
}

/**
 * Runs a subset; rejects with what Postgres raises. The rows are gathered first: a subset has a limit or is small, and a
 * failure must still be a 400.
 */
export const readSubset = async (
  pool: Pool,
  resolved: Resolved,
  subset: Subset,
  options: {
    mark: number
    needed: () => readonly number[]
    seen: (snapshot: PgSnapshot) => void
    visibilityMs: number
    signal: AbortSignal
    /** Of a shape with subqueries. */
    tagger?: Tagger
    /** The encoded rows as the reader needs them, or null; `snapshotEnd` is an LSN after everything that they contain. */
    settle?: (rows: readonly string[], snapshotEnd: bigint) => Promise<readonly string[] | null>
  },
): Promise<SubsetResult> => {
  const { definition, filter } = resolved
  const { tagger, settle } = options
  const more = `,"snapshot_mark":${options.mark}`
  const encoder =
    filter === null || tagger === undefined
      ? createRowEncoder(definition, more)
      : createTaggedEncoder(definition, filter, tagger, more)
  const conditions = subset.where === null ? [] : [subset.where]
  const query = selectRows(definition, encoder.columns, conditions, subset.rest)
  const { head, rows, insertLsn } = await withReadTransaction(pool, query, options, async transaction => {
    const { insertLsn } = transaction
    const { xmin, xmax, xip } = transaction.snapshot
    const head = `{"metadata":{"xmin":"${xmin}","xmax":"${xmax}","xip_list":[${xip.map(x => `"${x}"`).join(',')}],"database_lsn":"${insertLsn}","snapshot_mark":${options.mark}},"data":[`
    const rows: string[] = []
    const out = new ByteWriter()
    const push = encoder.into({
      out,
      beginRow: () => {},
      endRow: () => {
        rows.push(out.bytes.toString('utf8', 0, out.length))
        out.length = 0
      },
    })
    for await (const chunk of transaction.rows) push(chunk)
    return { head, rows, insertLsn }
  })
  const settled = settle === undefined ? rows : await settle(rows, insertLsn)
  return settled === null ? { refetch: true } : { pieces: inPieces(head, settled) }
}
