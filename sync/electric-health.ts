// How the Electric behind ELECTRIC_URL fares, in words for whoever runs Skerry: for the doctor, and for the server's log.
import { pause, type Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'

export interface ElectricAddress {
  /** Base URL, without /v1/health. */
  readonly url: string
  /** For tests. */
  readonly fetch?: typeof globalThis.fetch
}

export interface ElectricState {
  readonly found: string
  /** Undefined when it is active. */
  readonly remedy: string | undefined
}

const probeMs = 2000
const states: readonly unknown[] = ['starting', 'waiting', 'active']

const reasonOf = (error: unknown): string => {
  const { cause } = error as { cause?: unknown }
  const inner = cause instanceof AggregateError ? cause.errors[0] : (cause ?? error)
  return inner instanceof Error ? inner.message : String(inner)
}

/** Asks once; never rejects. */
export const lookAtElectric = async ({ url, fetch = globalThis.fetch }: ElectricAddress): Promise<ElectricState> => {
  const place = `${url.replace(/\/+$/, '')}/v1/health`
  let answer: Response
  try {
    answer = await fetch(place, { signal: AbortSignal.timeout(probeMs) })
  } catch (error) {
    return { found: `${url} does not answer (${reasonOf(error)})`, remedy: 'start Electric, or correct ELECTRIC_URL' }
  }
  const body = (await answer.json().catch(() => undefined)) as { status?: unknown } | undefined
  const state = body?.status
  if (!states.includes(state))
    return { found: `${place} answers ${answer.status}, but not as Electric does`, remedy: 'correct ELECTRIC_URL' }
  if (state === 'active') return { found: `${url} is active`, remedy: undefined }
  return { found: `${url} is ${state as string}`, remedy: 'wait until it is active; its log says what keeps it' }
}

export interface ElectricWatchOptions extends ElectricAddress {
  readonly log: Log
  /** Milliseconds between two looks. */
  readonly everyMs?: number
}

/** Says in the log how Electric fares when the service starts, and again whenever that changes. */
export const electricWatch = ({ log, everyMs = 10_000, ...address }: ElectricWatchOptions): Service => {
  const stopping = new AbortController()
  let last = ''
  let watching: Promise<void> | undefined
  const look = async () => {
    const { found, remedy } = await lookAtElectric(address)
    if (found === last || stopping.signal.aborted) return
    last = found
    if (remedy === undefined) log.info('Electric serves the shapes', { found })
    else log.warn('Electric does not serve the shapes', { found, remedy })
  }
  const watch = async () => {
    for (;;) {
      await pause(everyMs, stopping.signal)
      if (stopping.signal.aborted) return
      await look()
    }
  }
  return {
    name: 'electric watch',
    start: async () => {
      await look()
      watching = watch()
    },
    stop: async () => {
      stopping.abort()
      await watching
    },
  }
}
