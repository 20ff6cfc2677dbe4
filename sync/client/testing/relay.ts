// A `fetch` that loses requests, answers, or both, on command: the network between client and server in tests.
import { must } from '#server/kernel/must.ts'

export interface Relay {
  readonly fetch: typeof fetch
  /** No connection: requests fail before they leave. */
  cut(): void
  /** The connection is back. */
  mend(): void
  /** The next `count` requests to `path` reach the server, but their answers get lost. */
  loseAnswers(path: string, count: number): void
  /** The next request to `path` gets this answer instead of the server's. */
  answerWith(path: string, make: () => Response): void
  /** Answers of `answerWith` that nobody has got yet. */
  waitingAnswers(path: string): number
  /** Bodies of the requests to `path` that have left, in order. */
  sent(path: string): readonly string[]
  /** Queries of the requests to `path` that have left, in order. */
  queries(path: string): readonly URLSearchParams[]
  /** Texts of the answers to `path` that the server has given, lost ones included. */
  answered(path: string): readonly string[]
}

const textOf = (body: unknown): string => (typeof body === 'string' ? body : '')

/** Makes a relay; everything goes through until told otherwise. */
export const createRelay = (): Relay => {
  let isCut = false
  const losses = new Map<string, number>()
  const replacements = new Map<string, (() => Response)[]>()
  const exchanges: { path: string; query: URLSearchParams; sent: string; answered: string | undefined }[] = []
  const open = new Set<AbortController>()
  const relayed: typeof fetch = async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const { pathname: path } = url
    if (isCut) throw new TypeError('The relay is cut.')
    const replaced = replacements.get(path)?.shift()
    if (replaced) return replaced()
    const exchange = {
      path,
      query: url.searchParams,
      sent: textOf(init.body),
      answered: undefined as string | undefined,
    }
    exchanges.push(exchange)
    const abort = new AbortController()
    open.add(abort)
    try {
      const signal = AbortSignal.any([abort.signal, ...(init.signal ? [init.signal] : [])])
      const response = await fetch(input, { ...init, signal })
      if (path.startsWith('/api/shapes/')) return response
      const text = await response.text()
      exchange.answered = text
      const loss = losses.get(path) ?? 0
      if (loss > 0) {
        losses.set(path, loss - 1)
        throw new TypeError('The relay has lost the answer.')
      }
      return new Response(text, { status: response.status, headers: response.headers })
    } finally {
      open.delete(abort)
    }
  }
  return {
    fetch: relayed,
    cut: () => {
      isCut = true
      for (const one of open) one.abort(new TypeError('The relay is cut.'))
    },
    mend: () => {
      isCut = false
    },
    loseAnswers: (path, count) => void losses.set(path, count),
    answerWith: (path, make) => void replacements.set(path, [...(replacements.get(path) ?? []), make]),
    waitingAnswers: path => replacements.get(path)?.length ?? 0,
    sent: path => exchanges.filter(one => one.path === path).map(one => one.sent),
    queries: path => exchanges.filter(one => one.path === path).map(one => one.query),
    answered: path =>
      exchanges.filter(one => one.path === path && one.answered !== undefined).map(one => must(one.answered)),
  }
}
