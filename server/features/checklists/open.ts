// Opening checklists and items for a write: rights and locks are those of the task they hang on.
import type { WriteContext } from '#server/kernel/command.ts'
import { invalidAt, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { type PlacementRequest, place, type Ranked } from '#server/kernel/placement.ts'
import { byRank, freshRanks } from '#server/kernel/rank.ts'
import { categoryOf, type OpenTask, openTask, requireEditable } from '../tasks/open.ts'
import { checklistColumns, itemColumns } from './schema.ts'

/** The task, locked; 409 where an archived or frozen task refuses. */
export const openTaskForLists = async (context: WriteContext, taskId: string): Promise<OpenTask> => {
  const open = await openTask(context, taskId, 'write')
  requireEditable(context, open, await categoryOf(context, open.task.status_id), false)
  return open
}

/** A checklist with its task, both locked. */
export const openChecklist = async (context: WriteContext, id: string) => {
  const found = await context.tx.selectFrom('checklists').select('task_id').where('id', '=', id).executeTakeFirst()
  if (!found) throw notFound()
  const open = await openTaskForLists(context, found.task_id)
  const list = await context.tx
    .selectFrom('checklists')
    .select(checklistColumns)
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!list) throw notFound()
  return { ...open, list }
}

/** An item with its task, both locked. */
export const openItem = async (context: WriteContext, id: string) => {
  const found = await context.tx.selectFrom('checklist_items').select('task_id').where('id', '=', id).executeTakeFirst()
  if (!found) throw notFound()
  const open = await openTaskForLists(context, found.task_id)
  const item = await context.tx
    .selectFrom('checklist_items')
    .select(itemColumns)
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!item) throw notFound()
  return { ...open, item }
}

export type ListTable = 'checklists' | 'checklist_items'

/** The rank for a row among `others`; where nothing fits they are written anew around it. Undefined: it stays. */
export const rankAmong = async (
  context: WriteContext,
  table: ListTable,
  others: readonly Ranked[],
  request: PlacementRequest,
  moved: boolean,
): Promise<string | undefined> => {
  const placement = place(others, request, moved, context.random)
  if (placement.kind === 'keep') return undefined
  if (placement.kind === 'rank') return placement.rank
  const ranks = freshRanks(others.length + 1, context.random)
  const mine = must(ranks.splice(placement.index, 1)[0])
  await writeRanks(context, table, others.toSorted(byRank), ranks)
  return mine
}

/** Gives `rows` the ranks of the same index. */
export const writeRanks = async (
  context: WriteContext,
  table: ListTable,
  rows: readonly Ranked[],
  ranks: readonly string[],
): Promise<void> => {
  for (const [index, row] of rows.entries()) {
    const rank = must(ranks[index])
    if (row.rank !== rank) await context.tx.updateTable(table).set({ rank }).where('id', '=', row.id).execute()
  }
}

/** Do `rows` stand in their order already? */
export const isInOrder = (rows: readonly Ranked[]): boolean =>
  rows.every((row, index) => index === 0 || byRank(must(rows[index - 1]), row) < 0)

/** 422 unless `ids` are exactly those of `rows`, each once. */
export const requireSameIds = (rows: readonly Ranked[], ids: readonly string[]): void => {
  if (new Set(ids).size < ids.length) throw invalidAt('ids', 'duplicate_ids', 'Each id once.')
  const known = new Set(rows.map(row => row.id))
  if (ids.length !== known.size || ids.some(id => !known.has(id))) {
    throw invalidAt('ids', 'incomplete_list', 'Exactly the present ids, all of them.')
  }
}
