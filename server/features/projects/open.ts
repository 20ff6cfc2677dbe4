// Opening a project for a write: decide first, then lock in the order that every command keeps (application and
// membership inside `decide`, then the project), and notice when the board's derived status moves.
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { decide, type Granted, requireLive } from '#server/kernel/policy.ts'
import { type ProjectAction, projectPolicy } from './policy.ts'
import { projectColumns } from './schema.ts'

/** The project's row, locked until the commit; undefined when it is gone. */
export const lockProject = (context: WriteContext, id: string) =>
  context.tx
    .selectFrom('projects')
    .select([...projectColumns, 'next_task_number'])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()

export type LockedProject = NonNullable<Awaited<ReturnType<typeof lockProject>>>

/** Decides `action` and locks the project; 404, 403, 409 `application_archived`. */
export const openProject = async (
  context: WriteContext,
  id: string,
  action: ProjectAction,
): Promise<{ project: LockedProject; granted: Granted<ProjectAction, { id: string; application_id: string }> }> => {
  const found = await context.tx
    .selectFrom('projects')
    .select(['id', 'application_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  const granted = await decide(projectPolicy, action, found, context.actor, context.access)
  requireLive(granted)
  const project = await lockProject(context, id)
  if (!project) throw notFound()
  return { project, granted }
}

/** 409 for what an archived project refuses. */
export const requireUnarchived = (project: { readonly archived_at: Date | null }): void => {
  if (project.archived_at !== null) throw new AppError('project_archived')
}

/** Runs `work`; when the counters moved the derived status, that is an activity of its own. */
export const watchingStatus = async <T>(
  context: WriteContext,
  project: LockedProject,
  work: () => Promise<T>,
): Promise<T> => {
  const result = await work()
  const now = must(
    await context.tx
      .selectFrom('projects')
      .select(['derived_status', 'name'])
      .where('id', '=', project.id)
      .executeTakeFirst(),
  )
  if (now.derived_status !== project.derived_status) {
    context.touch('projects')
    context.record({
      action: 'project.status_changed',
      entityType: 'project',
      entityId: project.id,
      entityLabel: now.name,
      applicationId: project.application_id,
      projectId: project.id,
      changes: { derived_status: { old: project.derived_status, new: now.derived_status } },
    })
  }
  return result
}

/** A new or returning task brings an archived project back. */
export const unarchiveProject = async (context: WriteContext, project: LockedProject): Promise<void> => {
  if (project.archived_at === null) return
  await context.tx
    .updateTable('projects')
    .set({ archived_at: null, unarchived_at: context.now })
    .where('id', '=', project.id)
    .execute()
  context.touch('projects', 'application')
  context.record({
    action: 'project.unarchive',
    entityType: 'project',
    entityId: project.id,
    entityLabel: project.name,
    applicationId: project.application_id,
    projectId: project.id,
    changes: { archived_at: { old: project.archived_at, new: null } },
  })
}
