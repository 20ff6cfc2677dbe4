// member.* (domain rules, section 4). All run under the application's row lock: two owners who leave at the same moment
// leave exactly one.
import { defineCommand, type AnyCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { decide, type Role } from '#server/kernel/policy.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { announceLocks } from '../documents/endings.ts'
import { lockApplication } from '../applications/queries.ts'
import { releaseOpenTasks } from '../tasks/release.ts'
import { type MemberAction, memberPolicy, roleAction } from './policy.ts'
import { memberIds } from './queries.ts'
import { setMemberRole } from './roles.ts'
import { leaveInput, memberColumns, removeInput, setRoleInput, memberRow } from './schema.ts'

const open = async (context: WriteContext, applicationId: string, action: MemberAction) => {
  const application = await lockApplication(context.tx, applicationId)
  const subject = application && { applicationId, editorsMayAddEditors: application.editors_may_add_editors }
  await decide(memberPolicy, action, subject, context.actor, context.access)
  return { application: must(application), subject: must(subject) }
}

const findMember = (context: WriteContext, applicationId: string, userId: string) =>
  context.tx
    .selectFrom('application_members')
    .select(memberColumns)
    .where('application_id', '=', applicationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()

const requireOtherOwner = async (context: WriteContext, applicationId: string, userId: string): Promise<void> => {
  const other = await context.tx
    .selectFrom('application_members')
    .select('id')
    .where('application_id', '=', applicationId)
    .where('role', '=', 'owner')
    .where('user_id', '<>', userId)
    .executeTakeFirst()
  if (!other) throw new AppError('last_owner')
}

interface TaskTreatment {
  readonly open_tasks: 'refuse' | 'unassign' | 'reassign'
  readonly to_user_id?: string | undefined
}

/** Takes a membership away: open tasks as told, then the row; project rows go with it by cascade. */
const removeMember = async (
  context: WriteContext,
  application: { readonly id: string; readonly name: string },
  userId: string,
  treatment: TaskTreatment,
): Promise<void> => {
  const applicationId = application.id
  const member = await findMember(context, applicationId, userId)
  if (!member) throw notFound()
  if (member.role === 'owner') await requireOtherOwner(context, applicationId, userId)
  await releaseOpenTasks(context, { applicationId, userId, ...treatment })
  const led = await context.tx
    .updateTable('projects')
    .set({ lead_id: null })
    .where('application_id', '=', applicationId)
    .where('lead_id', '=', userId)
    .executeTakeFirst()
  if (led.numUpdatedRows > 0n) context.touch('projects')
  await announceLocks(context, applicationId, userId)
  await context.tx.deleteFrom('application_members').where('id', '=', member.id).execute()
  context.record({
    entityType: 'application_member',
    entityId: member.id,
    entityLabel: member.display_name,
    applicationId,
    changes: { role: { old: member.role, new: null } },
  })
  const left = userId === context.userId
  context.notify({
    type: 'member_removed',
    to: left ? await memberIds(context.tx, applicationId, 'owner') : [userId],
    title: application.name,
    message: left ? member.display_name : undefined,
    entity: { type: 'application', id: applicationId },
    applicationId,
    outsiders: true,
  })
  if (left) context.touch('my_memberships')
  else context.touch('application', 'application_members', 'project_members')
  context.emit({ type: 'access_changed', userId, applicationId })
}

const setRole = defineCommand({
  name: 'member.set_role',
  summary: 'Changes another member’s role.',
  access: 'EDITOR',
  scope: 'admin',
  input: setRoleInput,
  output: memberRow,
  inTransactions: true,
  run: async (context, input) => {
    const { application, subject } = await open(context, input.application_id, 'read')
    const member = await findMember(context, application.id, input.user_id)
    if (!member) throw notFound()
    if (input.user_id === context.userId) throw new AppError('own_role')
    await decide(memberPolicy, roleAction(member.role as Role, input.role), subject, context.actor, context.access)
    if (member.role === 'owner' && input.role !== 'owner') {
      await requireOtherOwner(context, application.id, input.user_id)
    }
    if (input.role === 'viewer' && member.role !== 'viewer') {
      await releaseOpenTasks(context, { applicationId: application.id, userId: input.user_id, ...input })
    }
    await setMemberRole(context, { applicationId: application.id, userId: input.user_id, role: input.role })
    return { data: must(await findMember(context, application.id, input.user_id)) }
  },
})

const remove = defineCommand({
  name: 'member.remove',
  summary: 'Takes a person’s membership, project rows and access away.',
  access: 'OWNER',
  scope: 'admin',
  input: removeInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    // a member who names himself leaves
    const { application } = await open(
      context,
      input.application_id,
      input.user_id === context.userId ? 'leave' : 'remove',
    )
    await removeMember(context, application, input.user_id, input)
    return { data: { id: input.user_id } }
  },
})

const leave = defineCommand({
  name: 'member.leave',
  summary: 'Ends one’s own membership.',
  access: 'MEMBER',
  scope: 'admin',
  input: leaveInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const { application } = await open(context, input.application_id, 'leave')
    await removeMember(context, application, context.userId, input)
    return { data: { id: context.userId } }
  },
})

export const memberCommands: readonly AnyCommand[] = [setRole, remove, leave]
