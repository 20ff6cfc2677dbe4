// Every string of the wire: headers, control messages, error texts, cache rules, constants (SPEC.md, section 1).
import type { ShapeResponse } from '../upstream.ts'

/** Waits and sizes in one place; milliseconds and bytes. */
export const defaults = {
  longPollMs: 20_000,
  sseMs: 60_000,
  sseKeepAliveMs: 21_000,
  readinessMs: 5_000,
  snapshotStartMs: 45_000,
  snapshotFirstRowMs: 30_000,
  clauseHoldMs: 50,
  firstPieceMs: 50,
  /** The rows of a new shape are made durable this long after they are there. */
  sealDelayMs: 10,
  chunkWaitMs: 60_000,
  chunkBytes: 10_485_760,
  bodyLimit: 8_000_000,
  /** Request line and headers: a filter at its limit, percent-encoded, with room for the rest. */
  headerLimit: 262_144,
  whereLimit: 65_536,
  lockTimeoutMs: 5_000,
  visibilityMs: 5_000,
  reconcileMs: 60_000,
  moveTransactions: 50_000,
  flushMs: 250,
  statusMs: 1000,
  maxAge: 60,
  staleAge: 300,
  sendTimeoutMs: 30_000,
  readTimeoutMs: 60_000,
  admission: { initial: 300, existing: 10_000 },
} as const

/** `content-type` of everything but event streams. */
export const jsonType = 'application/json; charset=utf-8'

/** Header names that browsers may read. */
export const exposedHeaders =
  'electric-cursor,electric-handle,electric-has-data,electric-offset,electric-schema,electric-snapshot,electric-up-to-date,electric-internal-known-error,retry-after'

/** Methods of the shape route. */
export const shapeMethods = 'GET, POST, HEAD, DELETE, OPTIONS'

const encoder = new TextEncoder()

/** UTF-8 bytes of `text`. */
export const bytes = (text: string): Uint8Array => encoder.encode(text)

/** `up-to-date`, promising that everything up to `lsn` has been delivered. */
export const upToDate = (lsn: bigint): string => `{"headers":{"control":"up-to-date","global_last_seen_lsn":"${lsn}"}}`

/** What of `pg_current_snapshot()` goes over the wire. */
export interface PgSnapshot {
  readonly xmin: bigint
  readonly xmax: bigint
  readonly xip: readonly bigint[]
}

/** `snapshot-end` of an initial snapshot. */
export const snapshotEnd = ({ xmin, xmax, xip }: PgSnapshot): string =>
  `{"headers":{"control":"snapshot-end","xmin":"${xmin}","xmax":"${xmax}","xip_list":[${xip.map(x => `"${x}"`).join(',')}]}}`

const mustRefetch = bytes('[{"headers":{"control":"must-refetch"}}]')

const noStore = { 'cache-control': 'no-store', 'surrogate-control': 'no-store' }

/** A JSON answer with the cache rules of errors for GET. */
export const jsonError = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ShapeResponse => ({
  status,
  headers: { 'content-type': jsonType, ...noStore, ...headers },
  body: bytes(JSON.stringify(body)),
})

/** Messages per field; subset errors nest one level deeper. */
export type FieldErrors = Readonly<Record<string, readonly string[] | Readonly<Record<string, unknown>>>>

/** 400 `Invalid request`. */
export const invalid = (errors: FieldErrors): ShapeResponse => jsonError(400, { message: 'Invalid request', errors })

/** 409: the reader has to start again, with `handle` when a replacement is known. */
export const refetch = (handle?: string): ShapeResponse => ({
  status: 409,
  headers:
    handle === undefined
      ? { 'content-type': jsonType, ...noStore }
      : {
          'content-type': jsonType,
          'cache-control': 'public, max-age=60, must-revalidate',
          'electric-handle': handle,
          etag: `"${handle}::"`,
        },
  body: mustRefetch,
})

/** 503 of a kind that nobody needs to be woken for. */
export const unavailable = (message: string, retryAfter: number, code?: string): ShapeResponse =>
  jsonError(503, code === undefined ? { message } : { code, message }, {
    'retry-after': String(retryAfter),
    'electric-internal-known-error': 'true',
  })

/** 503: a shape would begin, or has ended, and that cannot be stored. */
export const notStored = (): ShapeResponse => unavailable('The storage of the server cannot be written', 10)

/** 503: Postgres cannot be reached. */
export const databaseUnreachable = (): ShapeResponse =>
  jsonError(503, { code: 'database_unreachable', error: 'Database is unreachable' }, { 'retry-after': '10' })

/** 500 without any detail. */
export const internalError = (): ShapeResponse => jsonError(500, { error: 'Internal server error' })

/** Methods other than GET, HEAD and OPTIONS are never cached, whatever the status. */
export const withMethodCaching = (method: string, response: ShapeResponse): ShapeResponse => {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return response
  const { 'surrogate-control': _dropped, ...headers } = response.headers as Record<string, string>
  return { ...response, headers: { ...headers, 'cache-control': 'no-cache' } }
}

/** `cache-control` of a snapshot's first chunk. */
export const firstChunkCaching = 'public, max-age=604800, s-maxage=3600, stale-while-revalidate=2629746'
/** `cache-control` of a long poll. */
export const liveCaching = 'public, max-age=5, stale-while-revalidate=5'

const cursorEpoch = Date.UTC(2024, 9, 9) / 1000

/** The end of the window that `now` (milliseconds) lies in: what `electric-cursor` is unless the reader has seen it. */
export const cursorWindow = (windowMs: number, now: number): number => {
  const seconds = Math.round(windowMs / 1000)
  return seconds === 0 ? 0 : Math.ceil((now / 1000 - cursorEpoch) / seconds) * seconds
}

/** How far beyond the reader's own a cursor may lie once it has left the window. */
export const cursorStep = 3600

/**
 * `electric-cursor`: the end of the current window, or, when the reader has already seen that, a larger number, so
 * that no reader is ever sent to the same live URL twice. `shared` gives the number beyond that end that all readers of
 * the same position get: whoever has it asks in the same words as the others, and one answer serves them all.
 */
export const nextCursor = (
  previous: string | null,
  windowMs: number,
  now: number,
  shared: (end: number) => number,
): string => {
  const next = cursorWindow(windowMs, now)
  if (next === 0) return '0'
  const seen = previous !== null && /^\d{1,15}$/.test(previous) ? Number(previous) : 0
  if (next > seen) return String(next)
  return String(Math.min(Math.max(shared(next), seen + 1), seen + cursorStep))
}
