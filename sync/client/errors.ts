// What can go wrong between client and server. Decisions are made by `code`, `status` and class, never by text.

/** The server answered with its error body. */
export class ApiError extends Error {
  /** A code of the catalogue (domain rules, section 1.5). */
  readonly code: string
  readonly status: number
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly requestId: string | undefined
  /** Seconds, from Retry-After. */
  readonly retryAfter: number | undefined

  constructor(answer: {
    code: string
    status: number
    message: string
    details?: Readonly<Record<string, unknown>> | undefined
    requestId?: string | undefined
    retryAfter?: number | undefined
  }) {
    super(answer.message)
    this.name = 'ApiError'
    this.code = answer.code
    this.status = answer.status
    this.details = answer.details
    this.requestId = answer.requestId
    this.retryAfter = answer.retryAfter
  }

  /** 429, 500 and 503 may be repeated; everything else is final. */
  get retryable(): boolean {
    return [429, 500, 503].includes(this.status)
  }
}

/**
 * No answer from Skerry: no connection, a timeout, or somebody else's answer (a proxy's error page, the sign-in page of
 * a public network). Always worth repeating.
 */
export class NetworkError extends Error {
  /** The status of the foreign answer, if there was one. */
  readonly status: number | undefined
  readonly retryable = true
  /** Seconds, from Retry-After. */
  readonly retryAfter: number | undefined

  constructor(message: string, options: { status?: number; retryAfter?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'NetworkError'
    this.status = options.status
    this.retryAfter = options.retryAfter
  }
}

/** The client was asked for something it cannot do; `code` says what. */
export class ClientError extends Error {
  readonly code: 'other_person' | 'bad_transaction' | 'unknown_transaction' | 'closed'

  constructor(code: ClientError['code'], message: string) {
    super(message)
    this.name = 'ClientError'
    this.code = code
  }
}

interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly request_id?: string
}

/** The `error` object of a body that has one, or undefined: then the answer is not Skerry's. */
export const errorBody = (body: unknown): ErrorBody | undefined => {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined
  const { error } = body
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') {
    return undefined
  }
  return error as ErrorBody
}

/** Seconds of a Retry-After header: a number, or the time until a date. */
export const retryAfterOf = (headers: Headers, nowMs: number): number | undefined => {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - nowMs) / 1000
  return Number.isFinite(seconds) ? Math.max(0, Math.min(seconds, 3600)) : undefined
}
