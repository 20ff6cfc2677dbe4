// `/sync`: shape requests of one client over one WebSocket. A browser opens six connections to an origin and a client
// follows thirty shapes; here they share one. Each request goes the way of an HTTP request to /api/shapes/:name: same
// caller check, same limits, same handler.
//
// Frames are JSON texts. To the server: {id, url, method?, headers?, body?}, or {id, abort: true}. From the server: one
// frame {id, status, headers, body}, or, for a long or unending answer, {id, status, headers, body, more: true} followed
// by {id, body, more: true} until one without `more`. A request that cannot be read ends the socket with 1008.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { type Actor, personOf } from '#server/kernel/actor.ts'
import type { Clock } from '#server/kernel/clock.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import type { Log } from '#server/kernel/log.ts'
import { openShapeRequests, shapeBodyBytes, socketsPerAddress } from '#server/kernel/open-limits.ts'
import { limitKey } from './client-address.ts'
import { shapeName } from './context.ts'
import { openLimit } from './rate-limit.ts'
import { isStream } from './send.ts'
import type { OpenCall, ShapeAnswer, ShapeHandler, Shapes } from './shapes.ts'

/** Characters of a body in one frame to the client: others get their turn in between. */
const pieceLength = 128 * 1024
const pingMs = 30_000

const shapeRequest = z.strictObject({
  id: z.int().min(0),
  url: z.string().max(65_536),
  method: z.enum(['GET', 'HEAD', 'POST']).default('GET'),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
})
const message = z.union([z.strictObject({ id: z.int().min(0), abort: z.literal(true) }), shapeRequest])

type ShapeRequest = z.output<typeof shapeRequest>

interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

export interface SyncSocketOptions {
  readonly handler: ShapeHandler
  readonly enter: Shapes['enter']
  /** The caller behind headers: those of a frame, or of the upgrade for a frame without credentials. */
  readonly callerOf: (headers: Readonly<Record<string, string | undefined>>, ip: string) => Promise<Actor>
  /** Rejects the upgrade of a foreign page that comes with somebody's cookie. */
  readonly checkUpgrade: (request: IncomingMessage) => void
  readonly addressOf: (request: IncomingMessage) => string
  readonly limited: boolean
  readonly clock: Clock
  readonly log: Log
}

export interface SyncSocket {
  /** Answers an upgrade of /sync. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Sockets that are open. */
  readonly open: () => number
  /** Says goodbye (1001) to every client once its open requests are answered; part of the server's stop. */
  readonly end: () => void
}

const passedOn = ['if-none-match', 'accept'] as const

const refusal = (error: AppError, requestId: string): ShapeAnswer => ({
  status: error.status,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
  },
  body: Buffer.from(JSON.stringify({ error: { ...error.toBody(), request_id: requestId } })),
})

/** What a page or program may ask for: a path of ours, without host. */
const targetOf = (url: string): { name: string; query: URLSearchParams } => {
  const [path = '', query = ''] = url.split('?', 2)
  const name = shapeName(path)
  if (name === undefined) {
    throw new AppError('not_found', { message: 'This socket serves /api/shapes/:name and nothing else.' })
  }
  return { name, query: new URLSearchParams(query) }
}

/** One request: it may be given up before anybody knows whose it is. */
class Running {
  #call: OpenCall | undefined
  #gone = false

  /** The caller is known. */
  enter(call: OpenCall): AbortSignal {
    this.#call = call
    if (this.#gone) call.gone()
    return call.signal
  }

  gone(): void {
    this.#gone = true
    this.#call?.gone()
  }

  leave(): void {
    this.#call?.leave()
  }
}

/** The requests of one client. */
class Connection {
  readonly #socket: WebSocket
  readonly #options: SyncSocketOptions
  readonly #credentials: Readonly<Record<string, string | undefined>>
  readonly #ip: string
  readonly #open = new Map<number, Running>()
  #leaving = false

