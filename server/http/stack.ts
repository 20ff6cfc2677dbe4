// The HTTP application: a fixed list of middlewares, then the route table. The order is the contract:
// request id → access log → error map → headers and CORS → session → rate limit → shapes → routes.
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import Koa from 'koa'
import { type Clock, systemClock } from '#server/kernel/clock.ts'
import { type Config, networkTest } from '#server/kernel/config.ts'
import type { Database } from '#server/kernel/database.ts'
import type { Door } from '#server/kernel/door.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Log } from '#server/kernel/log.ts'
import { createMetrics, gauge, type Metrics } from '#server/kernel/metrics.ts'
import type { Route, RunWrite } from '#server/kernel/route.ts'
import { createWindows, noWindows, type Windows } from '#server/kernel/windows.ts'
import { clientAddress } from './client-address.ts'
import { beginState, stateOf } from './context.ts'
import { docsRoutes } from './docs-page.ts'
import { errorMap } from './error-map.ts'
import { responseHeaders } from './headers.ts'
import { type Checks, serviceRoutes } from './health.ts'
import { metricsRoute } from './metrics.ts'
import { mountRoutes } from './mount.ts'
import { openApiRoute } from './openapi.ts'
import { rateLimit } from './rate-limit.ts'
import {
  type Authenticated,
  authenticate,
  checkOrigin,
  presentedToken,
  type SessionSource,
  sessionMiddleware,
} from './session.ts'
import { createShapes, type ShapeHandler, shapeRoute } from './shapes.ts'
import { socketDoor, type SocketTarget } from './socket-door.ts'
import { syncDoor } from './sync-reference.ts'
import { createSyncSocket, refuseUpgrade } from './sync-socket.ts'

export interface HttpOptions {
  readonly routes: readonly Route[]
  readonly runWrite: RunWrite
  readonly database: Pick<Database, 'read'>
  readonly sessions: SessionSource
  readonly config: Pick<Config, 'origins' | 'publicUrl' | 'trustedProxies' | 'rateLimits' | 'metricsToken'>
  /** Where requests are counted; a registry of its own by default. */
  readonly metrics?: Metrics
  readonly log: Log
  /** What /ready asks. */
  readonly checks: Checks
  readonly shapes?: ShapeHandler
  /** The documents' sockets, at /collab and below. */
  readonly collab?: SocketTarget | undefined
  /** What the reference says about shapes and documents. */
  readonly doors?: readonly Door[]
  readonly clock?: Clock
  readonly version?: string
  /** Counters of the request limits; shared with features that limit by what stands in a body. */
  readonly windows?: Windows
}

export interface Http {
  readonly handler: RequestListener
  /**
   * Who asks for a WebSocket: upgrade requests do not pass through the middlewares. Rejects with `csrf_failed` when a
   * page of a foreign origin uses somebody's cookie. Anonymous callers may still show a token inside the protocol.
   */
  readonly authenticate: (request: IncomingMessage) => Promise<Authenticated>
  /** Answers WebSocket upgrades; 404 where no socket lives. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Ends long polls and streams; part of the server's stop. */
  readonly endStreams: () => void
}

/** Counters as RATE_LIMITS says. */
export const windowsFor = (config: Pick<Config, 'rateLimits'>): Windows =>
  config.rateLimits ? createWindows() : noWindows

const requestId =
  (clock: Clock, addressOf: (request: IncomingMessage) => string): Koa.Middleware =>
  async (ctx, next) => {
    const now = clock.now()
    const id = uuid7(now.getTime())
    beginState(ctx, id, now, addressOf(ctx.req))
    ctx.set('X-Request-Id', id)
    await next()
  }

