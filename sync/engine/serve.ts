// The answer for a shape that exists: which part of its log, with which headers. The position is decided before the
// first byte, from one look at the shape, so that headers, body and `up-to-date` agree.
import type { ShapeResponse } from '../upstream.ts'
import { awaitEnd, events, once, waitFor } from './live.ts'
import { afterSnapshot, beforeAll, compareOffsets, formatOffset, type Offset, snapshotOffset } from './lsn.ts'
import type { RequestParams } from './params.ts'
import {
  bytes,
  defaults,
  firstChunkCaching,
  jsonType,
  liveCaching,
  nextCursor,
  refetch,
  notStored,
  unavailable,
  upToDate,
} from './protocol.ts'
import type { Shape } from './shapes/shape.ts'

export interface ServeOptions {
  readonly longPollMs: number
  readonly sseMs: number
  readonly sseKeepAliveMs: number
  readonly maxAge: number
  readonly staleAge: number
  /** Every change up to this LSN is in the logs. */
  readonly processed: () => bigint
  /** The stream from Postgres runs. */
  readonly ready: () => boolean
  /** What was committed before the stream last began is in the logs. */
  readonly caughtUp: () => boolean
  readonly now: () => number
  readonly random: () => number
}

/** What a request asks of a shape. */
export interface ReadRequest {
  readonly params: RequestParams
  readonly shape: Shape
  readonly schema: string
  readonly ifNoneMatch: string | undefined
  readonly signal: AbortSignal
}

const comma = bytes(',')
const open = bytes('[')
const close = bytes(']')

let marks = 0

