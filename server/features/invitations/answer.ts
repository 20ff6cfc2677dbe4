// invitation.accept and invitation.reject, and what registering does with invitations (domain rules, section 4).
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import type { Notice } from '#server/kernel/notices.ts'
import { decision, type Role } from '#server/kernel/policy.ts'
import { reaches } from '#server/kernel/scopes.ts'
import { findStanding } from '../members/access.ts'
import { lockCounters } from '../notifications/lock-counters.ts'
import { close, type Invitation, noticeOf, openInvitation, recordOf } from './open.ts'
import { inviteAction, invitationPolicy } from './policy.ts'
import { answerInput, projectsList, invitationRow } from './schema.ts'

const memberLimit = 1000

/** The caller sees the invitation that he answered where it is his: one for an address is nobody's. */
const touchOwn = (context: WriteContext, invitation: { user_id: string | null }): void => {
  if (invitation.user_id === context.userId) context.touch('my_invitations', 'my_counters')
}

/** 409 unless pending, 410 when past its end. */
const requireOpen = (context: WriteContext, invitation: Invitation): void => {
  if (invitation.state === 'expired') throw new AppError('invitation_expired')
  if (invitation.state !== 'pending') throw new AppError('invitation_closed')
  if (invitation.expires_at <= context.now) throw new AppError('invitation_expired')
}

/** Only the invitee, or whoever is signed in and holds the token; to everybody else it does not exist. */
const openAsInvitee = async (
  context: WriteContext,
  input: { readonly id?: string | undefined; readonly token?: string | undefined },
) => {
  const open = await openInvitation(context, input)
  if (!open || (input.token === undefined && open.invitation.user_id !== context.userId)) throw notFound()
  if (!reaches(context.actor, open.application.id)) throw notFound()
  return open
}

/** May the inviter give this role today? He may have left or been demoted since. */
const inviterStillMay = async (context: WriteContext, invitation: Invitation, editorsMayAddEditors: boolean) => {
  if (invitation.inviter_id === null) return false
  const applicationId = invitation.application_id
  const standing = await findStanding(context.tx, invitation.inviter_id, { applicationId })
  const inviter = { kind: 'import' as const, reason: 'inviter', userId: invitation.inviter_id, displayName: '' }
  const subject = { applicationId, editorsMayAddEditors, inviterId: invitation.inviter_id }
  const action = inviteAction(invitation.role as Role)
  return decision(invitationPolicy, action, subject, inviter, standing) === 'allowed'
}

const joinProjects = async (context: WriteContext, invitation: Invitation): Promise<void> => {
  for (const { project_id: projectId, role } of projectsList.parse(invitation.projects)) {
    const project = await context.tx
      .selectFrom('projects')
      .select('id')
      .where('id', '=', projectId)
      .where('application_id', '=', invitation.application_id)
      .where('archived_at', 'is', null)
      .executeTakeFirst()
    // gone or archived since: the membership is worth having without it
    if (!project) continue
    await context.tx
      .insertInto('project_members')
      .values({
        id: uuid7(),
        application_id: invitation.application_id,
        project_id: projectId,
        user_id: context.userId,
        role,
        added_by_id: invitation.inviter_id,
      })
      .execute()
    context.touch('project_members')
  }
}

/**
 * Accepts `invitation` for the caller; the steps that accepting by id, by token and by registering share. `by` names him
 * where the command's actor does not.
 */
const acceptInvitation = async (
  context: WriteContext,
  { application, invitation }: NonNullable<Awaited<ReturnType<typeof openInvitation>>>,
  by?: Notice['by'],
) => {
  requireOpen(context, invitation)
  const giveUp = (code: 'invitation_closed' | 'already_member') => {
    context.afterRejection(async tx => {
      await close(tx, invitation.id, 'cancelled', context.now)
    })
    return new AppError(code)
  }
  const member = await context.tx
    .selectFrom('application_members')
    .select('id')
    .where('application_id', '=', application.id)
    .where('user_id', '=', context.userId)
    .executeTakeFirst()
  if (member) throw giveUp('already_member')
  if (!(await inviterStillMay(context, invitation, application.editors_may_add_editors))) {
    throw giveUp('invitation_closed')
  }
  if (application.members_count >= memberLimit) {
    throw new AppError('limit_reached', { message: `An application has at most ${memberLimit} members.` })
  }
  await context.tx
    .insertInto('application_members')
    .values({
      id: uuid7(),
      application_id: application.id,
      user_id: context.userId,
      role: invitation.role,
      display_name: '',
      invitation_id: invitation.id,
    })
    .execute()
  await joinProjects(context, invitation)
  lockCounters(context, [invitation.user_id, invitation.inviter_id])
  const accepted = await close(context.tx, invitation.id, 'accepted', context.now)
  context.record({ ...recordOf(invitation), action: 'invitation.accept', visibility: 'members' })
  context.notify({ ...noticeOf(invitation), type: 'invitation_accepted', to: [invitation.inviter_id], by })
  context.touch('my_memberships', 'application', 'application_members')
  touchOwn(context, invitation)
  context.emit({ type: 'access_changed', userId: context.userId, applicationId: application.id })
  return accepted
}

const accept = defineCommand({
  name: 'invitation.accept',
  summary: 'Joins the application.',
  access: 'USER',
  scope: 'admin',
  input: answerInput,
  output: invitationRow,
  inTransactions: true,
  run: async (context, input) => ({ data: await acceptInvitation(context, await openAsInvitee(context, input)) }),
})

const reject = defineCommand({
  name: 'invitation.reject',
  summary: 'Declines the invitation.',
  access: 'USER',
  scope: 'admin',
  input: answerInput,
  output: invitationRow,
  inTransactions: true,
  run: async (context, input) => {
    const { invitation } = await openAsInvitee(context, input)
    if (invitation.state !== 'pending') throw new AppError('invitation_closed')
    lockCounters(context, [invitation.user_id, invitation.inviter_id])
    const rejected = await close(context.tx, invitation.id, 'rejected', context.now)
    context.notify({ ...noticeOf(invitation), type: 'invitation_rejected', to: [invitation.inviter_id] })
    context.record(recordOf(invitation))
    touchOwn(context, invitation)
    return { data: rejected }
  },
})

export const answerCommands: readonly AnyCommand[] = [accept, reject]

/**
 * In the transaction that makes an account: binds the pending invitations to its address, and accepts `token`.
 * Throws 404, 409 or 410 when the token names no open invitation.
 */
export const onRegistered = async (
  context: WriteContext,
  account: { readonly userId: string; readonly email: string; readonly displayName: string },
  token: string | undefined,
): Promise<void> => {
  await context.tx
    .updateTable('invitations')
    .set({ user_id: account.userId })
    .where(({ fn }) => fn('lower', ['email']), '=', account.email.toLowerCase())
    .where('user_id', 'is', null)
    .where('state', '=', 'pending')
    .execute()
  if (token === undefined) return
  const open = await openInvitation(context, { token })
  if (!open) throw notFound()
  await acceptInvitation(context, open, [{ id: account.userId, display_name: account.displayName }])
}
