// task.archive, .unarchive, .delete, .restore and .purge (domain rules, sections 4, 6.5 and 6.8).
import { sql } from 'kysely'
import { changesOf, mergeRow, type RowMerge } from '#server/kernel/clocks.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { lockApplication } from '../applications/queries.ts'
import { type LockedProject, unarchiveProject, watchingStatus } from '../projects/open.ts'
import { forgetClocks } from './clocks.ts'
import { rankInColumn } from './column.ts'
import {
  categoryOf,
  firstTodo,
  isEligible,
  type LockedTask,
  type OpenTask,
  openBoardTask,
  readTask,
  recordOf,
} from './open.ts'
import { announceLot, announceWithdrawal } from './notices.ts'
import { idInput, taskColumns, taskRow } from './schema.ts'

/** The task's subtree, itself included, and what went into the trash with it and was moved since; locked in id order. */
const lockSubtree = async (context: WriteContext, id: string) => {
  const { rows } = await sql<{ id: string }>`
    with recursive below(id) as (
      select ${id}::uuid union select t.id from tasks t join below b on t.parent_id = b.id)
    select id from below union select id from tasks where trash_root_id = ${id}`.execute(context.tx)
  return context.tx
    .selectFrom('tasks')
    .select(taskColumns)
    .where(
      'id',
      'in',
      rows.map(row => row.id),
    )
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
}

/** Those of `coming` whose parent stays in the trash. */
const underTrash = async <Row extends { readonly id: string; readonly parent_id: string | null }>(
  context: WriteContext,
  coming: readonly Row[],
): Promise<readonly Row[]> => {
  const ids = coming.map(row => row.id)
  const parents = coming.flatMap(row => row.parent_id ?? [])
  const { rows } = await sql<{ id: string }>`
    select id from tasks where deleted_at is not null
      and id = any(${parents}::uuid[]) and not id = any(${ids}::uuid[])`.execute(context.tx)
  const staying = new Set(rows.map(row => row.id))
  return coming.filter(row => row.parent_id !== null && staying.has(row.parent_id))
}

// un-archiving a project moves the application's counter: that row is locked before everything else
const lockApplicationOf = async (context: WriteContext, taskId: string): Promise<void> => {
  const found = await context.tx
    .selectFrom('tasks as t')
    .innerJoin('projects as p', 'p.id', 't.project_id')
    .select(['t.application_id', 'p.archived_at'])
    .where('t.id', '=', taskId)
    .executeTakeFirst()
  if (found?.archived_at) await lockApplication(context.tx, found.application_id)
}

/** What somebody wanted and lost to a later edit stays in the log, like the loss of any field. */
const recordLoss = (context: WriteContext, task: LockedTask, merged: RowMerge): void => {
  if (merged.superseded.length > 0) context.record({ ...recordOf(task), superseded: merged.superseded })
}

const archive = defineCommand({
  name: 'task.archive',
  summary: 'Puts a card away; it keeps column and place.',
  access: 'CONTRIB',
  input: idInput,
  output: taskRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project, task } = await openBoardTask(context, input.id, 'write')
    const value = task.archived_at ?? context.stamp.editedAt
    const merged = await mergeRow(context, 'task', task, [
      { unit: 'archived_at', field: 'archived_at', value, current: task.archived_at },
    ])
    if (merged.changed.length > 0) {
      await watchingStatus(context, project, async () => {
        await context.tx.updateTable('tasks').set({ archived_at: value }).where('id', '=', task.id).execute()
      })
      context.touch('tasks', 'project_aggregates')
      context.record({ ...recordOf(task), changes: changesOf(merged.changed) })
    }
    recordLoss(context, task, merged)
    return { data: await readTask(context, task.id), superseded: merged.superseded }
  },
})

/**
 * An unfinished task that comes back with an assignee who may no longer have it loses him; where the project demands
 * an assignee it goes to the first todo column.
 */
const settleAssignee = async (
  context: WriteContext,
  { project, task }: OpenTask<LockedProject>,
): Promise<Record<string, unknown>> => {
  if (task.assignee_id === null || (await categoryOf(context, task.status_id)) === 'done') return {}
  if (await isEligible(context, project, task.assignee_id)) return {}
  context.warn('assignee_cleared')
  if (!project.require_assignee) return { assignee_id: null }
  const todo = await firstTodo(context, project)
  if (todo.id === task.status_id) return { assignee_id: null }
  return {
    assignee_id: null,
    status_id: todo.id,
    rank: must(await rankInColumn(context, todo.id, task.id, {}, true)),
  }
}

