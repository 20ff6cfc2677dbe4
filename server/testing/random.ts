// Runs and seed of property tests that stand on a database: from the environment, printed in the test's name.
import { randomInt } from 'node:crypto'

/** SKERRY_SEED, or a new one for this process. */
export const seed = Number(process.env.SKERRY_SEED ?? randomInt(2 ** 31))

/** SKERRY_RUNS, or `standard`. */
export const runs = (standard: number): number => Number(process.env.SKERRY_RUNS ?? standard)
