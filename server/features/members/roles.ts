// The one place that writes a member's role, for member.set_role, transfers and invitations.
import type { WriteContext } from '#server/kernel/command.ts'
import { must } from '#server/kernel/must.ts'
import type { Role } from '#server/kernel/policy.ts'
import { announceLocks } from '../documents/endings.ts'

/** The name of an actor in a sentence; the label of membership activity. */
export const memberLabel = async (context: WriteContext, userId: string): Promise<string> => {
  const row = await context.tx.selectFrom('users').select('display_name').where('id', '=', userId).executeTakeFirst()
  return row?.display_name ?? 'Deleted user'
}

const applicationName = async (context: WriteContext, id: string): Promise<string> =>
  (await context.tx.selectFrom('applications').select('name').where('id', '=', id).executeTakeFirstOrThrow()).name

/**
 * Sets a role under the application's lock. The schema deletes a viewer's project rows and refuses a commit without an
 * owner; open shapes of the person are looked at again after the commit.
 */
export const setMemberRole = async (
  context: WriteContext,
  change: { readonly applicationId: string; readonly userId: string; readonly role: Role },
): Promise<boolean> => {
  const { applicationId, userId, role } = change
  const row = must(
    await context.tx
      .selectFrom('application_members')
      .select(['id', 'role', 'display_name'])
      .where('application_id', '=', applicationId)
      .where('user_id', '=', userId)
      .forNoKeyUpdate()
      .executeTakeFirst(),
    'membership',
  )
  if (row.role === role) return false
  await announceLocks(context, applicationId, userId)
  await context.tx.updateTable('application_members').set({ role }).where('id', '=', row.id).execute()
  context.touch('application_members')
  if (userId === context.userId) context.touch('my_memberships')
  if (role === 'viewer') context.touch('project_members')
  context.record({
    entityType: 'application_member',
    entityId: row.id,
    entityLabel: row.display_name,
    applicationId,
    changes: { role: { old: row.role, new: role } },
  })
  context.notify({
    type: 'role_changed',
    to: [userId],
    title: await applicationName(context, applicationId),
    message: role,
    entity: { type: 'application_member', id: row.id },
    applicationId,
  })
  context.emit({ type: 'access_changed', userId, applicationId })
  return true
}
