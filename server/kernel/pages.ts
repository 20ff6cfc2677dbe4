// Keyset pagination: a cursor holds the last row's sort values and id and a digest of the filters, so rows with equal
// or null values are neither skipped nor repeated, and a deleted anchor does no harm (domain rules, section 1.4).
import { createHash } from 'node:crypto'
import { type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import { z } from 'zod'
import { AppError } from './errors.ts'

/** Query parameters that every list takes. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Rows of a page'),
  cursor: z.string().max(2000).optional().describe('`next_cursor` of the page before; with the same filters'),
  include_total: z.stringbool().default(false).describe('Counts all rows that the filters leave, as `total`'),
}

export interface PageQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly include_total: boolean
}

/** One sort key; `type` is the Postgres type that its text form is compared as. Nulls come last, either way. */
export interface SortKey {
  readonly by: RawBuilder<unknown>
  readonly type: string
  readonly descending?: boolean
}

export interface Page<Row> {
  readonly data: Row[]
  readonly next_cursor: string | null
  readonly total?: number
}

const digestOf = (filters: unknown): string =>
  createHash('sha256').update(JSON.stringify(filters)).digest('base64url').slice(0, 12)

const decode = (cursor: string, digest: string, keys: number): (string | null)[] => {
  try {
    const [found, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as (string | null)[]
    if (found !== digest || values.length !== keys + 1) throw new Error('other filters')
    if (values.some(value => value !== null && typeof value !== 'string')) throw new Error('no cursor of ours')
    return values
  } catch (error) {
    throw new AppError('invalid_cursor', { cause: error })
  }
}

const after = (keys: readonly SortKey[], values: readonly (string | null)[]): RawBuilder<boolean> => {
  // the tail: same values so far, then strictly behind in this key; from the last key (the id) outwards
  let condition = sql<boolean>`false`
  for (const [index, key] of [...keys.entries()].toReversed()) {
    const value = values[index] ?? null
    const typed = sql`${value}::${sql.raw(key.type)}`
    const behind =
      value === null
        ? sql<boolean>`false`
        : key.descending
          ? sql<boolean>`(${key.by} < ${typed} or ${key.by} is null)`
          : sql<boolean>`(${key.by} > ${typed} or ${key.by} is null)`
    condition = sql<boolean>`(${behind} or (${key.by} is not distinct from ${typed} and ${condition}))`
  }
  return condition
}

/**
 * Runs `query` (already filtered, without order) as one page sorted by `sort` then `id`.
 * `filters` is what the cursor is bound to; `id` the expression of the row's id (uuid).
 */
export const page = async <Schema, Tables extends keyof Schema, Row>(
  query: SelectQueryBuilder<Schema, Tables, Row>,
  options: {
    readonly sort: readonly SortKey[]
    readonly id: RawBuilder<unknown>
    readonly request: PageQuery
    readonly filters: unknown
    /** More rows than 200 a page, where a route says so. */
    readonly limit?: number
  },
): Promise<Page<Row>> => {
  const { request } = options
  const limit = options.limit ?? request.limit
  const keys: SortKey[] = [
    ...options.sort,
    { by: options.id, type: 'uuid', descending: options.sort[0]?.descending ?? false },
  ]
  const digest = digestOf([options.filters, keys.map(key => [key.type, key.descending ?? false])])
  let paged = query
  if (request.cursor !== undefined) paged = paged.where(after(keys, decode(request.cursor, digest, keys.length - 1)))
  for (const key of keys) {
    paged = paged.orderBy(key.by, order => (key.descending ? order.desc() : order.asc()).nullsLast())
  }
  const cursorValues = sql<(string | null)[]>`array[${sql.join(keys.map(key => sql`(${key.by})::text`))}]`
  const rows = (await paged
    .select(cursorValues.as('__cursor'))
    .limit(limit + 1)
    .execute()
    .catch((error: unknown) => {
      // values that are no time, number or id: the cursor was tampered with
      const damaged = request.cursor !== undefined && (error as { code?: string }).code?.startsWith('22')
      throw damaged ? new AppError('invalid_cursor', { cause: error }) : error
    })) as (Row & {
    __cursor: (string | null)[]
  })[]
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  const next = last ? Buffer.from(JSON.stringify([digest, ...last.__cursor])).toString('base64url') : null
  const data = shown.map(({ __cursor, ...row }) => row as unknown as Row)
  if (!request.include_total) return { data, next_cursor: next }
  const counted = await query.clearSelect().select(sql<number>`count(*)::int`.as('total')).executeTakeFirst()
  return { data, next_cursor: next, total: (counted as { total: number } | undefined)?.total ?? 0 }
}

/** `%`, `_` and `\` of a search text taken literally, for ILIKE. */
export const likePattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, found => `\\${found}`)}%`
