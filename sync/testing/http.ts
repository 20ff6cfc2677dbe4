// Plain requests to a shape route, for tests that look at the wire.
import { request } from 'node:http'

export interface Message {
  readonly key?: string
  readonly value?: Record<string, string | null>
  readonly old_value?: Record<string, string | null>
  readonly headers: Record<string, unknown>
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body; undefined when it is empty. */
  readonly json: unknown
  /** The body as messages. */
  readonly messages: readonly Message[]
  readonly handle: string
  readonly offset: string
}

/** One request; `params` become the query. */
export const ask = async (
  url: string,
  params: Readonly<Record<string, string | number | boolean>>,
  init: RequestInit = {},
): Promise<Reply> => {
  const query = new URLSearchParams(Object.entries(params).map(([name, value]) => [name, String(value)]))
  const response = await fetch(`${url}?${query}`, init)
  const text = await response.text()
  const json: unknown = text === '' || !text.startsWith('[') === !text.startsWith('{') ? undefined : JSON.parse(text)
  return {
    status: response.status,
    headers: response.headers,
    text,
    json,
    messages: Array.isArray(json) ? (json as Message[]) : [],
    handle: response.headers.get('electric-handle') ?? '',
    offset: response.headers.get('electric-offset') ?? '',
  }
}

/** Messages that are changes, as opposed to control messages. */
export const changesOf = (messages: readonly Message[]): readonly Message[] =>
  messages.filter(message => message.key !== undefined)

/** Follows a shape without `live` from `from` until it is up to date. */
export const readToEnd = async (
  url: string,
  params: Readonly<Record<string, string | number | boolean>>,
  from: { handle?: string; offset?: string } = {},
): Promise<{ handle: string; offset: string; messages: readonly Message[]; replies: readonly Reply[] }> => {
  let offset = from.offset ?? '-1'
  let handle = from.handle
  const replies: Reply[] = []
  for (let request = 0; request < 10_000; request++) {
    const reply = await ask(url, { ...params, offset, ...(handle === undefined ? {} : { handle }) })
    replies.push(reply)
    if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`)
    ;({ handle, offset } = reply)
    if (reply.headers.has('electric-up-to-date'))
      return { handle, offset, replies, messages: replies.flatMap(each => each.messages) }
  }
  throw new Error('never up to date')
}

/** The rows that messages amount to, by key, as a client keeps them. */
export const materialise = (
  messages: readonly Message[],
  rows: Map<string, Record<string, string | null>> = new Map(),
): Map<string, Record<string, string | null>> => {
  for (const { key, value, headers } of messages) {
    if (key === undefined) continue
    if (headers['operation'] === 'delete') rows.delete(key)
    else if (headers['operation'] === 'insert') rows.set(key, value ?? {})
    else rows.set(key, { ...rows.get(key), ...value })
  }
  return rows
}

/** An answer as it came, for requests that `fetch` would tidy up. */
export interface RawReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** One request with its path, method and headers sent as they stand, on a connection of its own. */
export const askRaw = (
  origin: string,
  what: {
    readonly method: string
    readonly path: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  },
): Promise<RawReply> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin)
    const { method, path, headers, body } = what
    const sent = request({ hostname, port, method, path, headers: { ...headers }, agent: false }, response => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
          text: Buffer.concat(pieces).toString(),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
