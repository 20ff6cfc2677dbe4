// The answer for a shape that exists: which part of its log, with which headers. The position is decided before the
// first byte, from one look at the shape, so that headers, body and `up-to-date` agree.
import type { DirectWrites, ShapeResponse } from '../upstream.ts'
import type { EncodedBodies } from './encoded-bodies.ts'
import { type Encoding, negotiate, smallBody, smallLiveBody } from './encoding.ts'
import type { HotFiles } from './hot-files.ts'
import { awaitEnd, events, waitFor } from './live.ts'
import { afterSnapshot, beforeAll, compareOffsets, formatOffset, type Offset, snapshotOffset } from './lsn.ts'
import { once } from './once.ts'
import type { RequestParams } from './params.ts'
import {
  bytes,
  cursorStep,
  cursorWindow,
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
import type { Folder } from './shapes/folder.ts'
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
  readonly encoded: EncodedBodies
  readonly hot: HotFiles
  readonly now: () => number
}

/** What a request asks of a shape. */
export interface ReadRequest {
  readonly params: RequestParams
  readonly shape: Shape
  readonly schema: string
  readonly ifNoneMatch: string | undefined
  /** The request's `Accept-Encoding`. */
  readonly acceptEncoding: string | undefined
  readonly signal: AbortSignal
}

const comma = bytes(',')
const open = bytes('[')
const close = bytes(']')

let marks = 0

