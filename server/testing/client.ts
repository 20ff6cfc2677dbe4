// A plain HTTP client for tests: JSON in, status, headers and parsed JSON out. Never throws for a status.
import type { Contract } from './contract.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed JSON, or undefined. */
  readonly body: unknown
  /** `error.code`, or undefined. */
  readonly code: string | undefined
  /** `path code` of each issue of a 422, sorted. */
  readonly issues: readonly string[]
}

type Extra = Readonly<Record<string, string>>

export interface Client {
  request(method: string, path: string, body?: BodyInit | null, headers?: Extra): Promise<Answer>
  get(path: string, headers?: Extra): Promise<Answer>
  post(path: string, json?: unknown, headers?: Extra): Promise<Answer>
  patch(path: string, json?: unknown, headers?: Extra): Promise<Answer>
  put(path: string, json?: unknown, headers?: Extra): Promise<Answer>
  delete(path: string, json?: unknown, headers?: Extra): Promise<Answer>
}

interface ErrorBody {
  readonly error?: { readonly code: string; readonly details?: { readonly issues?: { path: string; code: string }[] } }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A client for the server at `url` that sends `headers` with every request; `contract` is asked about each success. */
export const createClient = (url: string, headers: Extra = {}, contract?: Contract): Client => {
  const request: Client['request'] = async (method, path, body = null, extra = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      body,
      headers: { ...headers, ...extra },
      redirect: 'manual',
    })
    const text = await response.text()
    const json = parsed(text)
    if (response.ok && json !== undefined) contract?.(method, path, response.status, json)
    const error = (json as ErrorBody | undefined)?.error
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: json,
      code: error?.code,
      issues: (error?.details?.issues ?? []).map(issue => `${issue.path} ${issue.code}`).sort(),
    }
  }
  const send =
    (method: string) =>
    (path: string, json?: unknown, extra: Extra = {}) =>
      json === undefined
        ? request(method, path, null, extra)
        : request(method, path, JSON.stringify(json), { 'content-type': 'application/json', ...extra })
  return {
    request,
    get: (path, extra) => request('GET', path, null, extra),
    post: send('POST'),
    patch: send('PATCH'),
    put: send('PUT'),
    delete: send('DELETE'),
  }
}
