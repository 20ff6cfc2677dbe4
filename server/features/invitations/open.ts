// An invitation opened for a command: locks, state, and what its activity and notices say.
import type { WriteContext } from '#server/kernel/command.ts'
import type { WriteTx } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import { hashOf } from '#server/kernel/secrets.ts'
import { lockApplication } from '../applications/queries.ts'
import { invitationColumns } from './schema.ts'

export type Invitation = NonNullable<Awaited<ReturnType<typeof lockInvitation>>>

const lockInvitation = (tx: WriteTx, id: string) =>
  tx.selectFrom('invitations').select(invitationColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

/** The invitation with its application, both locked (application first). Undefined when either is gone. */
export const openInvitation = async (
  context: WriteContext,
  where: { id?: string | undefined; token?: string | undefined },
) => {
  let query = context.tx.selectFrom('invitations').select(['id', 'application_id'])
  query =
    where.id === undefined
      ? query.where('token_hash', '=', hashOf(must(where.token)))
      : query.where('id', '=', where.id)
  const found = await query.executeTakeFirst()
  const application = found && (await lockApplication(context.tx, found.application_id))
  const invitation = found && (await lockInvitation(context.tx, found.id))
  return application && invitation ? { application, invitation } : undefined
}

export const recordOf = (invitation: Pick<Invitation, 'id' | 'application_id' | 'application_name'>) => ({
  entityType: 'invitation',
  entityId: invitation.id,
  entityLabel: invitation.application_name,
  applicationId: invitation.application_id,
  visibility: 'owners' as const,
})

export const noticeOf = (invitation: Pick<Invitation, 'id' | 'application_id' | 'application_name'>) => ({
  title: invitation.application_name,
  entity: { type: 'invitation', id: invitation.id },
  applicationId: invitation.application_id,
})

export const close = async (tx: WriteTx, id: string, state: string, at: Date) =>
  tx
    .updateTable('invitations')
    .set({ state, responded_at: at })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .returning(invitationColumns)
    .executeTakeFirst()
