// One look at the health of a real Electric (or of our engine standing alone) over HTTP.
import type { UpstreamHealth } from './upstream.ts'

export interface ElectricAddress {
  /** Base URL, without /v1/health. */
  readonly url: string
  /** For tests. */
  readonly fetch?: typeof globalThis.fetch
}

export interface ElectricAnswer {
  /** Of HTTP. */
  readonly status: number
  /** Undefined when something else than Electric answers. */
  readonly state: UpstreamHealth | undefined
}

/** Milliseconds after which Electric counts as gone. */
const probeMs = 2000

const stateIn = (body: unknown): UpstreamHealth | undefined => {
  const status = (body as { status?: unknown } | null | undefined)?.status
  return status === 'starting' || status === 'waiting' || status === 'active' ? status : undefined
}

/** Asks once. Rejects when nobody answers in time, and when `signal` fires. */
export const probeElectric = async (
  { url, fetch = globalThis.fetch }: ElectricAddress,
  signal?: AbortSignal,
): Promise<ElectricAnswer> => {
  const late = AbortSignal.timeout(probeMs)
  const answer = await fetch(`${url.replace(/\/+$/, '')}/v1/health`, {
    signal: signal ? AbortSignal.any([signal, late]) : late,
  })
  return { status: answer.status, state: stateIn(await answer.json().catch(() => undefined)) }
}
