// checklist_item.* (domain rules, section 4).
import { changesOf, mergeRow, recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, type Command, defineCommand, type WriteContext, type z } from '#server/kernel/command.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import type { UnitEdit } from '#server/kernel/merge.ts'
import { must } from '#server/kernel/must.ts'
import { byRank, freshRanks } from '#server/kernel/rank.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import type { LockedTask } from '../tasks/open.ts'
import { openChecklist, openItem, rankAmong, requireSameIds } from './open.ts'
import { reorderRows } from './reorder.ts'
import { itemColumns, itemInputs, itemRow, itemRows } from './schema.ts'

const itemLimit = 500

const itemsOf = (context: WriteContext, checklistId: string) =>
  context.tx.selectFrom('checklist_items').select(itemColumns).where('checklist_id', '=', checklistId).execute()

type Item = Awaited<ReturnType<typeof itemsOf>>[number]

const readItem = (context: WriteContext, id: string) =>
  context.tx.selectFrom('checklist_items').select(itemColumns).where('id', '=', id).executeTakeFirstOrThrow()

const recordOf = (task: LockedTask, item: Pick<Item, 'id' | 'content'>) => ({
  entityType: 'checklist_item',
  entityId: item.id,
  entityLabel: item.content,
  applicationId: task.application_id,
  projectId: task.project_id,
  taskId: task.id,
})

const define = <Input extends z.ZodType>(
  command: Omit<Command<Input>, 'access' | 'inTransactions'>,
  inTransactions = true,
): AnyCommand => defineCommand({ ...command, access: 'CONTRIB', inTransactions })

const requireRoom = (items: readonly Item[]): void => {
  if (items.length >= itemLimit) {
    throw new AppError('limit_reached', { message: `A checklist holds at most ${itemLimit} items.` })
  }
}

/** The three columns that say "done" win or lose together. */
const doneColumns = (context: WriteContext, done: boolean) => ({
  is_done: done,
  completed_by_id: done ? (context.actor.userId ?? null) : null,
  completed_at: done ? context.stamp.editedAt : null,
})

/** Many items of a new checklist in one statement: what an import brings. */
export const insertItems = async (
  context: WriteContext,
  list: { readonly id: string; readonly application_id: string; readonly project_id: string; readonly task_id: string },
  items: readonly { readonly content: string; readonly is_done: boolean }[],
): Promise<void> => {
  const ranks = freshRanks(items.length, context.random)
  const rows = items.map((item, index) => ({
    id: uuid7(),
    application_id: list.application_id,
    project_id: list.project_id,
    task_id: list.task_id,
    checklist_id: list.id,
    content: item.content,
    rank: must(ranks[index]),
    ...doneColumns(context, item.is_done),
  }))
  await context.tx.insertInto('checklist_items').values(rows).execute()
  for (const row of rows) {
    context.record({
      action: 'checklist_item.create',
      entityType: 'checklist_item',
      entityId: row.id,
      entityLabel: row.content,
      applicationId: row.application_id,
      projectId: row.project_id,
      taskId: row.task_id,
    })
  }
  context.touch('checklist_items', 'checklists', 'tasks')
}

const create = define({
  name: 'checklist_item.create',
  summary: 'Adds an item, at the end unless an anchor says otherwise.',
  input: itemInputs.create,
  output: itemRow,
  run: async (context, input) => {
    const { task, list } = await openChecklist(context, input.checklist_id)
    const others = await itemsOf(context, list.id)
    requireRoom(others)
    const id = input.id ?? uuid7()
    const item = await context.tx
      .insertInto('checklist_items')
      .values({
        id,
        application_id: task.application_id,
        project_id: task.project_id,
        task_id: task.id,
        checklist_id: list.id,
        content: input.content,
        rank: must(await rankAmong(context, 'checklist_items', others, input, true)),
        ...doneColumns(context, input.is_done ?? false),
      })
      .returning(itemColumns)
      .executeTakeFirstOrThrow()
    startClock(context, 'checklist_item', id)
    context.record(recordOf(task, item))
    context.touch('checklist_items', 'checklists', 'tasks')
    return { data: item }
  },
})

const change = async (
  context: WriteContext,
  id: string,
  wanted: { readonly content?: string | undefined; readonly is_done?: boolean | undefined },
  action?: string,
) => {
  const { task, item } = await openItem(context, id)
  const edits: UnitEdit[] = []
  if (wanted.content !== undefined) {
    edits.push({ unit: 'content', field: 'content', value: wanted.content, current: item.content })
  }
  if (wanted.is_done !== undefined) {
    edits.push({ unit: 'is_done', field: 'is_done', value: wanted.is_done, current: item.is_done })
  }
  const merged = await mergeRow(context, 'checklist_item', item, edits)
  if (merged.changed.length > 0) {
    const content = merged.changed.find(edit => edit.unit === 'content')
    const done = merged.changed.find(edit => edit.unit === 'is_done')
    await context.tx
      .updateTable('checklist_items')
      .set({
        ...(content ? { content: must(wanted.content) } : {}),
        ...(done ? doneColumns(context, must(wanted.is_done)) : {}),
      })
      .where('id', '=', item.id)
      .execute()
    context.touch('checklist_items', ...(done ? ['checklists', 'tasks'] : []))
  }
  recordMerge(context, { ...(action === undefined ? {} : { action }), ...recordOf(task, item) }, merged)
  return { data: await readItem(context, item.id), superseded: merged.superseded }
}

