// Time comes in as an argument, so that tests can set it.

/** Milliseconds since 1970, or a Date where rows are written. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
