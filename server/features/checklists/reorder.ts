// A whole order at once. The place of each row is a unit of its own (domain rules, section 7): a row that somebody moved
// later stays where it is, and the others stand around it in the order that was asked for.
import { claimUnit } from '#server/kernel/clocks.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import type { Superseded } from '#server/kernel/merge.ts'
import { must } from '#server/kernel/must.ts'
import type { Ranked } from '#server/kernel/placement.ts'
import { byRank, freshRanks, rankRewriteLength, ranksBetween } from '#server/kernel/rank.ts'
import { isInOrder, type ListTable, writeRanks } from './open.ts'

/** Ranks for `ordered`, in which the rows of `fixed` keep theirs. */
const ranksAround = (ordered: readonly Ranked[], fixed: ReadonlySet<string>, random: () => number): string[] => {
  const ranks: string[] = []
  let above: string | undefined
  for (let at = 0; at < ordered.length; ) {
    const row = must(ordered[at])
    if (fixed.has(row.id)) {
      ranks.push(row.rank)
      if (above === undefined || row.rank > above) above = row.rank
      at += 1
      continue
    }
    let end = at
    while (end < ordered.length && !fixed.has(must(ordered[end]).id)) end += 1
    const floor = above
    const below = ordered.slice(end).find(one => fixed.has(one.id) && (floor === undefined || one.rank > floor))
    ranks.push(...ranksBetween(above, below?.rank, end - at, random))
    above = ranks.at(-1)
    at = end
  }
  return ranks
}

export interface Reordered {
  /** Did any rank change? */
  readonly changed: boolean
  readonly superseded: readonly Superseded[]
}

/** Gives `ordered`, all rows of a list in the wanted order, the ranks that this edit may give them. */
export const reorderRows = async (
  context: WriteContext,
  table: ListTable,
  entityType: string,
  ordered: readonly (Ranked & { readonly created_at: Date })[],
): Promise<Reordered> => {
  const lost = await claimUnit(context, entityType, ordered, 'rank')
  if (isInOrder(ordered)) return { changed: false, superseded: [] }
  const ranks = ranksAround(ordered, new Set(lost.keys()), context.random)
  const placed = ordered.map((row, index) => ({ id: row.id, rank: must(ranks[index]) })).toSorted(byRank)
  const tooLong = ranks.some(rank => rank.length > rankRewriteLength)
  const rows = placed.map(one => must(ordered.find(row => row.id === one.id)))
  const fresh = tooLong ? freshRanks(rows.length, context.random) : placed.map(one => one.rank)
  const superseded = ordered.flatMap((row, wanted) => {
    const clock = lost.get(row.id)
    const value = rows.indexOf(row)
    if (!clock || value === wanted) return []
    return [{ field: `ids.${row.id}`, your_value: wanted, value, edited_at: clock[0], by_id: clock[2] }]
  })
  const changed = rows.some((row, index) => row.rank !== fresh[index])
  if (changed) await writeRanks(context, table, rows, fresh)
  return { changed, superseded }
}