// pattern instead of path, and never the query: it may hold search terms
const accessLog =
  (log: Log, metrics: Metrics): Koa.Middleware =>
  async (ctx, next) => {
    const begin = performance.now()
    try {
      await next()
    } finally {
      const state = stateOf(ctx)
      const status = ctx.res.headersSent ? ctx.res.statusCode : ctx.status
      const elapsed = performance.now() - begin
      metrics.observeRequest({ method: ctx.method, route: state.route ?? 'none', status }, elapsed / 1000)
      // a client polls thirty shapes: worth a line only when looking for something
      const level = state.route === shapeRoute ? 'debug' : 'info'
      log[level]('request', {
        request_id: state.requestId,
        method: ctx.method,
        route: state.route,
        status,
        ms: Math.round(elapsed),
        user_id: state.actor.kind === 'anonymous' ? undefined : state.actor.userId,
      })
    }
  }

const noShapes: ShapeHandler = async () => {
  throw new AppError('not_found')
}

/** Builds the application. Throws when a route cannot be mounted. */
export const createHttp = (options: HttpOptions): Http => {
  const { config, log, sessions, clock = systemClock, version = '0.0.0' } = options
  const windows = options.windows ?? windowsFor(config)
  const isTrusted = networkTest(config.trustedProxies)
  const forwarded = (request: IncomingMessage) => [request.headers['x-forwarded-for'] ?? []].flat().join(',')
  const addressOf = (request: IncomingMessage) =>
    clientAddress(request.socket.remoteAddress, forwarded(request), isTrusted)

  const metrics = options.metrics ?? createMetrics()
  gauge(metrics.registry, 'skerry_open_shape_requests', 'Shape requests that are being answered or wait.', () =>
    shapes.open(),
  )
  gauge(metrics.registry, 'skerry_sync_sockets', 'Open WebSockets at /sync.', () => sync.open())
  const documented = [
    ...options.routes,
    ...serviceRoutes(options.checks, version),
    metricsRoute(metrics, config.metricsToken),
  ]
  const doors = [...(options.doors ?? []), syncDoor]
  const reference = openApiRoute({ routes: documented, doors, version, publicUrl: config.publicUrl })
  const shapes = createShapes({ handler: options.shapes, limited: config.rateLimits })

  const app = new Koa()
  app.silent = true
  app.on('error', (error: unknown) => log.debug('a response ended early', { error }))
  app.use(requestId(clock, addressOf))
  app.use(accessLog(log, metrics))
  app.use(errorMap(log))
  app.use(responseHeaders({ origins: config.origins, https: config.publicUrl.startsWith('https:') }))
  app.use(sessionMiddleware(sessions, config.origins))
  app.use(rateLimit(windows))
  app.use(shapes.middleware)
  app.use(
    mountRoutes({
      routes: [...documented, reference, ...docsRoutes()],
      database: options.database,
      runWrite: options.runWrite,
      windows,
    }),
  )

  const checkUpgrade = (request: IncomingMessage): void => {
    const shown = presentedToken(request.headers, sessions.cookieName)?.credential ?? 'none'
    checkOrigin('POST', request.headers.origin, shown, config.origins)
  }
  const collab =
    options.collab && socketDoor({ target: options.collab, checkUpgrade, addressOf, limited: config.rateLimits })
  const sync = createSyncSocket({
    handler: options.shapes ?? noShapes,
    enter: shapes.enter,
    callerOf: async (headers, ip) => (await authenticate(sessions, headers, ip)).actor,
    checkUpgrade,
    addressOf,
    limited: config.rateLimits,
    clock,
    log,
  })

  return {
    handler: app.callback(),
    upgrade: (request, socket, head) => {
      const path = request.url?.split('?', 1)[0] ?? ''
      if (path === '/sync') sync.upgrade(request, socket, head)
      else if (collab && (path === '/collab' || path.startsWith('/collab/'))) collab(request, socket, head)
      else refuseUpgrade(socket, '404 Not Found')
    },
    authenticate: async request => {
      const found = await authenticate(sessions, request.headers, addressOf(request))
      // the browser's own rules do not keep pages from opening sockets to us: an upgrade is treated like a write
      if (found.credential === 'cookie') checkOrigin('POST', request.headers.origin, 'cookie', config.origins)
      return found
    },
    endStreams: () => {
      shapes.endAll()
      sync.end()
      options.collab?.end()
    },
  }
}
