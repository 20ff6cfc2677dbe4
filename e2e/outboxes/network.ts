// A bad network in front of one client: requests and answers get lost, come twice, come late and out of turn.
import { pause } from '#server/kernel/lifecycle.ts'
import type { Ledger } from '../testing/ledger.ts'

const path = '/api/transactions'

export interface Network {
  readonly fetch: typeof fetch
  /** Cuts what is open and refuses the rest. */
  unplug(): void
  plug(): void
  /** Resolves when no copy of a request is on its way any more. */
  quiet(): Promise<void>
}

export interface NetworkOptions {
  /** Where the server is now. */
  readonly server: () => string
  readonly random: () => number
  readonly ledger: Ledger
  /** False: it behaves. */
  readonly isBad: () => boolean
  /** What has gone wrong, by name. */
  readonly count: (what: string) => void
}

/** Makes one, plugged in. */
export const createNetwork = ({ server, random, ledger, isBad, count }: NetworkOptions): Network => {
  let plug = new AbortController()
  const copies = new Set<Promise<void>>()

  const send = (input: URL, init: RequestInit, signals: readonly AbortSignal[]) =>
    fetch(new URL(input.pathname + input.search, server()), { ...init, signal: AbortSignal.any([...signals]) })

  /** One exchange of transactions; whatever comes back goes into the ledger, also when the client never sees it. */
  const exchange = async (url: URL, init: RequestInit, signals: readonly AbortSignal[]) => {
    if (typeof init.body === 'string') ledger.noteRequest(init.body)
    const response = await send(url, init, signals)
    const text = await response.text()
    if (response.status === 200) ledger.noteAnswer(text)
    return new Response(text, { status: response.status, headers: response.headers })
  }

  /** The same request once more, whenever it arrives: later requests may have overtaken it. */
  const copy = (url: URL, init: RequestInit, delayMs: number): void => {
    const sent = pause(delayMs)
      .then(() => exchange(url, init, []))
      .then(
        () => undefined,
        // the server is away or has died: this copy is lost
        (error: unknown) => {
          if (!(error instanceof TypeError)) throw error
        },
      )
    copies.add(sent)
    void sent.then(
      () => copies.delete(sent),
      () => undefined,
    )
  }

  return {
    fetch: async (input, init = {}) => {
      if (plug.signal.aborted) throw new TypeError('fetch failed: the network is unplugged')
      const url = new URL(input instanceof Request ? input.url : input)
      const signals = [plug.signal, ...(init.signal ? [init.signal] : [])]
      const fate = isBad() ? random() : 1
      if (url.pathname !== path) {
        if (fate < 0.05) {
          count('request lost')
          throw new TypeError('fetch failed: lost on the way')
        }
        return send(url, init, signals)
      }
      if (fate < 0.08) {
        count('transactions lost')
        throw new TypeError('fetch failed: lost on the way')
      }
      if (fate < 0.22) {
        count('sent twice at once')
        copy(url, init, 0)
      } else if (fate < 0.36) {
        count('sent again later')
        copy(url, init, random() * 1500)
      } else if (fate < 0.5) {
        count('delayed')
        await pause(random() * 400)
      }
      const response = await exchange(url, init, signals)
      if (fate >= 0.5 && fate < 0.75) {
        count('answer lost')
        throw new TypeError('fetch failed: the answer was lost')
      }
      return response
    },
    unplug: () => plug.abort(new TypeError('fetch failed: the network was unplugged')),
    plug: () => {
      plug = new AbortController()
    },
    quiet: async () => {
      while (copies.size > 0) await Promise.all(copies)
    },
  }
}
