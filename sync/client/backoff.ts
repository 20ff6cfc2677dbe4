// How long to wait before the next try.

export interface BackoffOptions {
  /** First wait, ms; default 500. */
  readonly initialMs?: number
  /** Longest wait, ms; default 30 000. */
  readonly maxMs?: number
}

/**
 * Milliseconds before try number `attempt` + 1 (attempts count from 1): doubling with jitter, so that clients cut off
 * together do not come back together; never less than the server asked for.
 */
export const backoffMs = (
  attempt: number,
  retryAfterSeconds: number | undefined,
  random: () => number,
  { initialMs = 500, maxMs = 30_000 }: BackoffOptions = {},
): number => {
  const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 20))
  return Math.max(ceiling * (0.5 + random() / 2), (retryAfterSeconds ?? 0) * 1000)
}
