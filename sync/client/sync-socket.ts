// A fetch that carries live shape requests over one WebSocket (`/sync`): a browser opens six connections to an origin,
// and thirty open long polls would keep everything else waiting. All other requests, and live ones while there is no
// socket to be had (a proxy that knows none, an older server), go the plain way.

/** Milliseconds without any request after which the socket is closed. */
const idleMs = 30_000
/** Milliseconds for which a server without a working socket is not asked again. */
const restMs = 60_000
/** Milliseconds that a new socket may take to open. */
const openMs = 5_000

export interface SyncSocketOptions {
  /** The server's address, as of `ApiOptions`. */
  readonly url: string
  /** The plain way. */
  readonly fetch: typeof fetch
  readonly now?: () => number
  readonly WebSocket?: typeof WebSocket
}

export interface SyncSocket {
  readonly fetch: typeof fetch
  /** Open requests fail and may start again on a new socket: the network may be another one. */
  reset(): void
  close(): void
}

interface Frame {
  readonly id: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly more?: true
}

const lost = (): TypeError => new TypeError('The connection to the server was lost.')

/** The path of a live shape request of `base`, or undefined for every other request. */
const livePath = (base: string, input: RequestInfo | URL, init: RequestInit | undefined): string | undefined => {
  const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url
  const method = init?.method ?? (input instanceof Request ? input.method : 'GET')
  if (method !== 'GET' || !url.startsWith(`${base}/api/shapes/`)) return undefined
  const query = url.split('?', 2)[1] ?? ''
  return new URLSearchParams(query).get('live') === 'true' ? url.slice(base.length) : undefined
}

/** One answer: a plain text when it comes in one frame, a stream otherwise. */
class Answer {
  readonly response: Promise<Response>
  readonly #resolve: (response: Response) => void
  readonly #reject: (error: unknown) => void
  readonly #done: () => void
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(done: () => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    this.response = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#done = done
  }

  receive({ status = 200, headers, body = '', more }: Frame): void {
    if (this.#stream === undefined) {
      const init = { status, headers: { ...headers } }
      if (!more) this.#resolve(new Response([204, 205, 304].includes(status) ? null : body, init))
      else {
        const stream = new ReadableStream<Uint8Array>({
          start: controller => {
            this.#stream = controller
          },
          cancel: () => this.#done(),
        })
        this.#resolve(new Response(stream, init))
      }
    }
    if (this.#stream !== undefined && body !== '') this.#stream.enqueue(new TextEncoder().encode(body))
    if (more) return
    this.#stream?.close()
    this.#done()
  }

  fail(error: unknown): void {
    this.#reject(error)
    this.#stream?.error(error)
    this.#done()
  }
}

/** One socket with the requests on it. */
class Link {
  /** Resolves when it is open, rejects when it never was. */
  readonly opened: Promise<void>
  readonly #socket: WebSocket
  readonly #pending = new Map<number, Answer>()
  readonly #idle: () => void
  #counter = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `closed`: no request can be sent any more; `idle`: the last one is answered. */
  constructor(socket: WebSocket, closed: () => void, idle: () => void) {
    this.#socket = socket
    this.#idle = idle
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.opened = promise
    this.#timer = setTimeout(() => this.close(), openMs)
    socket.addEventListener('open', () => {
      clearTimeout(this.#timer)
      resolve()
    })
    socket.addEventListener('close', () => {
      clearTimeout(this.#timer)
      reject(lost())
      this.#failAll()
      closed()
    })
    socket.addEventListener('message', event => {
      const frame = JSON.parse(String(event.data)) as Frame
      this.#pending.get(frame.id)?.receive(frame)
    })
  }

  get isBusy(): boolean {
    return this.#pending.size > 0
  }

  send(url: string, headers: Headers, signal: AbortSignal | null): Promise<Response> {
    const id = (this.#counter += 1)
    const abort = () => {
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify({ id, abort: true }))
      answer.fail(signal?.reason)
    }
    const answer = new Answer(() => {
      if (!this.#pending.delete(id)) return
      signal?.removeEventListener('abort', abort)
      if (!this.isBusy) this.#idle()
    })
    this.#pending.set(id, answer)
    signal?.addEventListener('abort', abort, { once: true })
    this.#socket.send(JSON.stringify({ id, url, headers: Object.fromEntries(headers) }))
    return answer.response
  }

  /** Fails what is open. At once: the closing handshake of a dead network takes as long as it likes. */
  close(): void {
    this.#socket.close()
    this.#failAll()
  }

  #failAll(): void {
    for (const one of this.#pending.values()) one.fail(lost())
  }
}

/** Makes the fetch; see the header. The socket is opened by the first live request. */
export const createSyncSocket = (options: SyncSocketOptions): SyncSocket => {
  const base = options.url.replace(/\/+$/, '')
  const { now = Date.now, WebSocket: Socket = globalThis.WebSocket } = options
  let link: Link | undefined
  let restUntil = 0
  let idle: ReturnType<typeof setTimeout> | undefined

  const reset = (): void => {
    clearTimeout(idle)
    const current = link
    link = undefined
    current?.close()
  }

  const open = (): Link => {
    const made = new Link(
      new Socket(`${base.replace(/^http/, 'ws')}/sync`),
      () => {
        if (link === made) link = undefined
      },
      () => {
        clearTimeout(idle)
        idle = setTimeout(() => link === made && !made.isBusy && reset(), idleMs)
        // Node only: an idle socket's clock must not keep a process alive
        ;(idle as { unref?: () => void }).unref?.()
      },
    )
    return made
  }

  /** undefined where there is no socket to be had. */
  const overSocket = async (path: string, headers: Headers, signal: AbortSignal | null) => {
    link ??= open()
    const current = link
    try {
      await current.opened
    } catch {
      return undefined
    }
    signal?.throwIfAborted()
    return current.send(path, headers, signal)
  }

  return {
    fetch: async (input, init) => {
      const path = now() < restUntil ? undefined : livePath(base, input, init)
      if (path === undefined) return options.fetch(input, init)
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
      const answer = await overSocket(path, headers, init?.signal ?? null)
      if (answer !== undefined) return answer
      const plain = await options.fetch(input, init)
      // it is not the network: this server, or what stands before it, knows no sockets
      restUntil = now() + restMs
      return plain
    },
    reset: () => {
      restUntil = 0
      reset()
    },
    close: () => {
      restUntil = Number.POSITIVE_INFINITY
      reset()
    },
  }
}
