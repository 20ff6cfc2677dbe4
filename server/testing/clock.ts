// Time that a test moves by itself.
import type { Clock } from '#server/kernel/clock.ts'

export interface TestClock extends Clock {
  /** Moves the clock forward. */
  advance(milliseconds: number): void
}

/** A clock that begins at the real time. */
export const testClock = (): TestClock => {
  let nowMs = Date.now()
  return {
    now: () => new Date(nowMs),
    advance: milliseconds => {
      nowMs += milliseconds
    },
  }
}
