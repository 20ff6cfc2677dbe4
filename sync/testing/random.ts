// Repeatable randomness for long tests: the seed is printed with a failure, and SKERRY_SEED brings it back.

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** An integer in [0, below). */
export const below = (random: () => number, limit: number): number => Math.floor(random() * limit)

/** One of `items`. */
export const pick = <T>(random: () => number, items: readonly T[]): T => {
  const item = items[below(random, items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

/** Seeds of this run: SKERRY_SEED alone, or SKERRY_RUNS (default `runs`) fresh ones. */
export const seeds = (runs: number): readonly number[] => {
  const fixed = process.env['SKERRY_SEED']
  if (fixed !== undefined) return [Number(fixed)]
  const count = Number(process.env['SKERRY_RUNS'] ?? runs)
  return Array.from({ length: count }, () => Math.floor(Math.random() * 2 ** 31))
}
