// Waiting for a shape: long polls and event streams.
import { pause } from '#server/kernel/lifecycle.ts'
import { compareOffsets, type Offset } from './lsn.ts'
import { once } from './once.ts'
import { bytes, upToDate } from './protocol.ts'
import type { DirectWrites } from '../upstream.ts'
import type { Shape, Waiter } from './shapes/shape.ts'

/** Why a wait ended. */
export type WaitEnd = 'ready' | 'retired' | 'timeout' | 'aborted'

export interface WaitOptions {
  /** Looked at at once and at every wake of the shape. */
  readonly ready: () => boolean
  readonly ms: number
  readonly signal: AbortSignal
  /** Asked when the time is over: milliseconds to wait on, or 0. */
  readonly more?: () => number
}

/** One wait. It is its own listener: thousands of readers wait at once, and each of them has one of these. */
class Wait implements Waiter, EventListenerObject {
  readonly #shape: Shape
  readonly #options: WaitOptions
  readonly #resolve: (end: WaitEnd) => void
  #timer: NodeJS.Timeout

  constructor(shape: Shape, options: WaitOptions, resolve: (end: WaitEnd) => void) {
    this.#shape = shape
    this.#options = options
    this.#resolve = resolve
    this.#timer = setTimeout(timeIsOver, Math.max(0, options.ms), this)
    options.signal.addEventListener('abort', this)
    shape.addWaiter(this)
  }

  timeIsOver(): void {
    const more = this.#options.more?.() ?? 0
    if (more > 0) this.#timer = setTimeout(timeIsOver, more, this)
    else this.finish('timeout')
  }

  wake(): void {
    const end = stateOf(this.#shape, this.#options)
    if (end !== null) this.finish(end)
  }

  handleEvent(): void {
    this.finish('aborted')
  }

  finish(end: WaitEnd): void {
    clearTimeout(this.#timer)
    this.#options.signal.removeEventListener('abort', this)
    this.#shape.removeWaiter(this)
    this.#resolve(end)
  }
}

const timeIsOver = (wait: Wait) => wait.timeIsOver()

const stateOf = (shape: Shape, { ready, signal }: WaitOptions): WaitEnd | null =>
  shape.retired ? 'retired' : ready() ? 'ready' : signal.aborted ? 'aborted' : null

/** Waits until `ready` holds. */
export const waitFor = (shape: Shape, options: WaitOptions): Promise<WaitEnd> | WaitEnd =>
  stateOf(shape, options) ?? new Promise(resolve => void new Wait(shape, options, resolve))

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
  /** Milliseconds until something has to be said, or until the end; never more than 0 when the reader is full. */
  const silence = (): number => (isFull ? 0 : Math.min(deadline, spoke + keepAliveMs) - Date.now())
  /** As `passOn`: thousands of streams are due at once, and go on waiting. */
  const sayAlive = (): number => {
    const now = Date.now()
    if (now < deadline && now - spoke >= keepAliveMs && direct.write !== undefined) {
      spoke = now
      isFull = !direct.write(keepAlive)
    }
    return silence()
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
      if (Date.now() >= deadline) return
      const end = await waitFor(shape, {
        ready: () => compareOffsets(shape.tail, position) > 0 && !passOn(),
        ms: silence(),
        signal,
        more: sayAlive,
      })
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
