// status.* (domain rules, section 4), under the project's row lock.
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { requireVersion } from '#server/kernel/clocks.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { place } from '#server/kernel/placement.ts'
import { freshRanks } from '#server/kernel/rank.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import { type LockedProject, openProject, watchingStatus } from '../projects/open.ts'
import { categoryColors } from './create.ts'
import { createInput, deleteInput, moveInput, statusColumns, updateInput, statusRow } from './schema.ts'

const statusLimit = 20

const listOf = (context: WriteContext, projectId: string) =>
  context.tx
    .selectFrom('task_statuses')
    .select(statusColumns)
    .where('project_id', '=', projectId)
    .forNoKeyUpdate()
    .execute()

type Status = Awaited<ReturnType<typeof listOf>>[number]

/** Decides, locks the project, and returns its columns with the named one. */
const open = async (context: WriteContext, id: string) => {
  const found = await context.tx
    .selectFrom('task_statuses')
    .select('project_id')
    .where('id', '=', id)
    .executeTakeFirst()
  if (!found) throw notFound()
  const { project } = await openProject(context, found.project_id, 'administer')
  const list = await listOf(context, project.id)
  const status = list.find(one => one.id === id)
  if (!status) throw notFound()
  return { project, list, status }
}

const record = (
  context: WriteContext,
  project: LockedProject,
  status: Pick<Status, 'id' | 'name'>,
  changes: Record<string, { old: unknown; new: unknown }> = {},
): void => {
  context.touch('task_statuses')
  context.record({
    entityType: 'status',
    entityId: status.id,
    entityLabel: status.name,
    applicationId: project.application_id,
    projectId: project.id,
    changes,
  })
}

const requireFreeName = (list: readonly Status[], name: string, except?: string): void => {
  const holder = list.find(one => one.id !== except && one.name.toLowerCase() === name.toLowerCase())
  if (holder) throw new AppError('name_taken', { details: { existing_id: holder.id } })
}

/** The rank for a column at the requested place; the whole row of columns is written anew where nothing fits. */
const rankFor = async (
  context: WriteContext,
  others: readonly Status[],
  request: { after_id?: string | undefined; before_id?: string | undefined; position?: 'top' | 'bottom' },
): Promise<string | undefined> => {
  const placement = place(others, request, false, context.random)
  if (placement.kind === 'keep') return undefined
  if (placement.kind === 'rank') return placement.rank
  const ranks = freshRanks(others.length + 1, context.random)
  const sorted = others.toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.id < b.id ? -1 : 1))
  const mine = must(ranks.splice(placement.index, 1)[0])
  for (const [index, other] of sorted.entries()) {
    await context.tx
      .updateTable('task_statuses')
      .set({ rank: must(ranks[index]) })
      .where('id', '=', other.id)
      .execute()
  }
  return mine
}

const create = defineCommand({
  name: 'status.create',
  summary: 'Adds a column to a board.',
  access: 'PADMIN',
  input: createInput,
  output: statusRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project } = await openProject(context, input.project_id, 'administer')
    await requireFreeId(context, 'task_statuses', input.id)
    const list = await listOf(context, project.id)
    if (list.length >= statusLimit) {
      throw new AppError('limit_reached', { message: `A project has at most ${statusLimit} statuses.` })
    }
    requireFreeName(list, input.name)
    const anchored = input.after_id !== undefined || input.before_id !== undefined
    const rank =
      (await rankFor(context, list, anchored ? input : {})) ?? (await rankFor(context, list, { position: 'bottom' }))
    const status = await context.tx
      .insertInto('task_statuses')
      .values({
        id: input.id ?? uuid7(),
        application_id: project.application_id,
        project_id: project.id,
        name: input.name,
        category: input.category,
        color: input.color ?? categoryColors[input.category],
        rank: must(rank),
      })
      .returning(statusColumns)
      .executeTakeFirstOrThrow()
    record(context, project, status)
    return { data: status }
  },
})

const update = defineCommand({
  name: 'status.update',
  summary: 'Renames or recolours a column.',
  access: 'PADMIN',
  input: updateInput,
  output: statusRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, ['name', 'color'])) {
      throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    }
    const { project, list, status } = await open(context, input.id)
    requireVersion(context, status)
    if (input.name !== undefined) requireFreeName(list, input.name, status.id)
    const wanted = { name: input.name ?? status.name, color: input.color ?? status.color }
    if (wanted.name === status.name && wanted.color === status.color) return { data: status }
    const changed = await context.tx
      .updateTable('task_statuses')
      .set(wanted)
      .where('id', '=', status.id)
      .returning(statusColumns)
      .executeTakeFirstOrThrow()
    record(context, project, changed, {
      ...(wanted.name === status.name ? {} : { name: { old: status.name, new: wanted.name } }),
      ...(wanted.color === status.color ? {} : { color: { old: status.color, new: wanted.color } }),
    })
    return { data: changed }
  },
})

