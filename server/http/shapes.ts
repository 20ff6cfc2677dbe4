// The door for shape requests: resolves the caller, hands the request over as data, and streams the answer. Knows nothing
// of Electric's protocol; the handler (the gate) does.
import type Koa from 'koa'
import { type Actor, personOf } from '#server/kernel/actor.ts'
import { openShapeRequests, shapeBodyBytes } from '#server/kernel/open-limits.ts'
import { readBody } from './body.ts'
import { flatHeaders, shapeName, stateOf } from './context.ts'
import { limitKey } from './client-address.ts'
import { openLimit } from './rate-limit.ts'
import { isStream, pump } from './send.ts'

const methods = ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'] as const
type ShapeMethod = (typeof methods)[number]

/** One request to /api/shapes/:name. */
export interface ShapeCall {
  readonly method: ShapeMethod
  readonly name: string
  /** Decoded, in order, duplicates kept. */
  readonly query: URLSearchParams
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The raw body of a POST, at most 8 MiB; empty otherwise. */
  readonly body: Uint8Array
  /** Fires when the client goes away, and when the server stops. */
  readonly signal: AbortSignal
  readonly requestId: string
}

export interface ShapeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null
}

export type ShapeHandler = (call: ShapeCall, actor: Actor) => Promise<ShapeAnswer>

/** Stands in the access log for all shapes. */
export const shapeRoute = '/api/shapes/:name'

const isShapeMethod = (method: string): method is ShapeMethod => methods.includes(method as ShapeMethod)

export interface ShapesOptions {
  readonly handler: ShapeHandler | undefined
  readonly limited: boolean
}

/** A shape request that is being answered. */
export interface OpenCall {
  /** Fires with `gone`, and when the server stops. */
  readonly signal: AbortSignal
  /** The client does not wait any more. */
  gone(): void
  /** The answer is out. */
  leave(): void
}

export interface Shapes {
  /** Answers shape requests, passes everything else on. */
  readonly middleware: Koa.Middleware
  /** Counts a request for `key` (person or address); throws `rate_limited` beyond 200 open ones. */
  readonly enter: (key: string) => OpenCall
  /** Requests that are open. */
  readonly open: () => number
  /** Fires the signal of every open request, and of every later one at once. */
  readonly endAll: () => void
}

// made once: without a reason every closed answer would cost an exception with its stack
const clientGone = new Error('the client has gone')

/** The door; see the head of the file. */
export const createShapes = ({ handler, limited }: ShapesOptions): Shapes => {
  const limit = openLimit(limited ? openShapeRequests : Number.POSITIVE_INFINITY)
  // own bookkeeping instead of AbortSignal.any: a signal as old as the process would collect every request's
  const running = new Set<AbortController>()
  let ended = false
  const enter = (key: string): OpenCall => {
    const leave = limit.enter(key)
    const gone = new AbortController()
    running.add(gone)
    if (ended) gone.abort()
    return {
      signal: gone.signal,
      gone: () => gone.abort(clientGone),
      leave: () => {
        running.delete(gone)
        leave()
      },
    }
  }
  const middleware: Koa.Middleware = async (ctx, next) => {
    const name = shapeName(ctx.path)
    const { method } = ctx
    if (name === undefined || !handler || !isShapeMethod(method)) return next()
    const state = stateOf(ctx)
    state.route = shapeRoute
    const opened = enter(personOf(state.actor) ?? limitKey(state.ip))
    ctx.res.once('close', () => opened.gone())
    try {
      const call: ShapeCall = {
        method,
        name,
        query: new URLSearchParams(ctx.querystring),
        headers: flatHeaders(ctx.headers),
        body: method === 'POST' ? await readBody(ctx.req, shapeBodyBytes) : new Uint8Array(),
        signal: opened.signal,
        requestId: state.requestId,
      }
      await answer(ctx, await handler(call, state.actor))
    } finally {
      opened.leave()
    }
  }
  return {
    middleware,
    enter,
    open: () => running.size,
    endAll: () => {
      ended = true
      for (const one of running) one.abort()
    },
  }
}

const mergeVary = (ours: string, theirs: string): string =>
  [...new Set(`${ours}, ${theirs}`.split(',').map(item => item.trim()))].filter(item => item !== '').join(', ')

const answer = async (ctx: Koa.Context, { status, headers, body }: ShapeAnswer): Promise<void> => {
  const { res } = ctx
  ctx.respond = false
  ctx.status = status
  if (res.destroyed) return
  for (const [name, value] of Object.entries(headers)) {
    res.setHeader(name, name.toLowerCase() === 'vary' ? mergeVary(String(res.getHeader('Vary') ?? ''), value) : value)
  }
  const bodiless = ctx.method === 'HEAD' || status === 204 || status === 304
  if (body instanceof Uint8Array && status !== 204 && status !== 304 && !res.hasHeader('content-length')) {
    res.setHeader('content-length', body.byteLength)
  }
  res.writeHead(status)
  if (bodiless || body === null) {
    res.end()
  } else if (isStream(body)) {
    // a live stream has to open at once, not with its first event
    res.flushHeaders()
    await pump(res, body)
  } else {
    res.end(body)
  }
}
