// What is made for the readers of one position of a shape: once for all of them, and forgotten when the shape goes on or
// nobody can be expected to ask for it any more.
import type { Offset } from './lsn.ts'
import type { Shape } from './shapes/shape.ts'

interface Made {
  readonly tail: Offset
  /** Milliseconds of performance.now(). */
  readonly since: number
  readonly bodies: Map<unknown, unknown>
}

/** How long something is kept, at least; at most it is twice as long. Readers who come later get it made again. */
const keptMs = 5_000
const keptPositions = 64

const made = new Map<Shape, Made>()
let sweeper: NodeJS.Timeout | undefined

const sweep = (): void => {
  const before = performance.now() - keptMs
  for (const [shape, { since }] of made) if (since <= before) made.delete(shape)
  sweeper = made.size === 0 ? undefined : setTimeout(sweep, keptMs).unref()
}

const madeFor = (shape: Shape): Made => {
  const known = made.get(shape)
  if (known?.tail === shape.tail) return known
  const entry = { tail: shape.tail, since: performance.now(), bodies: new Map() }
  made.set(shape, entry)
  sweeper ??= setTimeout(sweep, keptMs).unref()
  return entry
}

/**
 * `make()`, or what it returned for the same key a moment ago, while the shape's tail was the same. A key has one type. Null
 * is not kept, nor a promise that is rejected.
 */
export const once = <T>(shape: Shape, key: string | Offset, make: () => T): T => {
  const { bodies } = madeFor(shape)
  const known = bodies.get(key)
  if (known !== undefined) return known as T
  const body = make()
  if (body === null || bodies.size >= keptPositions) return body
  bodies.set(key, body)
  if (body instanceof Promise) body.catch(() => bodies.delete(key))
  return body
}
