// A card's place in its column, against the database (domain rules, sections 6.3 and 6.4).
import { sql } from 'kysely'
import type { WriteContext } from '#server/kernel/command.ts'
import { must } from '#server/kernel/must.ts'
import { type PlacementRequest, place, type Ranked } from '#server/kernel/placement.ts'
import { byRank, freshRanks } from '#server/kernel/rank.ts'

const visible = (context: WriteContext, statusId: string, except: string | undefined) => {
  const query = context.tx
    .selectFrom('tasks')
    .select(['id', 'rank'])
    .where('status_id', '=', statusId)
    .where('deleted_at', 'is', null)
    .where('archived_at', 'is', null)
  return except === undefined ? query : query.where('id', '<>', except)
}

// For a rank only the neighbours matter; the whole column is read when it must be written anew.
const around = async (
  context: WriteContext,
  statusId: string,
  except: string | undefined,
  request: PlacementRequest,
): Promise<Ranked[]> => {
  const anchors = [request.after_id, request.before_id].filter(id => id !== undefined)
  const found =
    anchors.length === 0 ? [] : await visible(context, statusId, except).where('id', 'in', anchors).execute()
  const after = found.find(row => row.id === request.after_id)
  const anchor = after ?? found.find(row => row.id === request.before_id)
  if (!anchor) {
    const first = request.position === 'top'
    return visible(context, statusId, except)
      .orderBy('rank', first ? 'asc' : 'desc')
      .orderBy('id', first ? 'asc' : 'desc')
      .limit(1)
      .execute()
  }
  const neighbour = await visible(context, statusId, except)
    .where(
      after
        ? sql<boolean>`(rank, id) > (${anchor.rank}, ${anchor.id}::uuid)`
        : sql<boolean>`(rank, id) < (${anchor.rank}, ${anchor.id}::uuid)`,
    )
    .orderBy('rank', after ? 'asc' : 'desc')
    .orderBy('id', after ? 'asc' : 'desc')
    .limit(1)
    .execute()
  return [anchor, ...neighbour]
}

const rewrite = async (
  context: WriteContext,
  statusId: string,
  except: string | undefined,
  anchors: readonly Ranked[],
  localIndex: number,
): Promise<string> => {
  const column = (await visible(context, statusId, except).execute()).toSorted(byRank)
  const local = anchors.toSorted(byRank)
  const below = local[localIndex]
  const above = local[localIndex - 1]
  const index = below
    ? column.findIndex(row => row.id === below.id)
    : above
      ? column.findIndex(row => row.id === above.id) + 1
      : column.length
  const ranks = freshRanks(column.length + 1, context.random)
  const mine = must(ranks.splice(index, 1)[0])
  const changed = column.map((row, at) => ({ id: row.id, rank: must(ranks[at]) }))
  if (changed.length > 0) {
    await sql`update tasks t set rank = v.rank
      from unnest(${changed.map(row => row.id)}::uuid[], ${changed.map(row => row.rank)}::text[]) as v(id, rank)
      where t.id = v.id`.execute(context.tx)
  }
  return mine
}

/**
 * The rank that `request` asks for in the column of `statusId` (locked), or undefined to keep the present one.
 * `taskId` is the card itself, which is no anchor; `moved`: it comes from another column or is new.
 */
export const rankInColumn = async (
  context: WriteContext,
  statusId: string,
  taskId: string | undefined,
  request: PlacementRequest,
  moved: boolean,
): Promise<string | undefined> => {
  const rows = await around(context, statusId, taskId, request)
  const placement = place(rows, request, moved, context.random)
  if (placement.kind === 'keep') return undefined
  if (placement.kind === 'rank') return placement.rank
  return rewrite(context, statusId, taskId, rows, placement.index)
}

/** Has the request any word on the place? */
export const hasPlacement = (request: PlacementRequest): boolean =>
  [request.after_id, request.before_id, request.position, request.rank].some(word => word !== undefined)
