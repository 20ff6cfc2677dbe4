// The listening socket as a Service: started last, stopped first, with time for the requests that are running.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { once } from 'node:events'
import { pause, type Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'

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
}

export class HttpServer implements Service {
  readonly name = 'http'
  readonly #options: HttpServerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(options: HttpServerOptions) {
    this.#options = options
    // a long poll has no time limit here; bodies have one of their own (body.ts), headers node's
    const limits = { keepAliveTimeout: 75_000, requestTimeout: 0, headersTimeout: 60_000, noDelay: true }
    this.#server = createServer({ ...limits, keepAlive: true }, options.handler)
    this.#server.on('clientError', (_error, socket) => {
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
    await once(this.#server, 'listening')
    log.info('listening', { host, port: this.port })
  }

  /** Stops accepting, ends long polls, waits for running requests, then closes what is left. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#options.endStreams?.()
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
    this.#server.closeIdleConnections()
    // browsers open connections in advance, and Node does not count one without a first request as idle
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
  }
}
