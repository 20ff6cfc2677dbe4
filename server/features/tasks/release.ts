// What becomes of a person's open tasks when he loses the right to have them (domain rules, member.remove).
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import type { NoticeType } from '#server/kernel/notices.ts'
import { memberIds } from '../members/queries.ts'
import { lockProject, watchingStatus } from '../projects/open.ts'
import { rankInColumn } from './column.ts'
import { firstTodo, isEligible, recordOf } from './open.ts'
import { noticeAbout } from './notices.ts'
import { taskColumns } from './schema.ts'

/** Tasks up to which each is told of by itself; of more, people hear their number in each project. */
const announcedSingly = 20

type LockedProject = NonNullable<Awaited<ReturnType<typeof lockProject>>>

export interface Release {
  readonly applicationId: string
  /** Only this project; absent: all of the application. */
  readonly projectId?: string
  readonly userId: string
  readonly open_tasks: 'refuse' | 'unassign' | 'reassign'
  readonly to_user_id?: string | undefined
}

const openTasksOf = (context: WriteContext, release: Release) => {
  const query = context.tx
    .selectFrom('tasks as t')
    .innerJoin('task_statuses as s', 's.id', 't.status_id')
    .innerJoin('projects as p', 'p.id', 't.project_id')
    .select(taskColumns.map(column => `t.${column}` as const))
    .select(['s.category', 'p.name as project_name'])
    .where('t.application_id', '=', release.applicationId)
    .where('t.assignee_id', '=', release.userId)
    .where('t.deleted_at', 'is', null)
    .where('t.archived_at', 'is', null)
    .where('s.category', '<>', 'done')
    .orderBy('t.project_id')
    .orderBy('t.id')
  return (release.projectId === undefined ? query : query.where('t.project_id', '=', release.projectId)).execute()
}

type OpenTask = Awaited<ReturnType<typeof openTasksOf>>[number]

const refuse = (release: Release, tasks: readonly OpenTask[]): AppError => {
  if (release.projectId !== undefined) {
    return new AppError('has_active_tasks', { details: { active_task_ids: tasks.map(task => task.id) } })
  }
  const projects = Map.groupBy(tasks, task => task.project_id)
  return new AppError('has_active_tasks', {
    details: {
      active_assignments: [...projects].map(([projectId, list]) => ({
        project_id: projectId,
        project_name: must(list[0]).project_name,
        active_task_count: list.length,
      })),
    },
  })
}

/**
 * Refuses (409 `has_active_tasks`), unassigns to the project's first todo column, or reassigns to an eligible person.
 * Does nothing when there are no open tasks.
 */
export const releaseOpenTasks = async (context: WriteContext, release: Release): Promise<void> => {
  const tasks = await openTasksOf(context, release)
  if (tasks.length === 0) return
  if (release.open_tasks === 'refuse') throw refuse(release, tasks)
  if (release.open_tasks === 'reassign' && release.to_user_id === undefined) {
    throw invalidAt('to_user_id', 'target_required', 'Name the person who takes the tasks.')
  }
  for (const [projectId, list] of Map.groupBy(tasks, task => task.project_id)) {
    const project = must(await lockProject(context, projectId))
    if (release.open_tasks === 'reassign') {
      const target = must(release.to_user_id)
      if (target === release.userId || !(await isEligible(context, project, target))) {
        throw invalidAt(
          'to_user_id',
          'assignee_not_eligible',
          `Tasks of ${project.name} cannot be given to that person.`,
        )
      }
    }
    await watchingStatus(context, project, async () => {
      for (const task of list) await hand(context, project, task, release)
    })
    const responsible = release.open_tasks === 'unassign' ? await responsibleFor(context, projectId, release) : []
    const announce = tasks.length > announcedSingly ? announceTogether : announceEach
    announce(context, project, list, task => heardBy(task, release, responsible))
  }
  context.touch('tasks', 'project_aggregates')
}

interface Hearing {
  readonly type: NoticeType
  readonly to: readonly (string | null | undefined)[]
  readonly message?: string
}

/** Who hears of a task that was taken from its assignee. He himself does as long as he has access. */
const heardBy = (task: OpenTask, release: Release, responsible: readonly string[]): readonly Hearing[] => [
  { type: 'task_updated', to: [release.userId], message: 'assignee_id' },
  release.open_tasks === 'reassign'
    ? { type: 'task_assigned', to: [release.to_user_id] }
    : {
        type: 'task_reassignment_needed',
        to: [task.reporter_id, ...responsible].filter(id => id !== release.userId),
      },
]

type Announce = (
  context: WriteContext,
  project: LockedProject,
  list: readonly OpenTask[],
  hearings: (task: OpenTask) => readonly Hearing[],
) => void

const announceEach: Announce = (context, _project, list, hearings) => {
  for (const task of list) {
    for (const hearing of hearings(task)) context.notify({ ...noticeAbout(task), ...hearing })
  }
}

const announceTogether: Announce = (context, project, list, hearings) => {
  const counts = new Map<NoticeType, Map<string, number>>()
  for (const { type, to } of list.flatMap(hearings)) {
    const ofType = counts.get(type) ?? new Map<string, number>()
    counts.set(type, ofType)
    for (const id of new Set(to)) if (id) ofType.set(id, (ofType.get(id) ?? 0) + 1)
  }
  for (const [type, ofType] of counts) {
    for (const [userId, count] of ofType) {
      context.notify({
        type,
        to: [userId],
        title: project.name,
        message: `${count} tasks`,
        entity: { type: 'project', id: project.id },
        applicationId: project.application_id,
        projectId: project.id,
        event: `release/${project.id}`,
      })
    }
  }
}

/** Who has to find somebody for tasks of a project: its other admins, without any the other owners. */
const responsibleFor = async (context: WriteContext, projectId: string, release: Release) => {
  const admins = await context.tx
    .selectFrom('project_members')
    .select('user_id')
    .where('project_id', '=', projectId)
    .where('role', '=', 'admin')
    .where('user_id', '<>', release.userId)
    .execute()
  return admins.length > 0 ? admins.map(row => row.user_id) : memberIds(context.tx, release.applicationId, 'owner')
}

const hand = async (context: WriteContext, project: LockedProject, task: OpenTask, release: Release): Promise<void> => {
  const assignee = release.open_tasks === 'reassign' ? must(release.to_user_id) : null
  const changes: Record<string, { old: unknown; new: unknown }> = {
    assignee_id: { old: task.assignee_id, new: assignee },
  }
  const set: { assignee_id: string | null; status_id?: string; rank?: string } = { assignee_id: assignee }
  if (assignee === null && task.category !== 'todo') {
    const todo = await firstTodo(context, project)
    set.status_id = todo.id
    set.rank = must(await rankInColumn(context, todo.id, task.id, {}, true))
    changes.status_id = { old: task.status_id, new: todo.id }
  }
  await context.tx.updateTable('tasks').set(set).where('id', '=', task.id).execute()
  context.record({ action: 'task.update', ...recordOf(task), changes })
}
