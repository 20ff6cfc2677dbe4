// The listening socket as a Service: started last, stopped first, with time for the requests that are running. With a
// certificate it speaks HTTP/2, and HTTP/1.1 with clients that do not, WebSockets among them.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { once } from 'node:events'
import { addressError } from '#server/kernel/address.ts'
import { pause, type Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'

type Http2Listener = Parameters<typeof createSecureServer>[1]

export interface HttpServerOptions {
  readonly handler: RequestListener
  readonly host: string
  /** 0 takes any free port; see `port`. */
  readonly port: number
  readonly log: Log
  /** Called first when stopping: long polls and streams would otherwise keep us waiting. */
  readonly endStreams?: () => void
  /** Answers WebSocket upgrades; whoever takes a socket closes it when stopping. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Milliseconds that running requests get to finish. */
  readonly drainMs?: number
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

// a long poll has no time limit here; bodies have one of their own (body.ts), headers node's
const limits = { keepAliveTimeout: 75_000, requestTimeout: 0, headersTimeout: 60_000, noDelay: true, keepAlive: true }

/** Streams that one client may have open on a connection: as many shapes as a person may (shapes.ts), and some. */
const maxStreams = 250

const makeServer = ({ handler, tls }: HttpServerOptions): Server | Http2SecureServer => {
  if (tls === undefined) return createServer(limits, handler)
  const settings = { maxConcurrentStreams: maxStreams }
  // Koa works on both kinds of request alike
  return createSecureServer({ ...tls, ...limits, allowHTTP1: true, settings }, handler as unknown as Http2Listener)
}

export class HttpServer implements Service {
  readonly name = 'http'
  readonly #options: HttpServerOptions
  readonly #server: Server | Http2SecureServer
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#server = makeServer(options)
    this.#server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
    this.#server.on('clientError', (_error: Error, socket: Duplex) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    const { upgrade } = options
    if (upgrade) this.#server.on('upgrade', upgrade)
  }

  /** The port in use, once started. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port
  }

  async start(): Promise<void> {
    const { host, port, log } = this.#options
    this.#server.listen(port, host)
    await once(this.#server, 'listening').catch(error => {
      throw addressError(error, { host, port })
    })
    log.info('listening', { host, port: this.port })
  }

  /** Stops accepting, ends long polls, waits for running requests, then closes what is left. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#options.endStreams?.()
    // no new streams; the session ends with its last one
    for (const session of this.#sessions) session.close()
    this.#closeIdle()
    const waiting = new AbortController()
    const late = pause(this.#options.drainMs ?? 8000, waiting.signal).then(() => {
      if (waiting.signal.aborted) return
      this.#options.log.warn('requests were still running at the deadline')
      // also those that became WebSockets, which the server itself no longer knows
      for (const socket of this.#sockets) socket.destroy()
    })
    // connections that finish their request stay open for the next one unless they are told
    const sweep = setInterval(() => this.#closeIdle(), 50)
    await closed
    clearInterval(sweep)
    waiting.abort()
    await late
  }

  #closeIdle(): void {
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections()
    // browsers open connections in advance, and Node does not count one without a first request as idle
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
  }
}
