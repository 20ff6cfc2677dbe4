// The engine behind a plain node:http server, for running alone. The route is resolved once, from the decoded segments
// of the path; what is not listed is 404, and the shape route asks for the secret after that (SPEC.md, S-80).
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { withDeadline } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { ShapeRequest, ShapeResponse, ShapeUpstream } from '../upstream.ts'
import { bytes, defaults, exposedHeaders, internalError, jsonError, jsonType, shapeMethods } from './protocol.ts'
import { send } from './http-send.ts'
import { createQueryParser } from './query.ts'

export interface HttpOptions {
  readonly upstream: ShapeUpstream
  /** Fires when the server is about to stop: what waits is answered, and connections are not kept. */
  readonly closing?: AbortSignal
  /** The shared secret, or null to let everyone in. */
  readonly secret: string | null
  readonly log: Log
  /** How long a reader may leave a written piece unread. */
  readonly sendTimeoutMs?: number
  /** How long a request, its body included, may take to arrive. */
  readonly readTimeoutMs?: number
}

type Route = 'root' | 'health' | 'shape' | 'none'

const routes: Readonly<Record<string, Route>> = { '': 'root', 'v1/health': 'health', 'v1/shape': 'shape' }

/** Empty segments do not count, and escapes are what they stand for: `//v1/%73hape/` is the shape route. */
const routeOf = (path: string): Route => {
  if (path === '/v1/shape') return 'shape'
  try {
    const segments = path.split('/').filter(segment => segment !== '')
    return routes[segments.map(decodeURIComponent).join('/')] ?? 'none'
  } catch {
    return 'none'
  }
}

/** What the reader's framework says where the protocol says nothing. */
const unspecifiedCaching = { 'cache-control': 'max-age=0, private, must-revalidate' }

const allowedHeaders = 'authorization, content-type, if-none-match, traceparent, tracestate'

const cors = (methods: string) => ({
  'access-control-allow-origin': '*',
  'access-control-expose-headers': exposedHeaders,
  'access-control-allow-methods': methods,
})

const shapeCors = cors(shapeMethods)
const methodsOfShapes: ReadonlySet<string> = new Set(shapeMethods.split(', '))

/** Answers that several readers share, with what stands on all of them, made once. */
const completed = new WeakMap<ShapeResponse, ShapeResponse>()

const withShapeCors = (answer: ShapeResponse): ShapeResponse => {
  let complete = completed.get(answer)
  if (complete === undefined) {
    complete = { ...answer, headers: { ...answer.headers, ...shapeCors } }
    completed.set(answer, complete)
  }
  return complete
}

const digest = (text: string) => createHash('sha256').update(text).digest()

const authorised = (query: URLSearchParams, secret: string | null): boolean => {
  if (secret === null) return true
  const given = query.getAll('secret').at(-1) ?? query.getAll('api_secret').at(-1)
  return given !== undefined && timingSafeEqual(digest(given), digest(secret))
}

const readBody = async (request: IncomingMessage): Promise<Uint8Array | ShapeResponse> => {
  const pieces: Buffer[] = []
  let size = 0
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      size += piece.length
      // The rest is read and thrown away, so that the client gets to see the answer.
      if (size <= defaults.bodyLimit) pieces.push(piece)
      else if (size > 4 * defaults.bodyLimit) break
    }
  } catch {
    return jsonError(400, { error: 'Failed to read request body' })
  }
  if (size > defaults.bodyLimit) {
    const refusal = jsonError(413, { error: 'Request body too large' })
    return { ...refusal, headers: { 'content-type': jsonType, 'cache-control': 'no-cache' } }
  }
  return Buffer.concat(pieces)
}

/** A header as it came, several of one name joined; without Node's table of all, which a parked reader would keep. */
const headerOf = ({ rawHeaders }: IncomingMessage, name: string): string | undefined => {
  let value: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const key = rawHeaders[at] ?? ''
    if (key.length !== name.length || key.toLowerCase() !== name) continue
    value = value === undefined ? (rawHeaders[at + 1] ?? '') : `${value}, ${rawHeaders[at + 1]}`
  }
  return value
}

/** The headers that the shape route knows. */
const headersOf = (request: IncomingMessage): ShapeRequest['headers'] => ({
  'if-none-match': headerOf(request, 'if-none-match'),
  'accept-encoding': headerOf(request, 'accept-encoding'),
})

const clientGone = new Error('the client has gone')

/** What a server keeps beside its requests. */
interface Serving extends HttpOptions {
  /** Requests that are being answered. Not AbortSignal.any: `closing` would collect every request's signal. */
  readonly running: Set<AbortController>
  readonly parse: (search: string) => URLSearchParams | null
}