  constructor(socket: WebSocket, request: IncomingMessage, options: SyncSocketOptions) {
    this.#socket = socket
    this.#options = options
    this.#ip = options.addressOf(request)
    const { cookie, authorization } = request.headers
    this.#credentials = { cookie, authorization }
    socket.on('message', (data, binary) => this.#receive(binary ? undefined : (data as Buffer).toString()))
    socket.on('close', () => {
      for (const running of this.#open.values()) running.gone()
    })
  }

  /** Closes as soon as nothing is open any more. */
  leave(): void {
    this.#leaving = true
    if (this.#open.size === 0) this.#socket.close(1001, 'The server stops.')
  }

  #receive(text: string | undefined): void {
    const parsed = message.safeParse(parse(text))
    if (!parsed.success) return this.#socket.close(1008, 'Send {id, url, headers} or {id, abort: true} as JSON.')
    const { data } = parsed
    if ('abort' in data) return this.#open.get(data.id)?.gone()
    if (this.#open.has(data.id)) return this.#socket.close(1008, `The id ${data.id} is in use.`)
    const running = new Running()
    this.#open.set(data.id, running)
    void this.#serve(data, running)
  }

  async #serve(request: ShapeRequest, running: Running): Promise<void> {
    const { log, clock } = this.#options
    const requestId = uuid7(clock.now().getTime())
    try {
      await this.#answer(request.id, await this.#run(request, running, requestId), requestId)
    } catch (error) {
      const known = error instanceof AppError ? error : new AppError('internal', { cause: error })
      if (known.code === 'internal') log.error('a shape request failed', { error, request_id: requestId })
      await this.#answer(request.id, refusal(known, requestId), requestId)
    } finally {
      running.leave()
      this.#open.delete(request.id)
      if (this.#leaving) this.leave()
    }
  }

  async #run(request: ShapeRequest, running: Running, requestId: string): Promise<ShapeAnswer> {
    const { handler, enter, callerOf } = this.#options
    if (this.#open.size > openShapeRequests) throw new AppError('rate_limited', { retryAfter: 1 })
    const { method, body } = request
    const { name, query } = targetOf(request.url)
    const own = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key.toLowerCase(), value]))
    const { authorization } = own
    const actor = await callerOf(authorization === undefined ? this.#credentials : { authorization }, this.#ip)
    return handler(
      {
        method,
        name,
        query,
        headers: Object.fromEntries(passedOn.map(key => [key, own[key]])),
        body: Buffer.from(method === 'POST' ? (body ?? '') : ''),
        signal: running.enter(enter(personOf(actor) ?? limitKey(this.#ip))),
        requestId,
      },
      actor,
    )
  }

  async #answer(id: number, { status, headers, body }: ShapeAnswer, requestId: string): Promise<void> {
    const head: Head = { status, headers: { ...headers, 'x-request-id': requestId } }
    if (body === null) return this.#send(id, head, '', false)
    if (!isStream(body)) {
      const text = new TextDecoder().decode(body)
      let start = 0
      do {
        const piece = text.slice(start, start + pieceLength)
        await this.#send(id, start === 0 ? head : undefined, piece, start + pieceLength < text.length)
        start += pieceLength
      } while (start < text.length)
      return
    }
    const decoder = new TextDecoder()
    // the head at once: a stream is open long before it has something to say
    await this.#send(id, head, '', true)
    for await (const piece of body) {
      if (this.#socket.readyState !== this.#socket.OPEN) break
      await this.#send(id, undefined, decoder.decode(piece, { stream: true }), true)
    }
    await this.#send(id, undefined, decoder.decode(), false)
  }

  /** Resolves when the frame is on its way: a slow reader slows down what is sent to him. */
  #send(id: number, head: Head | undefined, body: string, more: boolean): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve()
    const frame = JSON.stringify({ id, ...head, body, ...(more ? { more } : {}) })
    return new Promise(resolve => {
      this.#socket.send(frame, () => resolve())
    })
  }
}

const parse = (text: string | undefined): unknown => {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Ends an upgrade with an HTTP status. */
export const refuseUpgrade = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** Makes the door at /sync; see the head of the file. */
export const createSyncSocket = (options: SyncSocketOptions): SyncSocket => {
  const server = new WebSocketServer({ noServer: true, maxPayload: shapeBodyBytes, clientTracking: false })
  const open = openLimit(options.limited ? socketsPerAddress : Number.POSITIVE_INFINITY)
  const connections = new Set<Connection>()
  let ended = false

  const welcome = (socket: WebSocket, request: IncomingMessage): void => {
    const connection = new Connection(socket, request, options)
    connections.add(connection)
    let alive = true
    const ping = setInterval(() => {
      if (!alive) return socket.terminate()
      alive = false
      socket.ping()
    }, pingMs)
    socket.on('pong', () => {
      alive = true
    })
    socket.on('error', error => options.log.debug('a sync socket failed', { error }))
    socket.on('close', () => {
      clearInterval(ping)
      connections.delete(connection)
    })
  }

  return {
    upgrade: (request, socket, head) => {
      socket.on('error', () => socket.destroy())
      try {
        options.checkUpgrade(request)
        if (ended) return refuseUpgrade(socket, '503 Service Unavailable')
        const leave = open.enter(limitKey(options.addressOf(request)))
        socket.once('close', leave)
        server.handleUpgrade(request, socket, head, made => welcome(made, request))
      } catch (error) {
        refuseUpgrade(
          socket,
          error instanceof AppError && error.status === 429 ? '429 Too Many Requests' : '403 Forbidden',
        )
      }
    },
    open: () => connections.size,
    end: () => {
      ended = true
      for (const connection of connections) connection.leave()
    },
  }
}
