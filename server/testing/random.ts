// Runs and seed of property tests that stand on a database: from the environment, printed in the test's name.
import { randomInt } from 'node:crypto'

/** SKERRY_SEED, or a new one for this process. */
export const seed = Number(process.env.SKERRY_SEED ?? randomInt(2 ** 31))

/** SKERRY_RUNS, or `standard`. */
export const runs = (standard: number): number => Number(process.env.SKERRY_RUNS ?? standard)

/** Numbers in [0,1) that a seed repeats (mulberry32). */
export const seededRandom = (from: number): (() => number) => {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
