// Waiting for a shape: long polls and event streams. Bodies for readers at the same position are made once.
import { pause } from '#server/kernel/lifecycle.ts'
import { compareOffsets, type Offset } from './lsn.ts'
import { bytes, upToDate } from './protocol.ts'
import type { DirectWrites } from '../upstream.ts'
import type { Shape, Waiter } from './shapes/shape.ts'

/** Why a wait ended. */
export type WaitEnd = 'ready' | 'retired' | 'timeout' | 'aborted'

/** One wait. It is its own listener: thousands of readers wait at once, and each of them has one of these. */
class Wait implements Waiter, EventListenerObject {
  readonly #shape: Shape
  readonly #ready: () => boolean
  readonly #signal: AbortSignal
  readonly #resolve: (end: WaitEnd) => void
  readonly #timer: NodeJS.Timeout

  constructor(shape: Shape, ready: () => boolean, ms: number, signal: AbortSignal, resolve: (end: WaitEnd) => void) {
    this.#shape = shape
    this.#ready = ready
    this.#signal = signal
    this.#resolve = resolve
    this.#timer = setTimeout(timedOut, Math.max(0, ms), this)
    signal.addEventListener('abort', this)
    shape.addWaiter(this)
  }

  wake(): void {
    const end = stateOf(this.#shape, this.#ready, this.#signal)
    if (end !== null) this.finish(end)
  }

  handleEvent(): void {
    this.finish('aborted')
  }

  finish(end: WaitEnd): void {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this)
    this.#shape.removeWaiter(this)
    this.#resolve(end)
  }
}

const timedOut = (wait: Wait) => wait.finish('timeout')

const stateOf = (shape: Shape, ready: () => boolean, signal: AbortSignal): WaitEnd | null =>
  shape.retired ? 'retired' : ready() ? 'ready' : signal.aborted ? 'aborted' : null

/** Waits until `ready` holds, checking at once and at every wake of the shape. */
export const waitFor = (
  shape: Shape,
  ready: () => boolean,
  ms: number,
  signal: AbortSignal,
): Promise<WaitEnd> | WaitEnd =>
  stateOf(shape, ready, signal) ?? new Promise(resolve => void new Wait(shape, ready, ms, signal, resolve))

/** How long a request waits for the end of a shape to be stored. */
const endMs = 2_000

/** Waits until the end of a retiring shape is durable; false when that takes too long: nothing may be said about it. */
export const awaitEnd = async (shape: Shape): Promise<boolean> => {
  if (shape.retiring === undefined) return true
  const given = new AbortController()
  await Promise.race([shape.retiring, pause(endMs, given.signal)])
  given.abort()
  return shape.retired
}

/** What was made for one position, until the shape goes on. */
interface Made {
  readonly tail: Offset
  readonly bodies: Map<unknown, unknown>
}

const made = new WeakMap<Shape, Made>()
const keptPositions = 64

/** `make()`, or what it returned for the same key while the shape's tail was the same. A key has one type. */
export const once = <T>(shape: Shape, key: string | Offset, make: () => T): T => {
  let entry = made.get(shape)
  if (entry === undefined || entry.tail !== shape.tail) {
    entry = { tail: shape.tail, bodies: new Map() }
    made.set(shape, entry)
  }
  const known = entry.bodies.get(key)
  if (known !== undefined) return known as T
  const body = make()
  if (body !== null && entry.bodies.size < keptPositions) entry.bodies.set(key, body)
  return body
}

/** Items joined by `,\n` → events. */
const toEvents = (items: Uint8Array): string =>
  items.length === 0 ? '' : `data: ${Buffer.from(items).toString().replaceAll(',\n', '\n\ndata: ')}\n\n`

const keepAlive = bytes(': keep-alive\n\n')
const nothing = new Uint8Array()

const closing = (end: Offset): string => `data: ${upToDate(end.tx)}\n\n`

/** What comes after an offset: up to where, and whether that is the tail; the bytes unless they have left memory. */
interface Next {
  readonly end: Offset
  readonly isTail: boolean
  readonly recent: Uint8Array | null
}

/** Readers that were sent the same are at the same offset object: it is the key, and costs no text. */
const nextAfter = (shape: Shape, from: Offset): Next =>
  once(shape, from, () => {
    const end = shape.log.chunkEnd(from)
    const isTail = compareOffsets(end, shape.tail) >= 0
    const items = shape.log.readRecent(from, end)
    return { end, isTail, recent: items === null ? null : bytes(toEvents(items) + (isTail ? closing(end) : '')) }
  })

export interface EventOptions {
  readonly from: Offset
  readonly sseMs: number
  readonly keepAliveMs: number
  readonly signal: AbortSignal
  /** Where batches may go while the stream waits; what it does not take is yielded. */
  readonly direct: DirectWrites
}

/** The rest of the snapshot as events, for a reader that switches to events in the middle of it. */
async function* snapshotEvents(shape: Shape, from: number): AsyncGenerator<Uint8Array> {
  for (let index = from; index <= shape.snapshot.last; index++) {
    const parts: Uint8Array[] = []
    for await (const part of shape.snapshot.chunk(index).read()) parts.push(part)
    yield bytes(toEvents(Buffer.concat(parts).subarray(1, -1)))
  }
}

/**
 * Everything after `from`, then what comes, each batch closed by `up-to-date` with the LSN of its end: the reader makes
 * its next offset of it. Ends after `sseMs`, or when the shape ends. An empty piece says that `direct` is full.
 */
export async function* events(shape: Shape, options: EventOptions): AsyncGenerator<Uint8Array> {
  const { signal, keepAliveMs, direct } = options
  const deadline = Date.now() + options.sseMs
  let position = options.from
  let caughtUp = compareOffsets(position, shape.tail) >= 0
  let isFull = false
  /** When something was last sent; milliseconds. */
  let spoke = Date.now()
  /** True when what is new has been written to the reader from within the wake: the stream goes on waiting. */
  const passOn = (): boolean => {
    if (direct.write === undefined) return false
    const { end, isTail, recent } = nextAfter(shape, position)
    if (!isTail || recent === null) return false
    position = end
    spoke = Date.now()
    isFull = !direct.write(recent)
    return !isFull
  }
  try {
    if (position.tx === 0n && position.op < shape.snapshot.last) yield* snapshotEvents(shape, position.op + 1)
    while (!shape.retired && !signal.aborted) {
      while (!caughtUp) {
        const { end, isTail, recent } = nextAfter(shape, position)
        if (recent !== null) yield recent
        else {
          for await (const items of shape.log.read(position, end)) yield bytes(toEvents(items))
          if (isTail) yield bytes(closing(end))
        }
        position = end
        spoke = Date.now()
        caughtUp = isTail && compareOffsets(position, shape.tail) >= 0
      }
      const now = Date.now()
      if (now >= deadline) return
      const end = await waitFor(
        shape,
        () => compareOffsets(shape.tail, position) > 0 && !passOn(),
        Math.min(deadline, spoke + keepAliveMs) - now,
        signal,
      )
      if (isFull) {
        isFull = false
        yield nothing
      }
      if (end === 'ready') caughtUp = compareOffsets(position, shape.tail) >= 0
      else if (end !== 'timeout') return
      else if (Date.now() < deadline && Date.now() - spoke >= keepAliveMs) {
        yield keepAlive
        spoke = Date.now()
      }
    }
  } finally {
    direct.ended?.()
  }
}
