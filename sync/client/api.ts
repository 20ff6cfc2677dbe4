// The typed API client: JSON in and out, errors with codes, the server's clock. Works where there is `fetch`.
import { ApiError, errorBody, NetworkError, retryAfterOf } from './errors.ts'
import { createSession, type Session } from './session.ts'
import type { SessionBody, Transaction, TransactionResult, TransactionsAnswer, User } from './types.ts'

export interface ApiOptions {
  /** Where Skerry answers, e.g. `https://boards.example.com`. */
  readonly url: string
  /** Bearer token; leave it out with `credentials: 'cookie'` or before sign-in. */
  readonly token?: string | undefined
  /** 'token' (default): `login` keeps the token. 'cookie': the browser's cookie is used, no token is held. */
  readonly credentials?: 'token' | 'cookie'
  readonly fetch?: typeof fetch
  /** `<name>/<version>` for the activity log. */
  readonly clientName?: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** A request without an answer for so long counts as lost; default 30 s. */
  readonly timeoutMs?: number
}

/** The server's clock, from `Skerry-Time` of the answers. */
export interface ServerClock {
  /** Server time minus own time, ms. */
  offset: number
  /** Server time now, ms. */
  now(): number
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

type Send = <T = unknown>(path: string, body?: unknown, options?: RequestOptions) => Promise<T>

export interface Api {
  readonly url: string
  readonly session: Session
  readonly clock: ServerClock
  /** Resolves with the parsed body; rejects with ApiError or NetworkError, or as `signal` says. */
  request<T = unknown>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<T>
  get<T = unknown>(path: string, options?: RequestOptions): Promise<T>
  readonly post: Send
  readonly patch: Send
  readonly put: Send
  readonly delete: Send
  /** `fetch` with this session's credentials; for shapes. Learns nothing and throws only what `fetch` throws. */
  readonly fetch: typeof fetch
  /** Signs in and keeps the token. */
  login(email: string, password: string, deviceName?: string): Promise<SessionBody>
  register(account: { email: string; password: string; display_name?: string }): Promise<SessionBody>
  logout(): Promise<void>
  /** The own account. */
  me(): Promise<User>
  sendTransactions(transactions: readonly Transaction[]): Promise<TransactionsAnswer>
  /** The stored result of one of the caller's transactions, or undefined for an unknown one. */
  transaction(id: string): Promise<TransactionResult | undefined>
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Makes a client of the API at `options.url`. */
export const createApi = (options: ApiOptions): Api => {
  const url = options.url.replace(/\/+$/, '')
  const now = options.now ?? Date.now
  const rawFetch = options.fetch ?? ((input: RequestInfo | URL, init?: RequestInit) => fetch(input, init))
  const session = createSession(options.token)
  const clock: ServerClock = { offset: 0, now: () => now() + clock.offset }
  const holdsToken = options.credentials !== 'cookie'

  const authorised: typeof fetch = (input, init = {}) => {
    const headers = new Headers(init.headers)
    if (session.token !== undefined) headers.set('authorization', `Bearer ${session.token}`)
    if (options.clientName !== undefined) headers.set('skerry-client', options.clientName)
    return rawFetch(input, { ...init, headers, ...(holdsToken ? {} : { credentials: 'include' as const }) })
  }

  const learnClock = (headers: Headers, sentMs: number): void => {
    const serverMs = Number(headers.get('skerry-time') ?? Number.NaN)
    if (Number.isFinite(serverMs)) clock.offset = Math.round(serverMs - (sentMs + now()) / 2)
  }

  const exchange = async (method: string, path: string, body: unknown, { headers, signal }: RequestOptions) => {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? 30_000)
    const sentMs = now()
    try {
      const response = await authorised(`${url}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      const text = await response.text()
      learnClock(response.headers, sentMs)
      return { response, text }
    } catch (error) {
      if (signal?.aborted) throw error
      throw new NetworkError('There is no answer from the server.', { cause: error })
    }
  }

  const request: Api['request'] = async <T>(
    method: string,
    path: string,
    body?: unknown,
    extra: RequestOptions = {},
  ): Promise<T> => {
    const { signIns } = session
    const { response, text } = await exchange(method, path, body, extra)
    const json = parsed(text)
    if (response.ok && json !== undefined) return json as T
    const retryAfter = retryAfterOf(response.headers, now())
    const error = errorBody(json)
    if (!error) {
      throw new NetworkError('The answer does not come from Skerry.', { status: response.status, retryAfter })
    }
    if (response.status === 401 && error.code === 'unauthenticated') session.expire(signIns)
    throw new ApiError({
      code: error.code,
      status: response.status,
      message: error.message,
      details: error.details,
      requestId: error.request_id ?? response.headers.get('x-request-id') ?? undefined,
      retryAfter,
    })
  }

  const sender =
    (method: string): Send =>
    (path, body, extra) =>
      request(method, path, body, extra)

  const keep = (body: SessionBody): SessionBody => {
    session.resume(holdsToken ? body.access_token : undefined)
    return body
  }

  return {
    url,
    session,
    clock,
    request,
    get: (path, extra) => request('GET', path, undefined, extra),
    post: sender('POST'),
    patch: sender('PATCH'),
    put: sender('PUT'),
    delete: sender('DELETE'),
    fetch: authorised,
    login: async (email, password, deviceName) =>
      keep(
        await request<SessionBody>('POST', '/auth/login', {
          email,
          password,
          ...(deviceName === undefined ? {} : { device_name: deviceName }),
        }),
      ),
    register: async account => keep(await request<SessionBody>('POST', '/auth/register', account)),
    logout: async () => {
      const { signIns } = session
      await request('POST', '/auth/logout')
      session.expire(signIns)
    },
    me: async () => (await request<{ data: { user: User } }>('GET', '/api/me')).data.user,
    sendTransactions: async transactions =>
      (await request<{ data: TransactionsAnswer }>('POST', '/api/transactions', { transactions })).data,
    transaction: async id => {
      try {
        return (await request<{ data: TransactionResult }>('GET', `/api/transactions/${id}`)).data
      } catch (error) {
        if (error instanceof ApiError && error.code === 'not_found') return undefined
        throw error
      }
    },
  }
}