const unarchive = defineCommand({
  name: 'task.unarchive',
  summary: 'Brings a card back from the archive, and its project with it.',
  access: 'CONTRIB',
  input: idInput,
  output: taskRow,
  inTransactions: true,
  run: async (context, input) => {
    await lockApplicationOf(context, input.id)
    const open = await openBoardTask(context, input.id, 'write')
    const { project, task } = open
    const merged = await mergeRow(context, 'task', task, [
      { unit: 'archived_at', field: 'archived_at', value: null, current: task.archived_at },
    ])
    if (merged.changed.length > 0) {
      await unarchiveProject(context, project)
      const settled = await settleAssignee(context, open)
      await watchingStatus(context, project, async () => {
        await context.tx
          .updateTable('tasks')
          .set({ archived_at: null, unarchived_at: context.now, ...settled })
          .where('id', '=', task.id)
          .execute()
      })
      if ('assignee_id' in settled) announceWithdrawal(context, task, task.assignee_id)
      context.touch('tasks', 'project_aggregates')
      context.record({ ...recordOf(task), changes: changesOf(merged.changed) })
    }
    recordLoss(context, task, merged)
    return { data: await readTask(context, task.id), superseded: merged.superseded }
  },
})

const remove = defineCommand({
  name: 'task.delete',
  summary: 'Moves a card and everything below it to the trash for 30 days.',
  access: 'CONTRIB',
  input: idInput,
  output: taskRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project, task } = await openBoardTask(context, input.id, 'write')
    if (task.deleted_at) return { data: task }
    const deletedAt = context.stamp.editedAt
    const merged = await mergeRow(context, 'task', task, [
      { unit: 'deleted_at', field: 'deleted_at', value: deletedAt, current: null },
    ])
    if (merged.changed.length > 0) {
      const going = (await lockSubtree(context, task.id)).filter(row => row.deleted_at === null)
      await watchingStatus(context, project, async () => {
        await context.tx
          .updateTable('tasks')
          .set({ deleted_at: deletedAt, deleted_by_id: context.actor.userId ?? null, trash_root_id: task.id })
          .where(
            'id',
            'in',
            going.map(row => row.id),
          )
          .execute()
      })
      announceLot(context, task, going, 'trashed')
      context.touch('tasks', 'project_aggregates')
      for (const row of going)
        context.record({ ...recordOf(row), changes: { deleted_at: { old: null, new: deletedAt } } })
    }
    recordLoss(context, task, merged)
    return { data: await readTask(context, task.id), superseded: merged.superseded }
  },
})

const restore = defineCommand({
  name: 'task.restore',
  summary: 'Brings a card back from the trash, with what went there together with it.',
  access: 'CONTRIB',
  input: idInput,
  output: taskRow,
  inTransactions: true,
  run: async (context, input) => {
    await lockApplicationOf(context, input.id)
    const { project, task } = await openBoardTask(context, input.id, 'write')
    if (task.deleted_at === null) throw new AppError('not_in_trash')
    const merged = await mergeRow(context, 'task', task, [
      { unit: 'deleted_at', field: 'deleted_at', value: null, current: task.deleted_at },
    ])
    recordLoss(context, task, merged)
    if (merged.changed.length === 0) return { data: task, superseded: merged.superseded }
    const coming = (await lockSubtree(context, task.id)).filter(row => row.trash_root_id === task.trash_root_id)
    const detached = await underTrash(context, coming)
    await unarchiveProject(context, project)
    await watchingStatus(context, project, async () => {
      for (const row of detached) {
        await context.tx
          .updateTable('tasks')
          .set({ parent_id: null, ...(row.task_type === 'subtask' ? { task_type: 'task' } : {}) })
          .where('id', '=', row.id)
          .execute()
      }
      for (const row of coming) {
        const settled = await settleAssignee(context, { project, task: row })
        await context.tx
          .updateTable('tasks')
          .set({ deleted_at: null, deleted_by_id: null, trash_root_id: null, ...settled })
          .where('id', '=', row.id)
          .execute()
        context.record({ ...recordOf(row), changes: { deleted_at: { old: row.deleted_at, new: null } } })
      }
    })
    announceLot(context, task, coming, 'restored')
    context.touch('tasks', 'project_aggregates')
    return { data: await readTask(context, task.id), superseded: merged.superseded }
  },
})

/** Ends a card that is in the trash. */
export const purgeTask = defineCommand({
  name: 'task.purge',
  summary: 'Deletes a card from the trash for good, with everything below it.',
  access: 'PADMIN',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { task } = await openBoardTask(context, input.id, 'purge')
    if (task.deleted_at === null) throw new AppError('not_in_trash')
    const going = (await lockSubtree(context, task.id)).filter(row => row.deleted_at !== null)
    const ids = going.map(row => row.id)
    await forgetClocks(context, { column: 'task_id', ids })
    await context.tx.deleteFrom('activities').where('task_id', 'in', ids).execute()
    await context.tx.deleteFrom('tasks').where('id', 'in', ids).execute()
    for (const row of going) context.record({ ...recordOf(row), taskId: undefined })
    context.touch('tasks', 'comments', 'checklists', 'checklist_items')
    return { data: { id: task.id } }
  },
})

export const lifecycleCommands: readonly AnyCommand[] = [archive, unarchive, remove, restore, purgeTask]
