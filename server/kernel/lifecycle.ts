// Services that start in order and stop in the opposite order, each stop with a deadline of its own.
import { ConfigError } from './config-error.ts'
import type { Log } from './log.ts'

export interface Service {
  readonly name: string
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Does `work` once it is started, and again `everyMs` milliseconds after each end. Neither is waited for by the start; the
 * stop fires the signal and waits for the end of what is under way. `work` does not reject.
 */
export const repeating = (name: string, everyMs: number, work: (signal: AbortSignal) => Promise<void>): Service => {
  const stopping = new AbortController()
  const { signal } = stopping
  const rounds = async () => {
    for (; !signal.aborted; await pause(everyMs, signal)) await work(signal)
  }
  let running: Promise<void> | undefined
  return {
    name,
    start: async () => {
      running = rounds()
    },
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

/** Rejects with a named error when `promise` has not settled after `ms` milliseconds. */
export const withDeadline = async <T>(promise: Promise<T>, ms: number, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not finish within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits `ms` milliseconds; ends early, without an error, when `signal` fires. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })

/** Exponential wait with full jitter: attempt 0, 1, 2 … → milliseconds in [base/2, min(cap, base·2^n)]. */
export const backoff = (attempt: number, base: number, cap: number, random: () => number = Math.random): number => {
  const top = Math.min(cap, base * 2 ** attempt)
  return base / 2 + random() * Math.max(0, top - base / 2)
}

export interface Running {
  /** Stops everything that was started, last first. Safe to call more than once. */
  stop(): Promise<void>
}

/**
 * Starts `services` in order. When one fails, or when `signal` fires before the last one runs, those already running are
 * stopped and the error, or the reason of the signal, is thrown.
 */
export const startAll = async (
  services: readonly Service[],
  log: Log,
  stopDeadlineMs = 10_000,
  signal?: AbortSignal,
): Promise<Running> => {
  const running: Service[] = []
  let stopping: Promise<void> | undefined
  const stopRunning = async () => {
    for (const service of running.reverse()) {
      try {
        await withDeadline(service.stop(), stopDeadlineMs, `stopping ${service.name}`)
      } catch (error) {
        log.error('service did not stop cleanly', { service: service.name, error })
      }
    }
  }
  const stop = () => (stopping ??= stopRunning())
  for (const service of services) {
    try {
      signal?.throwIfAborted()
      await service.start()
      running.push(service)
      signal?.throwIfAborted()
    } catch (error) {
      // settings are no puzzle: whoever asked for the start shows the message, which has the remedy
      if (!(error instanceof ConfigError) && error !== signal?.reason)
        log.error('service failed to start', { service: service.name, error })
      await stop()
      throw error
    }
  }
  return { stop }
}
