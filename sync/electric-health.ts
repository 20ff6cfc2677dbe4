// How the Electric behind ELECTRIC_URL fares, in words for whoever runs Skerry: for the doctor, and for the server's log.
import { firstError } from '#server/kernel/first-error.ts'
import { repeating, type Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { type ElectricAddress, type ElectricAnswer, probeElectric } from './electric-probe.ts'

export interface ElectricState {
  readonly found: string
  /** Undefined when it is active. */
  readonly remedy: string | undefined
}

const reasonOf = (error: unknown): string => {
  const inner = firstError((error as { cause?: unknown }).cause ?? error)
  return inner instanceof Error ? inner.message : String(inner)
}

/** Asks once; never rejects. The look ends early when `signal` fires, and says nothing of Electric then. */
export const lookAtElectric = async (address: ElectricAddress, signal?: AbortSignal): Promise<ElectricState> => {
  // whoever has put a password into the URL finds it in no log
  const { host } = new URL(address.url)
  let answer: ElectricAnswer
  try {
    answer = await probeElectric(address, signal)
  } catch (error) {
    return { found: `${host} does not answer (${reasonOf(error)})`, remedy: 'start Electric, or correct ELECTRIC_URL' }
  }
  const { status, state } = answer
  if (state === undefined)
    return { found: `${host} answers ${status}, but not as Electric does`, remedy: 'correct ELECTRIC_URL' }
  if (state === 'active') return { found: `${host} is active`, remedy: undefined }
  return { found: `${host} is ${state}`, remedy: 'wait until it is active; its log says what keeps it' }
}

export interface ElectricWatchOptions extends ElectricAddress {
  readonly log: Log
  /** Milliseconds between two looks. */
  readonly everyMs?: number
}

/** Says in the log how Electric fares when the service starts, and again whenever that changes. */
export const electricWatch = ({ log, everyMs = 10_000, ...address }: ElectricWatchOptions): Service => {
  let last = ''
  return repeating('electric watch', everyMs, async signal => {
    const { found, remedy } = await lookAtElectric(address, signal)
    if (found === last || signal.aborted) return
    last = found
    if (remedy === undefined) log.info('Electric serves the shapes', { found })
    else log.warn('Electric does not serve the shapes', { found, remedy })
  })
}
