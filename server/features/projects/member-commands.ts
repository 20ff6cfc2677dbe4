// project_member.* (domain rules, section 4), under the project's row lock: the last admin stays.
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { announceLocks } from '../documents/endings.ts'
import { memberLabel } from '../members/roles.ts'
import { releaseOpenTasks } from '../tasks/release.ts'
import { type LockedProject, openProject } from './open.ts'
import {
  addMemberInput,
  leaveProjectInput,
  projectMemberColumns,
  removeMemberInput,
  setMemberRoleInput,
  projectMemberRow,
} from './schema.ts'

const find = (context: WriteContext, projectId: string, userId: string) =>
  context.tx
    .selectFrom('project_members')
    .select(projectMemberColumns)
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .executeTakeFirst()

const isLastAdmin = async (context: WriteContext, projectId: string, userId: string): Promise<boolean> => {
  const other = await context.tx
    .selectFrom('project_members')
    .select('id')
    .where('project_id', '=', projectId)
    .where('role', '=', 'admin')
    .where('user_id', '<>', userId)
    .executeTakeFirst()
  return other === undefined
}

const record = async (
  context: WriteContext,
  project: LockedProject,
  row: { readonly id: string; readonly user_id: string },
  change: { readonly old: string | null; readonly new: string | null },
): Promise<void> => {
  context.touch('project_members')
  context.record({
    entityType: 'project_member',
    entityId: row.id,
    entityLabel: await memberLabel(context, row.user_id),
    applicationId: project.application_id,
    projectId: project.id,
    changes: { role: change },
  })
  context.notify({
    type:
      change.old === null
        ? 'project_member_added'
        : change.new === null
          ? 'project_member_removed'
          : 'project_role_changed',
    to: [row.user_id],
    title: project.name,
    message: change.new,
    entity: { type: 'project', id: project.id },
    applicationId: project.application_id,
    projectId: project.id,
  })
}

const add = defineCommand({
  name: 'project_member.add',
  summary: 'Makes an owner or editor of the application a contributor of the project.',
  access: 'PADMIN',
  scope: 'admin',
  input: addMemberInput,
  output: projectMemberRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project } = await openProject(context, input.project_id, 'administer')
    const member = await context.tx
      .selectFrom('application_members')
      .select('role')
      .where('application_id', '=', project.application_id)
      .where('user_id', '=', input.user_id)
      .forShare()
      .executeTakeFirst()
    if (!member || member.role === 'viewer') {
      throw invalidAt('user_id', 'role_not_allowed', 'Only owners and editors of the application join a project.')
    }
    if (await find(context, project.id, input.user_id)) throw new AppError('already_member')
    const row = await context.tx
      .insertInto('project_members')
      .values({
        id: uuid7(),
        application_id: project.application_id,
        project_id: project.id,
        user_id: input.user_id,
        role: input.role,
        added_by_id: context.userId,
      })
      .returning(projectMemberColumns)
      .executeTakeFirstOrThrow()
    await record(context, project, row, { old: null, new: row.role })
    // documents of the project become writable
    context.emit({ type: 'access_changed', userId: row.user_id, applicationId: project.application_id })
    return { data: row }
  },
})

const setRole = defineCommand({
  name: 'project_member.set_role',
  summary: 'Makes a contributor admin or member of the project.',
  access: 'PADMIN',
  scope: 'admin',
  input: setMemberRoleInput,
  output: projectMemberRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project } = await openProject(context, input.project_id, 'administer')
    const row = await find(context, project.id, input.user_id)
    if (!row) throw notFound()
    if (row.role === input.role) return { data: row }
    if (row.role === 'admin' && (await isLastAdmin(context, project.id, input.user_id)))
      throw new AppError('last_admin')
    const changed = await context.tx
      .updateTable('project_members')
      .set({ role: input.role })
      .where('id', '=', row.id)
      .returning(projectMemberColumns)
      .executeTakeFirstOrThrow()
    await record(context, project, row, { old: row.role, new: input.role })
    return { data: changed }
  },
})

const takeOut = async (
  context: WriteContext,
  project: LockedProject,
  userId: string,
  options: {
    readonly byOwner: boolean
    readonly open_tasks: 'refuse' | 'unassign' | 'reassign'
    readonly to_user_id?: string | undefined
  },
) => {
  const row = await find(context, project.id, userId)
  if (!row) throw notFound()
  if (row.role === 'admin' && !options.byOwner && (await isLastAdmin(context, project.id, userId))) {
    throw new AppError('last_admin')
  }
  const standing = await context.tx
    .selectFrom('application_members')
    .select('role')
    .where('application_id', '=', project.application_id)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  // owners stay eligible without a project row and keep their tasks
  if (standing?.role !== 'owner') {
    await releaseOpenTasks(context, {
      applicationId: project.application_id,
      projectId: project.id,
      userId,
      open_tasks: options.open_tasks,
      to_user_id: options.to_user_id,
    })
  }
  await announceLocks(context, project.application_id, userId)
  await context.tx.deleteFrom('project_members').where('id', '=', row.id).execute()
  await record(context, project, row, { old: row.role, new: null })
  context.emit({ type: 'access_changed', userId, applicationId: project.application_id })
  return { data: { id: row.id } }
}

const remove = defineCommand({
  name: 'project_member.remove',
  summary: 'Takes a contributor out of the project.',
  access: 'PADMIN',
  scope: 'admin',
  input: removeMemberInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { project, granted } = await openProject(context, input.project_id, 'administer')
    return takeOut(context, project, input.user_id, { ...input, byOwner: granted.standing.role === 'owner' })
  },
})

const leave = defineCommand({
  name: 'project_member.leave',
  summary: 'Leaves the project.',
  access: 'SELF',
  scope: 'admin',
  input: leaveProjectInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { project, granted } = await openProject(context, input.project_id, 'leave')
    if (!(await find(context, project.id, context.userId))) throw new AppError('forbidden')
    return takeOut(context, project, context.userId, { ...input, byOwner: granted.standing.role === 'owner' })
  },
})

export const projectMemberCommands: readonly AnyCommand[] = [add, setRole, remove, leave]