const matches = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch !== undefined &&
  ifNoneMatch.split(',').some(candidate => candidate.trim().replace(/^W\//, '').replaceAll('"', '') === etag)

const bodyFrom = (
  shape: Shape,
  from: Offset,
  to: Offset,
  control: string | null,
): Uint8Array | AsyncIterable<Uint8Array> => {
  const recent = once(shape, `log ${from.tx}_${from.op}`, () => shape.log.readRecent(from, to))
  if (recent === null) return streamed(shape, from, to, control)
  const parts: Uint8Array[] = [open, recent]
  if (control !== null) parts.push(...(recent.length > 0 ? [comma] : []), bytes(control))
  parts.push(close)
  return Buffer.concat(parts)
}

async function* streamed(shape: Shape, from: Offset, to: Offset, control: string | null): AsyncGenerator<Uint8Array> {
  let next: Uint8Array = open
  for await (const items of shape.log.read(from, to)) {
    yield Buffer.concat([next, items])
    next = comma
  }
  const beforeClose = control === null ? (next === open ? [open] : []) : [next, bytes(control)]
  yield Buffer.concat([...beforeClose, close])
}

/** Where a request's answer ends; `chunk` when it is a chunk of the snapshot. */
interface Span {
  readonly end: Offset
  readonly chunk: number | null
}

const spanOf = (shape: Shape, offset: Offset): Span => {
  if (offset.tx < 0n) return { end: snapshotOffset(0), chunk: 0 }
  if (offset.tx === 0n && offset.op < shape.snapshot.last)
    return { end: snapshotOffset(offset.op + 1), chunk: offset.op + 1 }
  return { end: shape.log.chunkEnd(offset.tx === 0n ? afterSnapshot : offset), chunk: null }
}

/** Waits until the snapshot says what stands at `offset`. */
const awaitSnapshot = async (
  shape: Shape,
  offset: Offset | 'now',
  signal: AbortSignal,
): Promise<ShapeResponse | null> => {
  const { snapshot } = shape
  const known = () => {
    if (snapshot.failure !== null || snapshot.complete || shape.retired) return true
    if (snapshot.pg === null) return false
    if (offset === 'now' || offset.tx > 0n || offset.op === Infinity) return true
    return snapshot.last >= (offset.tx < 0n ? 0 : offset.op + 1)
  }
  const deadline = Date.now() + (snapshot.pg === null ? defaults.snapshotStartMs : defaults.chunkWaitMs)
  while (!known()) {
    if (signal.aborted) return unavailable('The request was interrupted', 1)
    const left = deadline - Date.now()
    if (left <= 0) return unavailable('Timed out while waiting for the snapshot', 5)
    await new Promise<void>(resolve => {
      const finish = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        releases.forEach(release => release())
        resolve()
      }
      const timer = setTimeout(finish, left)
      signal.addEventListener('abort', finish, { once: true })
      const releases = [snapshot.onProgress(finish), shape.onWake(finish)]
    })
  }
  return null
}

/** Serves reads of shapes; stateless but for its options. */
export const createServer = (options: ServeOptions) => {
  const headersOf = (
    { params, shape, schema }: ReadRequest,
    end: Offset,
    more: { upToDate: boolean; hasData: boolean; unique?: boolean },
  ): Record<string, string> => {
    const { offset, live, sse, cursor } = params
    const from = offset === 'now' ? 'now' : formatOffset(offset)
    const etag = `${shape.handle}:${from}:${formatOffset(end)}`
    const caching = sse
      ? `public, max-age=${Math.max(0, Math.floor(options.sseMs / 1000) - 1)}`
      : live
        ? liveCaching
        : offset !== 'now' && offset.tx < 0n
          ? firstChunkCaching
          : `public, max-age=${options.maxAge}, stale-while-revalidate=${options.staleAge}`
    return {
      'content-type': sse ? 'text/event-stream' : jsonType,
      'cache-control': caching,
      etag: more.unique === true ? `"${etag}:${options.now()}${(marks += 1)}"` : `"${etag}"`,
      'electric-handle': shape.handle,
      'electric-offset': formatOffset(end),
      'electric-has-data': String(more.hasData),
      ...(live
        ? { 'electric-cursor': nextCursor(cursor, options.longPollMs, options.now(), options.random) }
        : { 'electric-schema': schema }),
      ...(more.upToDate ? { 'electric-up-to-date': '' } : {}),
    }
  }

  /** The answer that says only `up-to-date`. */
  const nothingNew = (request: ReadRequest, end: Offset, lsn: bigint): ShapeResponse => ({
    status: 200,
    headers: headersOf(request, end, { upToDate: true, hasData: false, unique: true }),
    body: bytes(`[${upToDate(lsn)}]`),
  })

  const seen = (lsn: bigint, end: Offset) => (lsn > end.tx ? lsn : end.tx > 0n ? end.tx : 0n)

  const answer = (request: ReadRequest, offset: Offset): ShapeResponse => {
    const { params, shape } = request
    // Sampled before the tail: what it promises is in the answer or was before it.
    const processed = shape.promise(options.processed())
    const { end, chunk } = spanOf(shape, offset)
    const current = chunk === null && offset !== beforeAll && compareOffsets(end, shape.tail) >= 0
    const headers = headersOf(request, end, { upToDate: current, hasData: true })
    if (matches(request.ifNoneMatch, `${shape.handle}:${formatOffset(offset)}:${formatOffset(end)}`)) {
      const { 'electric-schema': _schema, ...kept } = headers
      return { status: 304, headers: kept, body: null }
    }
    if (chunk !== null)
      return { status: 200, headers, body: shape.snapshot.inMemory(chunk) ?? shape.snapshot.read(chunk) }
    const control = current ? upToDate(params.live ? end.tx : seen(processed, end)) : null
    return { status: 200, headers, body: bodyFrom(shape, offset, end, control) }
  }

  const eventStream = (request: ReadRequest, offset: Offset): ShapeResponse => ({
    status: 200,
    headers: {
      ...headersOf(request, offset, { upToDate: true, hasData: true }),
      connection: 'keep-alive',
      'x-accel-buffering': 'no',
    },
    body: events(request.shape, {
      from: offset,
      sseMs: options.sseMs,
      keepAliveMs: options.sseKeepAliveMs,
      signal: request.signal,
    }),
  })

  /** A shape that ends promises nothing more, even while its end cannot be stored. */
  const read = async (request: ReadRequest): Promise<ShapeResponse | null> => {
    const answered = await readLiving(request)
    if (request.shape.retiring === undefined || answered?.status === 503) return answered
    return (await awaitEnd(request.shape)) ? refetch() : notStored()
  }

  /** Null: the offset lies beyond the log and stays there. */
  const readLiving = async (request: ReadRequest): Promise<ShapeResponse | null> => {
    const { params, shape, signal } = request
    const { offset } = params
    shape.lastUsed = options.now()
    const refusal = await awaitSnapshot(shape, offset, signal)
    if (refusal !== null) return refusal
    if (shape.retired || shape.snapshot.failure !== null) return refetch()
    await shape.prepare()
    if (offset === 'now') {
      const processed = shape.promise(options.processed())
      return nothingNew(request, shape.tail, seen(processed, shape.tail))
    }
    const beyond = compareOffsets(offset, shape.tail)
    if (beyond < 0 || (beyond === 0 && !params.live)) {
      if (params.sse) return eventStream(request, offset)
      return answer(request, offset)
    }
    if (beyond === 0 && params.sse) return eventStream(request, offset)
    // An SSE reader names `<lsn>_0` of what it has; and after a crash a reader may know more than the log for a moment.
    const ms = beyond > 0 ? options.longPollMs / 2 : options.longPollMs
    const ready = () => (beyond > 0 ? compareOffsets(shape.tail, offset) >= 0 : compareOffsets(shape.tail, offset) > 0)
    const end = await waitFor(shape, ready, ms, signal)
    if (end === 'ready') return params.sse ? eventStream(request, offset) : answer(request, offset)
    if (end === 'retired') return refetch()
    if (beyond > 0) {
      if (end === 'aborted') return unavailable('The request was interrupted', 1)
      // After a crash the stream first repeats what readers may already have.
      return options.caughtUp() && !shape.lags ? null : unavailable('Timeout waiting for replication connection', 1)
    }
    if (!options.ready()) return unavailable('Timeout waiting for replication connection', 10)
    const processed = shape.promise(options.processed())
    return nothingNew(request, offset, seen(processed, shape.tail))
  }

  return { read }
}

/** Reads shapes for requests. */
export type ShapeServer = ReturnType<typeof createServer>