/** Without a body there is nothing to wait for: a parked request keeps what it can spare. */
const shapeRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  options: Serving,
): Promise<ShapeResponse> | ShapeResponse => {
  const method = request.method as ShapeRequest['method']
  if (method !== 'OPTIONS' && !authorised(query, options.secret))
    return {
      status: 401,
      headers: { 'content-type': jsonType, ...unspecifiedCaching },
      body: bytes('{"message":"Unauthorized - Invalid API secret"}'),
    }
  const gone = new AbortController()
  options.running.add(gone)
  if (options.closing?.aborted === true) gone.abort()
  // An answer that is out needs no abort, and a reason of its own spares every other one an exception with its stack.
  response.once('close', () => {
    options.running.delete(gone)
    if (!response.writableFinished) gone.abort(clientGone)
  })
  const headers = headersOf(request)
  const shapeRequest: ShapeRequest = { method, query, headers, signal: gone.signal }
  if (method !== 'POST') return options.upstream.handle(shapeRequest)
  return readBody(request).then(body => ('status' in body ? body : options.upstream.handle({ ...shapeRequest, body })))
}

const notFound: ShapeResponse = {
  status: 404,
  headers: { ...cors('GET, HEAD'), ...unspecifiedCaching },
  body: bytes('Not found'),
}

const answerFor = async (
  request: IncomingMessage,
  response: ServerResponse,
  options: Serving,
): Promise<ShapeResponse> => {
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  const route = routeOf(mark < 0 ? target : target.slice(0, mark))
  const search = mark < 0 ? '' : target.slice(mark + 1)
  const method = request.method ?? ''
  const isRead = method === 'GET' || method === 'HEAD'
  if (route === 'shape' && methodsOfShapes.has(method)) {
    const query = options.parse(search)
    if (query === null) return { status: 400, headers: shapeCors, body: null }
    const answer = await shapeRoute(request, response, query, options)
    if (answer.shared === true) return withShapeCors(answer)
    const preflight = method === 'OPTIONS' ? { 'access-control-allow-headers': allowedHeaders } : {}
    return { ...answer, headers: { ...answer.headers, ...shapeCors, ...preflight } }
  }
  if (!isRead || route === 'none' || route === 'shape') return notFound
  if (route === 'root') return { status: 200, headers: { ...cors('GET, HEAD'), ...unspecifiedCaching }, body: null }
  const status = await options.upstream.health()
  const problem = options.upstream.problem?.()
  return {
    status: status === 'active' ? 200 : 202,
    headers: {
      ...cors('GET, HEAD'),
      'content-type': jsonType,
      'cache-control': 'no-cache, no-store, must-revalidate',
    },
    body: bytes(JSON.stringify({ status, ...(problem === undefined ? {} : { problem }) })),
  }
}

/** Of this process; what follows it only counts: an id tells requests apart, and guards nothing. */
const idPrefix = randomBytes(12).toString('hex')
let ids = 0

/** The request's own id, when it is one, or a new one. */
const requestId = (request: IncomingMessage): string => {
  const given = headerOf(request, 'x-request-id')
  return given !== undefined && /^[\w.:+=/-]{20,200}$/.test(given) ? given : `${idPrefix}-${(ids += 1)}`
}

/** A server that is not yet listening. */
export const createHttpServer = (options: HttpOptions): Server => {
  const serving: Serving = { ...options, running: new Set(), parse: createQueryParser() }
  options.closing?.addEventListener('abort', () => {
    for (const one of serving.running) one.abort()
  })
  const server = createServer({ maxHeaderSize: defaults.headerLimit }, (request, response) => {
    answerFor(request, response, serving)
      .catch((error: unknown) => {
        options.log.error('a request failed', { error })
        return internalError()
      })
      .then(answer => {
        const more = ['electric-server', 'Skerry', 'x-request-id', requestId(request)]
        if (options.closing?.aborted === true) more.push('connection', 'close')
        return send(response, answer, {
          more,
          headOnly: request.method === 'HEAD',
          timeoutMs: options.sendTimeoutMs ?? defaults.sendTimeoutMs,
        })
      })
      .catch((error: unknown) => {
        // The headers are out: all that is left is to break off, so that nobody takes half a body for a whole one.
        options.log.warn('a response broke off', { error })
        response.destroy()
      })
  })
  // Above the idle timeouts of common proxies. The request timeout ends when the request is there: it cuts no long poll.
  server.keepAliveTimeout = 75_000
  server.requestTimeout = options.readTimeoutMs ?? defaults.readTimeoutMs
  server.headersTimeout = Math.min(60_000, server.requestTimeout)
  return server
}

/** How long answers may take to be read once the server stops. */
const goodbyeMs = 5_000

/** Stops taking connections, lets what waits be answered (`closing` fires), and cuts what is left after a while. */
export const endServer = async (server: Server, closing: AbortController): Promise<void> => {
  const ended = once(server, 'close')
  server.close()
  closing.abort()
  // A connection becomes idle when its answer has been read.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  await withDeadline(ended, goodbyeMs, 'answering the last requests').catch(() => server.closeAllConnections())
  clearInterval(idle)
}

/** Listens on `port`, on all interfaces or on `host`; returns the port. */
export const listen = async (server: Server, port: number, host?: string): Promise<number> => {
  server.listen(port, ...(host === undefined ? [] : [host]))
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