/** The one of `etags` that the reader has. */
const matching = (ifNoneMatch: string | undefined, etags: readonly string[]): string | undefined => {
  const known = ifNoneMatch?.split(',').map(candidate => candidate.trim().replace(/^W\//, '').replaceAll('"', ''))
  return known === undefined ? undefined : etags.find(etag => known.includes(etag))
}

/** Null when the items are no longer all in memory. Made once for all readers of the same position. */
const recentBody = (shape: Shape, from: Offset, to: Offset, control: string | null): Uint8Array | null =>
  once(shape, `log ${from.tx}_${from.op} ${control}`, () => {
    const recent = shape.log.readRecent(from, to)
    if (recent === null) return null
    const parts: Uint8Array[] = [open, recent]
    if (control !== null) parts.push(...(recent.length > 0 ? [comma] : []), bytes(control))
    parts.push(close)
    return Buffer.concat(parts)
  })

async function* streamed(shape: Shape, from: Offset, to: Offset, control: string | null): AsyncGenerator<Uint8Array> {
  let next: Uint8Array = open
  for await (const items of shape.log.read(from, to)) {
    yield Buffer.concat([next, items])
    next = comma
  }
  const beforeClose = control === null ? (next === open ? [open] : []) : [next, bytes(control)]
  yield Buffer.concat([...beforeClose, close])
}

/** At least `size` bytes of `pieces` and what comes after them, or all of them and null. */
const beginning = async (
  pieces: AsyncGenerator<Uint8Array>,
  size: number,
): Promise<{ start: Uint8Array; rest: AsyncGenerator<Uint8Array> | null }> => {
  const parts: Uint8Array[] = []
  for (let length = 0; length < size; ) {
    const { done, value } = await pieces.next()
    if (done === true) return { start: Buffer.concat(parts), rest: null }
    parts.push(value)
    length += value.length
  }
  return { start: Buffer.concat(parts), rest: pieces }
}

async function* resumed(start: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield start
  yield* rest
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

/** Whether the snapshot says what stands at `offset`, or will not say it any more. */
const isKnown = ({ snapshot, retired }: Shape, offset: Offset | 'now'): boolean => {
  if (snapshot.failure !== null || snapshot.complete || retired) return true
  if (snapshot.pg === null) return false
  if (offset === 'now' || offset.tx > 0n || offset.op === Infinity) return true
  return snapshot.last >= (offset.tx < 0n ? 0 : offset.op + 1)
}

/** Waits until what stands at `offset` is known. */
const awaitSnapshot = async (
  shape: Shape,
  offset: Offset | 'now',
  signal: AbortSignal,
): Promise<ShapeResponse | null> => {
  const { snapshot } = shape
  const deadline = Date.now() + (snapshot.pg === null ? defaults.snapshotStartMs : defaults.chunkWaitMs)
  while (!isKnown(shape, offset)) {
    if (signal.aborted) return unavailable('The request was interrupted', 1)
    const left = deadline - Date.now()
    if (left <= 0) return unavailable('Timed out while waiting for the snapshot', 5)
    await new Promise<void>(resolve => {
      const finish = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        release()
        shape.removeWaiter(waiter)
        resolve()
      }
      const waiter = { wake: finish }
      const timer = setTimeout(finish, left)
      signal.addEventListener('abort', finish, { once: true })
      const release = snapshot.onProgress(finish)
      shape.addWaiter(waiter)
    })
  }
  return null
}

const etagOf = ({ handle }: Shape, from: Offset | 'now', end: Offset): string =>
  `${handle}:${from === 'now' ? 'now' : formatOffset(from)}:${formatOffset(end)}`

/** The cursors beyond their window that readers of a position share. */
const beyondWindow = new WeakMap<Shape, { readonly tail: Offset; readonly cursor: number }>()

/** A number above `end`, and above what readers of earlier positions were given. */
const sharedCursor = (shape: Shape, end: number): number => {
  const known = beyondWindow.get(shape)
  if (known?.tail === shape.tail) return known.cursor
  shape.cursor = Math.max(shape.cursor, end) + 1
  beyondWindow.set(shape, { tail: shape.tail, cursor: shape.cursor })
  return shape.cursor
}

const cursorOf = (shape: Shape, previous: string | null, windowMs: number, now: number): string => {
  const cursor = nextCursor(previous, windowMs, now, end => sharedCursor(shape, end))
  // Whoever is a little ahead is joined by the others at the next position; whoever made a number up stays alone.
  const ahead = Number(cursor) - shape.cursor
  if (shape.cursor > 0 && ahead > 0 && ahead <= cursorStep) shape.cursor = Number(cursor)
  return cursor
}

/** A coded body is another representation, and needs an etag of its own. */
const codedEtag = (etag: string, encoding: Encoding) => `${etag}:${encoding}`

/** A body and what the headers have to say about it. */
interface Body {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  readonly encoding: Encoding | null
  readonly length?: number
}

const whole = (body: Uint8Array, encoding: Encoding | null): Body => ({ body, encoding, length: body.length })

/** Serves reads of shapes; stateless but for its options. */
export const createServer = (options: ServeOptions) => {
  const headersOf = (
    { params, shape, schema }: ReadRequest,
    end: Offset,
    more: { upToDate: boolean; hasData: boolean; unique?: boolean },
  ): Record<string, string> => {
    const { offset, live, sse, cursor } = params
    const etag = etagOf(shape, offset, end)
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
      ...(sse ? {} : { vary: 'accept-encoding' }),
      etag: more.unique === true ? `"${etag}:${options.now()}${(marks += 1)}"` : `"${etag}"`,
      'electric-handle': shape.handle,
      'electric-offset': formatOffset(end),
      'electric-has-data': String(more.hasData),
      ...(live
        ? {
            'electric-cursor': cursorOf(shape, cursor, options.longPollMs, options.now()),
          }
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

  /** A body that will never change, from a file that may still grow. */
  const storedBody = async (
    folder: Folder,
    name: string,
    encoding: Encoding | null,
    make: () => AsyncIterable<Uint8Array>,
  ): Promise<Body> => {
    const file = encoding === null ? null : options.encoded.stored(folder, name, encoding, make)
    if (file === null) return { body: make(), encoding: null }
    const small = await options.hot.read(file)
    if (small !== null) return whole(small, encoding)
    return { body: file.read(), encoding, ...(file.done ? { length: file.size } : {}) }
  }

  const snapshotBody = async ({ snapshot }: Shape, index: number, encoding: Encoding | null): Promise<Body> => {
    const file = snapshot.chunk(index)
    if (encoding !== null && !(file.done && file.size < smallBody)) {
      const body = await storedBody(snapshot.folder, `snapshot.${index}`, encoding, () => file.read())
      if (body.encoding !== null) return body
    }
    const memory = (await options.hot.read(file)) ?? file.inMemory()
    if (memory !== null) return whole(memory, null)
    return { body: file.read(), encoding: null, ...(file.done ? { length: file.size } : {}) }
  }

  const logBody = async (
    shape: Shape,
    span: { from: Offset; to: Offset; control: string | null; live: boolean },
    encoding: Encoding | null,
  ): Promise<Body> => {
    const { from, to, control, live } = span
    const recent = recentBody(shape, from, to, control)
    if (recent !== null) {
      if (encoding === null || recent.length < (live ? smallLiveBody : smallBody)) return whole(recent, null)
      const key = `${encoding} ${from.tx}_${from.op} ${control}`
      const coded = await once(shape, key, () => options.encoded.whole(recent, encoding))
      return coded === null ? whole(recent, null) : whole(coded, encoding)
    }
    const plain = () => streamed(shape, from, to, control)
    // Whoever follows the log from its beginning asks for the same chunks; other beginnings are each reader's own.
    if (control === null && shape.log.isChunkStart(from))
      return storedBody(shape.snapshot.folder, `log.${formatOffset(to)}`, encoding, plain)
    if (encoding === null) return { body: plain(), encoding: null }
    const { start, rest } = await beginning(plain(), smallBody)
    if (rest === null) return whole(start, null)
    const body = resumed(start, rest)
    const coded = options.encoded.onItsWay(body, encoding)
    return coded === null ? { body, encoding: null } : { body: coded, encoding }
  }

  const answer = async (request: ReadRequest, offset: Offset): Promise<ShapeResponse> => {
    const { params, shape } = request
    // Sampled before the tail: what it promises is in the answer or was before it. All is decided before the first wait.
    const processed = shape.promise(options.processed())
    const { end, chunk } = spanOf(shape, offset)
    const current = chunk === null && offset !== beforeAll && compareOffsets(end, shape.tail) >= 0
    const headers = headersOf(request, end, { upToDate: current, hasData: true })
    const etag = etagOf(shape, offset, end)
    const accepted = negotiate(request.acceptEncoding)
    // The plain body is good for everyone; a coded one for those who would get it now.
    const etags = accepted === null ? [etag] : [codedEtag(etag, accepted), etag]
    const known = matching(request.ifNoneMatch, etags)
    if (known !== undefined) {
      const { 'electric-schema': _schema, ...kept } = headers
      return { status: 304, headers: { ...kept, etag: `"${known}"` }, body: null }
    }
    const control = current ? upToDate(params.live ? end.tx : seen(processed, end)) : null
    const from = offset.tx === 0n ? afterSnapshot : offset
    const { body, encoding, length } = await (chunk !== null
      ? snapshotBody(shape, chunk, accepted)
      : logBody(shape, { from, to: end, control, live: params.live }, accepted))
    if (length !== undefined) headers['content-length'] = String(length)
    if (encoding !== null) {
      headers['content-encoding'] = encoding
      headers['etag'] = `"${codedEtag(etag, encoding)}"`
    }
    return { status: 200, headers, body }
  }

  /** What live readers ask is asked by many in the same words: one answer for all of a cursor's window, unless it is a stream. */
  const liveAnswer = async (request: ReadRequest, offset: Offset): Promise<ShapeResponse> => {
    const { params, shape, ifNoneMatch, acceptEncoding } = request
    // whoever only waits for what the log is about to repeat asks for other headers
    if (ifNoneMatch !== undefined || !params.live) return answer(request, offset)
    const key = `answer ${cursorWindow(options.longPollMs, options.now())} ${params.position} ${acceptEncoding}`
    let own: ShapeResponse | undefined
    const shared = await once(shape, key, async () => {
      own = await answer(request, offset)
      return own.body instanceof Uint8Array ? { ...own, shared: true as const } : null
    })
    return shared ?? own ?? answer(request, offset)
  }

  const eventStream = (
    request: ReadRequest,
    offset: Offset,
    direct: DirectWrites = { write: undefined, ended: undefined },
  ): ShapeResponse => ({
    status: 200,
    direct,
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
      direct,
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
    const refusal = isKnown(shape, offset) ? null : await awaitSnapshot(shape, offset, signal)
    if (refusal !== null) return refusal
    if (shape.retired || shape.snapshot.failure !== null) return refetch()
    const preparing = shape.prepare()
    if (preparing !== null) await preparing
    if (offset === 'now') {
      const processed = shape.promise(options.processed())
      return nothingNew(request, shape.tail, seen(processed, shape.tail))
    }
    const beyond = compareOffsets(offset, shape.tail)
    if (beyond < 0 || (beyond === 0 && !params.live)) {
      if (params.sse) return eventStream(request, offset)
      return liveAnswer(request, offset)
    }
    if (beyond === 0 && params.sse) return eventStream(request, offset)
    // An SSE reader names `<lsn>_0` of what it has; and after a crash a reader may know more than the log for a moment.
    const ms = beyond > 0 ? options.longPollMs / 2 : options.longPollMs
    const ready = () => (beyond > 0 ? compareOffsets(shape.tail, offset) >= 0 : compareOffsets(shape.tail, offset) > 0)
    const end = await waitFor(shape, { ready, ms, signal })
    if (end === 'ready') return params.sse ? eventStream(request, offset) : liveAnswer(request, offset)
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
