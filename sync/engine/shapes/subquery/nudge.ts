// In an idle database the stream may stand for seconds just before a snapshot's end: one tiny commit moves it.
import type { Pool } from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'

/** How long the stream may take to reach a snapshot by itself before it is given something to decode; milliseconds. */
const nudgeMs = 15

// It waits for no standby.
const nudge = `SELECT pg_catalog.set_config('synchronous_commit', 'local', true),
  pg_catalog.pg_logical_emit_message(true, 'skerry', '')`

/** To be called whenever something may have begun to wait; commits while `waits` says so, until `signal`. */
export const createNudge = (options: {
  readonly pool: Pool
  readonly waits: () => boolean
  readonly signal: AbortSignal
}): (() => void) => {
  const { pool, waits, signal } = options
  let timer: NodeJS.Timeout | undefined
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  const schedule = (): void => {
    if (timer !== undefined || signal.aborted || !waits()) return
    timer = setTimeout(() => {
      timer = undefined
      if (!waits()) return
      void pool
        .query(nudge)
        .catch(() => pause(1000, signal))
        .then(schedule)
    }, nudgeMs)
  }
  return schedule
}