// counters of list and task are added to by triggers, whatever they are
const laneOf = (id: string): string => `checklist_item/${id.toLowerCase()}`

const update = define({
  name: 'checklist_item.update',
  summary: 'Changes an item’s text, or ticks it.',
  input: itemInputs.update,
  output: itemRow,
  lane: input => laneOf(input.id),
  run: (context, input) => {
    if (isEmptyChange(input, ['content', 'is_done'])) {
      throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    }
    return change(context, input.id, input)
  },
})

const setDone = define({
  name: 'checklist_item.set_done',
  summary: 'Ticks an item or takes the tick away.',
  input: itemInputs.setDone,
  output: itemRow,
  lane: input => laneOf(input.id),
  run: (context, input) => change(context, input.id, { is_done: input.is_done }),
})

const toggle = define(
  {
    name: 'checklist_item.toggle',
    summary: 'Turns the tick over, under lock.',
    input: itemInputs.toggle,
    output: itemRow,
    run: async (context, input) => {
      const { item } = await openItem(context, input.id)
      return change(context, item.id, { is_done: !item.is_done }, setDone.name)
    },
  },
  // in a queue it would turn over whatever the last offline client left: set_done says what was meant
  false,
)

const move = define({
  name: 'checklist_item.move',
  summary: 'Moves an item, also to another checklist of the task.',
  input: itemInputs.move,
  output: itemRow,
  run: async (context, input) => {
    if (isEmptyChange(input, ['checklist_id', 'after_id', 'before_id'])) {
      throw invalidAt('', 'nothing_to_change', 'Name a checklist or an anchor.')
    }
    const { task, item } = await openItem(context, input.id)
    const target = input.checklist_id ?? item.checklist_id
    const leaves = target !== item.checklist_id
    if (leaves) {
      const list = await context.tx
        .selectFrom('checklists')
        .select('task_id')
        .where('id', '=', target)
        .forNoKeyUpdate()
        .executeTakeFirst()
      if (list?.task_id !== task.id) {
        throw invalidAt('checklist_id', 'target_required', 'The checklist is another one of the same task.')
      }
    }
    const others = (await itemsOf(context, target)).filter(other => other.id !== item.id)
    if (leaves) requireRoom(others)
    const rank = await rankAmong(context, 'checklist_items', others, input, leaves)
    if (rank === undefined) return { data: item }
    const merged = await mergeRow(context, 'checklist_item', item, [
      { unit: 'rank', field: 'rank', value: rank, current: item.rank },
    ])
    if (merged.applied.length > 0) {
      await context.tx
        .updateTable('checklist_items')
        .set({ rank, checklist_id: target })
        .where('id', '=', item.id)
        .execute()
      context.touch('checklist_items', ...(leaves ? ['checklists'] : []))
    }
    if (merged.applied.length > 0 || merged.superseded.length > 0) {
      context.record({ ...recordOf(task, item), changes: changesOf(merged.changed), superseded: merged.superseded })
    }
    return { data: await readItem(context, item.id), superseded: merged.superseded }
  },
})

const reorder = define({
  name: 'checklist_item.reorder',
  summary: 'Puts the items of a checklist into a given order.',
  input: itemInputs.reorder,
  output: itemRows,
  run: async (context, input) => {
    const { task, list } = await openChecklist(context, input.checklist_id)
    const items = await itemsOf(context, list.id)
    requireSameIds(items, input.ids)
    const ordered = input.ids.map(id => must(items.find(item => item.id === id)))
    const { changed, superseded } = await reorderRows(context, 'checklist_items', 'checklist_item', ordered)
    if (changed) context.touch('checklist_items')
    if (changed || superseded.length > 0) {
      context.record({
        ...recordOf(task, { id: list.id, content: list.title }),
        entityType: 'checklist',
        changes: changed ? { items: { old: null, new: input.ids } } : {},
        superseded,
      })
    }
    return { data: (await itemsOf(context, list.id)).toSorted(byRank), superseded }
  },
})

const remove = define({
  name: 'checklist_item.delete',
  summary: 'Deletes an item.',
  input: itemInputs.delete,
  output: idOutput,
  run: async (context, input) => {
    const { task, item } = await openItem(context, input.id)
    await context.tx.deleteFrom('checklist_items').where('id', '=', item.id).execute()
    await context.tx
      .deleteFrom('field_clocks')
      .where('entity_type', '=', 'checklist_item')
      .where('entity_id', '=', item.id)
      .execute()
    context.record(recordOf(task, item))
    context.touch('checklist_items', 'checklists', 'tasks')
    return { data: { id: item.id } }
  },
})

export const itemCommands: readonly AnyCommand[] = [create, update, setDone, toggle, move, reorder, remove]
