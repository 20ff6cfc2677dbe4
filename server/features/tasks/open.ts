// Opening a task for a write: decide, then lock project, statuses' project and task in the order every command keeps.
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import {
  type AccessLookup,
  decide,
  type ProjectRole,
  requireLive,
  type Role,
  type Standing,
} from '#server/kernel/policy.ts'
import { type LockedProject, lockProject } from '../projects/open.ts'
import type { Category } from '../projects/schema.ts'
import { type TaskAction, taskPolicy } from './policy.ts'
import { taskColumns } from './schema.ts'

const lockTask = (context: WriteContext, id: string) =>
  context.tx.selectFrom('tasks').select(taskColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

export type LockedTask = NonNullable<Awaited<ReturnType<typeof lockTask>>>

/** What the rules of a task ask of its project. */
export type TaskProject = Pick<LockedProject, 'id' | 'application_id' | 'require_assignee' | 'freeze_done'>

export interface OpenTask<Project extends TaskProject = TaskProject> {
  readonly project: Project
  readonly task: LockedTask
}

// One statement locks application and membership (shared) and the task, in the order that every command keeps. Only
// columns that never change are joined on: a row that somebody else changed while we waited is still found.
const lockForPerson = async (context: WriteContext, userId: string, id: string) => {
  const row = await context.tx
    .selectFrom('tasks as t')
    .innerJoin('applications as a', 'a.id', 't.application_id')
    .innerJoin('application_members as m', 'm.application_id', 't.application_id')
    .innerJoin('projects as p', 'p.id', 't.project_id')
    .select(taskColumns.map(column => `t.${column}` as const))
    .select(['m.role as my_role', 'a.archived_at as application_archived_at', 'p.require_assignee', 'p.freeze_done'])
    .where('t.id', '=', id)
    .where('m.user_id', '=', userId)
    .forShare(['a', 'm'])
    .forNoKeyUpdate('t')
    .executeTakeFirst()
  if (!row) return undefined
  const { my_role: role, application_archived_at: archivedAt, require_assignee, freeze_done, ...task } = row
  const own =
    role === 'editor'
      ? await context.tx
          .selectFrom('project_members')
          .select('role')
          .where('project_id', '=', task.project_id)
          .where('user_id', '=', userId)
          .forShare()
          .executeTakeFirst()
      : undefined
  const standing: Standing = {
    role: role as Role,
    projectRole: own?.role as ProjectRole | undefined,
    applicationArchived: archivedAt !== null,
  }
  const project: TaskProject = {
    id: task.project_id,
    application_id: task.application_id,
    require_assignee,
    freeze_done,
  }
  return { task, project, standing }
}

/**
 * 404, 403, 409 `application_archived`; otherwise the task, locked until the commit. Its project is read, not locked:
 * for changes that move no counter and no other card (`openBoardTask` for those).
 */
export const openTask = async (context: WriteContext, id: string, action: TaskAction): Promise<OpenTask> => {
  const userId = context.actor.userId
  if (userId === undefined) return openBoardTask(context, id, action)
  const found = await lockForPerson(context, userId, id)
  const access: AccessLookup = { standing: async () => must(found).standing }
  requireLive(await decide(taskPolicy, action, found?.task, context.actor, access))
  const { task, project } = must(found)
  return { task, project }
}

/** The same with the project locked before the task: for moves, and whatever counters or other cards follow. */
export const openBoardTask = async (
  context: WriteContext,
  id: string,
  action: TaskAction,
): Promise<OpenTask<LockedProject>> => {
  const found = await context.tx
    .selectFrom('tasks')
    .select(['application_id', 'project_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  requireLive(await decide(taskPolicy, action, found, context.actor, context.access))
  const project = await lockProject(context, must(found).project_id)
  const task = await lockTask(context, id)
  if (!project || !task) throw notFound()
  return { project, task }
}

export interface StatusRef {
  readonly id: string
  readonly name: string
  readonly category: Category
}

/**
 * The status `id` of `project`, locked so that two moves into one column run one after the other. A deleted status
 * follows its redirect (with a warning); a foreign or unknown one is 422 `status_foreign`.
 */
export const lockStatus = async (context: WriteContext, project: TaskProject, id: string): Promise<StatusRef> => {
  const find = (wanted: string) =>
    context.tx
      .selectFrom('task_statuses')
      .select(['id', 'name', 'category'])
      .where('id', '=', wanted)
      .where('project_id', '=', project.id)
      .forNoKeyUpdate()
      .executeTakeFirst()
  const direct = await find(id)
  if (direct) return direct as StatusRef
  const redirect = await context.tx
    .selectFrom('status_redirects')
    .select('target_status_id')
    .where('old_status_id', '=', id)
    .where('project_id', '=', project.id)
    .executeTakeFirst()
  const target = redirect && (await find(redirect.target_status_id))
  if (!target) throw invalidAt('status_id', 'status_foreign', 'The status belongs to another project.')
  context.warn('status_redirected')
  return target as StatusRef
}

/** The first todo column, where tasks without status go. */
export const firstTodo = async (context: WriteContext, project: LockedProject): Promise<StatusRef> =>
  (await context.tx
    .selectFrom('task_statuses')
    .select(['id', 'name', 'category'])
    .where('project_id', '=', project.id)
    .where('category', '=', 'todo')
    .orderBy('rank')
    .orderBy('id')
    .limit(1)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow()) as StatusRef

export const categoryOf = async (context: WriteContext, statusId: string): Promise<Category> => {
  const row = await context.tx
    .selectFrom('task_statuses')
    .select('category')
    .where('id', '=', statusId)
    .executeTakeFirstOrThrow()
  return row.category as Category
}

/** May `userId` be given tasks of `project`? Owners, and editors with a row in the project. */
export const isEligible = async (context: WriteContext, project: TaskProject, userId: string): Promise<boolean> => {
  const member = await context.tx
    .selectFrom('application_members')
    .select('role')
    .where('application_id', '=', project.application_id)
    .where('user_id', '=', userId)
    .forShare()
    .executeTakeFirst()
  if (member?.role === 'owner') return true
  if (member?.role !== 'editor') return false
  const row = await context.tx
    .selectFrom('project_members')
    .select('id')
    .where('project_id', '=', project.id)
    .where('user_id', '=', userId)
    .forShare()
    .executeTakeFirst()
  return row !== undefined
}

export const requireEligible = async (context: WriteContext, project: TaskProject, userId: string): Promise<void> => {
  if (!(await isEligible(context, project, userId))) {
    throw invalidAt(
      'assignee_id',
      'assignee_not_eligible',
      'Tasks go to owners of the application, and to editors who are members of the project.',
    )
  }
}

export const requireReporter = async (context: WriteContext, project: TaskProject, userId: string): Promise<void> => {
  const member = await context.tx
    .selectFrom('application_members')
    .select('id')
    .where('application_id', '=', project.application_id)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  if (!member) throw invalidAt('reporter_id', 'reporter_not_member', 'The reporter is a member of the application.')
}

/**
 * Checks a parent for `taskId` (undefined for a new task): same project, not in the trash, no loop. The project's row
 * lock serialises parent changes, so two of them cannot form a loop together. Depth is checked by the schema.
 */
export const requireParent = async (
  context: WriteContext,
  project: TaskProject,
  parentId: string,
  taskId: string | undefined,
): Promise<void> => {
  let next: string | null = parentId
  for (let step = 0; next !== null; step += 1) {
    const row: { id: string; parent_id: string | null; project_id: string; deleted_at: Date | null } | undefined =
      await context.tx
        .selectFrom('tasks')
        .select(['id', 'parent_id', 'project_id', 'deleted_at'])
        .where('id', '=', next)
        .executeTakeFirst()
    if (step === 0 && (!row || row.project_id !== project.id)) {
      throw invalidAt('parent_id', 'parent_foreign', 'The parent belongs to another project.')
    }
    if (step === 0 && row?.deleted_at) throw invalidAt('parent_id', 'parent_trashed', 'The parent is in the trash.')
    if (next === taskId) throw invalidAt('parent_id', 'parent_cycle', 'A task cannot stand below itself.')
    next = row?.parent_id ?? null
  }
}

/** 409 for what an archived (or, where the project freezes them, a done) task refuses; edits from before are let through. */
export const requireEditable = (
  context: WriteContext,
  { project, task }: OpenTask,
  category: Category,
  reopens: boolean,
): void => {
  // what an import brings was made before the task was put away
  if (context.actor.kind === 'import') return
  const edited = context.stamp.editedAt
  if (task.archived_at && edited >= task.archived_at) throw new AppError('task_archived')
  if (project.freeze_done && category === 'done' && !reopens && task.completed_at && edited >= task.completed_at) {
    throw new AppError('task_done')
  }
}

/** What every activity about a task says. */
export const recordOf = (task: Pick<LockedTask, 'id' | 'task_key' | 'title' | 'application_id' | 'project_id'>) => ({
  entityType: 'task',
  entityId: task.id,
  entityLabel: `${task.task_key} ${task.title}`,
  applicationId: task.application_id,
  projectId: task.project_id,
  taskId: task.id,
})

export const readTask = (context: WriteContext, id: string) =>
  context.tx.selectFrom('tasks').select(taskColumns).where('id', '=', id).executeTakeFirstOrThrow()
