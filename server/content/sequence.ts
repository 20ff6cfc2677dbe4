// What two sequences have in common, in order: the base of every difference here (blocks, words, lines). Pure.
// Exact while the rest is small; beyond that, keys that occur once on both sides anchor it, so that the work stays
// near linear for any input.

/** A stretch of `length` equal keys, at `from` in the old and at `to` in the new sequence. */
export interface Match {
  readonly from: number
  readonly to: number
  readonly length: number
}

/** Rows × columns up to which the longest common subsequence is computed exactly. */
const exactCells = 1_000_000

interface Range {
  readonly from: number
  readonly fromEnd: number
  readonly to: number
  readonly toEnd: number
}

type Pair = readonly [from: number, to: number]

const exactPairs = (before: readonly string[], after: readonly string[], range: Range): Pair[] => {
  const rows = range.fromEnd - range.from
  const columns = range.toEnd - range.to
  const width = columns + 1
  const lengths = new Uint32Array((rows + 1) * width)
  const at = (row: number, column: number): number => lengths[row * width + column] ?? 0
  const same = (row: number, column: number): boolean => before[range.from + row] === after[range.to + column]
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      lengths[row * width + column] = same(row, column)
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const pairs: Pair[] = []
  let row = 0
  let column = 0
  while (row < rows && column < columns) {
    if (same(row, column)) {
      pairs.push([range.from + row, range.to + column])
      row += 1
      column += 1
    } else if (at(row + 1, column) >= at(row, column + 1)) row += 1
    else column += 1
  }
  return pairs
}

/** Positions of the keys that occur exactly once between `start` and `end`. */
const single = (keys: readonly string[], start: number, end: number): Map<string, number> => {
  const places = new Map<string, number>()
  const repeated = new Set<string>()
  for (let index = start; index < end; index += 1) {
    const key = keys[index] ?? ''
    if (places.has(key)) repeated.add(key)
    places.set(key, index)
  }
  for (const key of repeated) places.delete(key)
  return places
}

/** The longest run of pairs that rises on both sides (they come in rising order of the first). */
const longestRising = (pairs: readonly Pair[]): Pair[] => {
  const ends: number[] = []
  const previous: number[] = []
  for (const [index, pair] of pairs.entries()) {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((pairs[ends[middle] ?? 0]?.[1] ?? 0) < pair[1]) low = middle + 1
      else high = middle
    }
    previous[index] = low > 0 ? (ends[low - 1] ?? -1) : -1
    ends[low] = index
  }
  const chain: Pair[] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) {
    const pair = pairs[index]
    if (pair) chain.push(pair)
  }
  return chain.toReversed()
}

const pairsIn = (before: readonly string[], after: readonly string[], whole: Range): Pair[] => {
  const found: Pair[] = []
  // a stack of its own: the depth of recursion must not depend on the input
  const open: Range[] = [whole]
  for (let range = open.pop(); range; range = open.pop()) {
    let { from, fromEnd, to, toEnd } = range
    while (from < fromEnd && to < toEnd && before[from] === after[to]) found.push([from++, to++])
    while (from < fromEnd && to < toEnd && before[fromEnd - 1] === after[toEnd - 1]) found.push([--fromEnd, --toEnd])
    const rest = { from, fromEnd, to, toEnd }
    if (from === fromEnd || to === toEnd) continue
    if ((fromEnd - from) * (toEnd - to) <= exactCells) {
      found.push(...exactPairs(before, after, rest))
      continue
    }
    const there = single(after, to, toEnd)
    const candidates: Pair[] = []
    for (const [key, index] of single(before, from, fromEnd)) {
      const place = there.get(key)
      if (place !== undefined) candidates.push([index, place])
    }
    const anchors = longestRising(candidates.toSorted((a, b) => a[0] - b[0]))
    for (const [index, place] of anchors) {
      open.push({ from, fromEnd: index, to, toEnd: place })
      found.push([index, place])
      from = index + 1
      to = place + 1
    }
    if (anchors.length > 0) open.push({ from, fromEnd, to, toEnd })
  }
  return found.toSorted((a, b) => a[0] - b[0])
}

/** Equal stretches of two sequences of keys, rising on both sides. Not always the longest ones, always correct ones. */
export const matches = (before: readonly string[], after: readonly string[]): Match[] => {
  const runs: { from: number; to: number; length: number }[] = []
  for (const [from, to] of pairsIn(before, after, { from: 0, fromEnd: before.length, to: 0, toEnd: after.length })) {
    const last = runs.at(-1)
    if (last && last.from + last.length === from && last.to + last.length === to) last.length += 1
    else runs.push({ from, to, length: 1 })
  }
  return runs
}

/** One step of a walk over both sequences: an equal stretch, or a gap where either side may be empty. */
export interface Step extends Range {
  readonly equal: boolean
}

/** The whole way through two sequences, as equal stretches and the gaps between them. */
export const steps = (before: readonly string[], after: readonly string[]): Step[] => {
  const out: Step[] = []
  let from = 0
  let to = 0
  for (const match of [...matches(before, after), { from: before.length, to: after.length, length: 0 }]) {
    if (match.from > from || match.to > to) {
      out.push({ equal: false, from, fromEnd: match.from, to, toEnd: match.to })
    }
    from = match.from + match.length
    to = match.to + match.length
    if (match.length > 0) out.push({ equal: true, from: match.from, fromEnd: from, to: match.to, toEnd: to })
  }
  return out
}
