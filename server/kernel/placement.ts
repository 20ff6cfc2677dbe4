// Where a card, column, checklist or item lands in its list (domain rules, section 6.3). Pure: the list comes in.
import { invalidAt } from './errors.ts'
import { byRank, isRank, rankBetween, rankRewriteLength } from './rank.ts'

export interface Ranked {
  readonly id: string
  readonly rank: string
}

export interface PlacementRequest {
  /** The row that will be directly above. */
  readonly after_id?: string | undefined
  /** The row that will be directly below. */
  readonly before_id?: string | undefined
  readonly position?: 'top' | 'bottom' | undefined
  /** A rank the client made. */
  readonly rank?: string | undefined
}

export type Placement =
  | { readonly kind: 'keep' }
  | { readonly kind: 'rank'; readonly rank: string }
  /** Nothing fits between the neighbours: the list is written anew with the row at `index`. */
  | { readonly kind: 'rewrite'; readonly index: number }

/** The two rows between which `request` puts a row of `list` (sorted, without that row), or undefined without anchor. */
const gap = (list: readonly Ranked[], request: PlacementRequest): number | undefined => {
  const after = list.findIndex(row => row.id === request.after_id)
  const before = list.findIndex(row => row.id === request.before_id)
  if (after >= 0) return after + 1
  if (before >= 0) return before
  return undefined
}

const between = (
  list: readonly Ranked[],
  index: number,
  wanted: string | undefined,
  random: () => number,
): Placement => {
  const above = list[index - 1]?.rank
  const below = list[index]?.rank
  const fits = (rank: string) => (above === undefined || rank > above) && (below === undefined || rank < below)
  if (wanted !== undefined && isRank(wanted) && wanted.length <= rankRewriteLength && fits(wanted)) {
    return { kind: 'rank', rank: wanted }
  }
  const rank = rankBetween(above, below, random)
  return rank === undefined || rank.length > rankRewriteLength ? { kind: 'rewrite', index } : { kind: 'rank', rank }
}

/**
 * Resolves `request` against `rows`, the list as it is now (any order, without the moved row). Anchors that are not in
 * it are ignored; without any usable word the row keeps its rank, or goes to the bottom when `moved` to another list.
 * Throws 422 `bad_format` for a client rank that is no rank.
 */
export const place = (
  rows: readonly Ranked[],
  request: PlacementRequest,
  moved: boolean,
  random: () => number,
): Placement => {
  const list = rows.toSorted(byRank)
  const anchored = gap(list, request)
  if (anchored !== undefined) return between(list, anchored, request.rank, random)
  if (request.rank !== undefined) {
    if (!isRank(request.rank)) throw invalidAt('rank', 'bad_format', 'This is no rank.')
    return { kind: 'rank', rank: request.rank }
  }
  if (request.position === 'top') return between(list, 0, undefined, random)
  if (request.position === 'bottom' || moved) return between(list, list.length, undefined, random)
  return { kind: 'keep' }
}
