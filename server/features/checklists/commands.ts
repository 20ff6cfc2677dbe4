// checklist.* (domain rules, section 4).
import { fieldEdits, mergeRow, recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, type Command, defineCommand, type WriteContext, type z } from '#server/kernel/command.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { byRank } from '#server/kernel/rank.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import type { LockedTask } from '../tasks/open.ts'
import { insertItems } from './item-commands.ts'
import { openChecklist, openTaskForLists, rankAmong, requireSameIds } from './open.ts'
import { reorderRows } from './reorder.ts'
import { checklistColumns, checklistInputs, checklistRow, checklistRows } from './schema.ts'

const listLimit = 50

const listsOf = (context: WriteContext, taskId: string) =>
  context.tx.selectFrom('checklists').select(checklistColumns).where('task_id', '=', taskId).execute()

const readList = (context: WriteContext, id: string) =>
  context.tx.selectFrom('checklists').select(checklistColumns).where('id', '=', id).executeTakeFirstOrThrow()

const recordOf = (task: LockedTask, list: { readonly id: string; readonly title: string }) => ({
  entityType: 'checklist',
  entityId: list.id,
  entityLabel: list.title,
  applicationId: task.application_id,
  projectId: task.project_id,
  taskId: task.id,
})

const define = <Input extends z.ZodType>(command: Omit<Command<Input>, 'access' | 'inTransactions'>): AnyCommand =>
  defineCommand({ ...command, access: 'CONTRIB', inTransactions: true })

const create = define({
  name: 'checklist.create',
  summary: 'Adds a checklist to a task.',
  input: checklistInputs.create,
  output: checklistRow,
  run: async (context, input) => {
    if (input.items !== undefined && context.actor.kind !== 'import') {
      throw invalidAt('items', 'unknown_field', 'Only imports set this.')
    }
    const { task } = await openTaskForLists(context, input.task_id)
    const others = await listsOf(context, task.id)
    if (others.length >= listLimit) {
      throw new AppError('limit_reached', { message: `A task has at most ${listLimit} checklists.` })
    }
    const id = input.id ?? uuid7()
    const list = await context.tx
      .insertInto('checklists')
      .values({
        id,
        application_id: task.application_id,
        project_id: task.project_id,
        task_id: task.id,
        title: input.title,
        rank: must(await rankAmong(context, 'checklists', others, {}, true)),
      })
      .returning(checklistColumns)
      .executeTakeFirstOrThrow()
    startClock(context, 'checklist', id)
    context.record(recordOf(task, list))
    context.touch('checklists')
    if (!input.items?.length) return { data: list }
    await insertItems(context, list, input.items)
    return { data: await readList(context, id) }
  },
})

const update = define({
  name: 'checklist.update',
  summary: 'Renames a checklist.',
  input: checklistInputs.update,
  output: checklistRow,
  run: async (context, input) => {
    if (isEmptyChange(input, ['title'])) throw invalidAt('', 'nothing_to_change', 'Name the new title.')
    const { task, list } = await openChecklist(context, input.id)
    const merged = await mergeRow(context, 'checklist', list, fieldEdits(input, list, ['title']))
    if (merged.changed.length > 0) {
      await context.tx
        .updateTable('checklists')
        .set({ title: must(input.title) })
        .where('id', '=', list.id)
        .execute()
      context.touch('checklists')
    }
    recordMerge(context, recordOf(task, list), merged)
    return { data: await readList(context, list.id), superseded: merged.superseded }
  },
})

const remove = define({
  name: 'checklist.delete',
  summary: 'Deletes a checklist with its items.',
  input: checklistInputs.delete,
  output: idOutput,
  run: async (context, input) => {
    const { task, list } = await openChecklist(context, input.id)
    await context.tx
      .deleteFrom('field_clocks')
      .where('entity_type', '=', 'checklist_item')
      .where(
        'entity_id',
        'in',
        context.tx.selectFrom('checklist_items').select('id').where('checklist_id', '=', list.id),
      )
      .execute()
    // items first: their trigger still finds the checklist to count down
    await context.tx.deleteFrom('checklist_items').where('checklist_id', '=', list.id).execute()
    await context.tx.deleteFrom('checklists').where('id', '=', list.id).execute()
    await context.tx
      .deleteFrom('field_clocks')
      .where('entity_type', '=', 'checklist')
      .where('entity_id', '=', list.id)
      .execute()
    context.record(recordOf(task, list))
    context.touch('checklists', ...(list.total_items > 0 ? ['checklist_items', 'tasks'] : []))
    return { data: { id: list.id } }
  },
})

const move = define({
  name: 'checklist.move',
  summary: 'Moves a checklist among those of its task.',
  input: checklistInputs.move,
  output: checklistRow,
  run: async (context, input) => {
    if (isEmptyChange(input, ['after_id', 'before_id'])) {
      throw invalidAt('', 'nothing_to_change', 'Name after_id or before_id.')
    }
    const { task, list } = await openChecklist(context, input.id)
    const others = (await listsOf(context, task.id)).filter(other => other.id !== list.id)
    const rank = await rankAmong(context, 'checklists', others, input, false)
    if (rank === undefined) return { data: list }
    const merged = await mergeRow(context, 'checklist', list, [
      { unit: 'rank', field: 'rank', value: rank, current: list.rank },
    ])
    if (merged.changed.length > 0) {
      await context.tx.updateTable('checklists').set({ rank }).where('id', '=', list.id).execute()
      context.touch('checklists')
    }
    recordMerge(context, recordOf(task, list), merged)
    return { data: await readList(context, list.id), superseded: merged.superseded }
  },
})

const reorder = define({
  name: 'checklist.reorder',
  summary: 'Puts the checklists of a task into a given order.',
  input: checklistInputs.reorder,
  output: checklistRows,
  run: async (context, input) => {
    const { task } = await openTaskForLists(context, input.task_id)
    const lists = await listsOf(context, task.id)
    requireSameIds(lists, input.ids)
    const ordered = input.ids.map(id => must(lists.find(list => list.id === id)))
    const { changed, superseded } = await reorderRows(context, 'checklists', 'checklist', ordered)
    if (changed) context.touch('checklists')
    if (changed || superseded.length > 0) {
      context.record({
        ...recordOf(task, { id: task.id, title: task.title }),
        entityType: 'task',
        changes: changed ? { checklists: { old: null, new: input.ids } } : {},
        superseded,
      })
    }
    return { data: (await listsOf(context, task.id)).toSorted(byRank), superseded }
  },
})

export const checklistCommands: readonly AnyCommand[] = [create, update, remove, move, reorder]