const move = defineCommand({
  name: 'status.move',
  summary: 'Moves a column.',
  access: 'PADMIN',
  input: moveInput,
  output: statusRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, ['after_id', 'before_id'])) {
      throw invalidAt('', 'nothing_to_change', 'Name after_id or before_id.')
    }
    const { project, list, status } = await open(context, input.id)
    const rank = await rankFor(
      context,
      list.filter(one => one.id !== status.id),
      input,
    )
    if (rank === undefined || rank === status.rank) return { data: status }
    const changed = await context.tx
      .updateTable('task_statuses')
      .set({ rank })
      .where('id', '=', status.id)
      .returning(statusColumns)
      .executeTakeFirstOrThrow()
    record(context, project, changed, { rank: { old: status.rank, new: rank } })
    return { data: changed }
  },
})

/** Moves every task of `from` to the end of `to`, in its present order; completed_at follows the category. */
const moveTasks = async (context: WriteContext, from: Status, to: Status): Promise<void> => {
  const moving = await context.tx
    .selectFrom('tasks')
    .select(['id', 'rank', 'completed_at'])
    .where('status_id', '=', from.id)
    .orderBy('rank')
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  const last = await context.tx
    .selectFrom('tasks')
    .select(['id', 'rank'])
    .where('status_id', '=', to.id)
    .orderBy('rank', 'desc')
    .limit(1)
    .execute()
  const above = last[0]?.rank
  let previous = above
  for (const task of moving) {
    const placed = place(previous === undefined ? [] : [{ id: from.id, rank: previous }], {}, true, context.random)
    const rank = placed.kind === 'rank' ? placed.rank : task.rank
    previous = rank
    const completedAt = to.category === 'done' ? (task.completed_at ?? context.stamp.editedAt) : null
    await context.tx
      .updateTable('tasks')
      .set({ status_id: to.id, rank, completed_at: completedAt })
      .where('id', '=', task.id)
      .execute()
  }
}

const remove = defineCommand({
  name: 'status.delete',
  summary: 'Deletes a column; its tasks go to the end of target_status_id.',
  access: 'PADMIN',
  input: deleteInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { project, list, status } = await open(context, input.id)
    const alike = list.filter(one => one.category === status.category)
    if (['todo', 'done'].includes(status.category) && alike.length === 1) throw new AppError('last_of_category')
    const target = list.find(one => one.id === input.target_status_id && one.id !== status.id)
    if (input.target_status_id !== undefined && !target) {
      throw invalidAt('target_status_id', 'status_foreign', 'The target is another status of the same project.')
    }
    const tasks = await context.tx
      .selectFrom('tasks')
      .select(['id', 'assignee_id'])
      .where('status_id', '=', status.id)
      .execute()
    if (tasks.length > 0 && !target) throw new AppError('status_not_empty', { details: { task_count: tasks.length } })
    if (target && project.require_assignee && target.category !== 'todo') {
      const unassigned = tasks.filter(task => task.assignee_id === null).map(task => task.id)
      if (unassigned.length > 0) throw new AppError('unassigned_tasks', { details: { task_ids: unassigned } })
    }
    await watchingStatus(context, project, async () => {
      if (target && tasks.length > 0) {
        await moveTasks(context, status, target)
        context.touch('tasks', 'project_aggregates')
      }
      const redirectTo = target ?? alike.find(one => one.id !== status.id) ?? list.find(one => one.category === 'todo')
      await context.tx
        .updateTable('status_redirects')
        .set({ target_status_id: must(redirectTo).id })
        .where('target_status_id', '=', status.id)
        .execute()
      await context.tx
        .insertInto('status_redirects')
        .values({ old_status_id: status.id, project_id: project.id, target_status_id: must(redirectTo).id })
        .execute()
      await context.tx.deleteFrom('task_statuses').where('id', '=', status.id).execute()
    })
    record(context, project, status, target ? { target_status_id: { old: status.id, new: target.id } } : {})
    return { data: { id: status.id } }
  },
})

export const statusCommands: readonly AnyCommand[] = [create, update, move, remove]
