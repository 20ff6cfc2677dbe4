// invitation.* (domain rules, section 4). All run under the application's row lock. Tokens are 256 bits, stored as hash.
import { createHash, randomBytes } from 'node:crypto'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import type { WriteTx } from '#server/kernel/database.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import type { Notice } from '#server/kernel/notices.ts'
import { reaches } from '#server/kernel/scopes.ts'
import { decide, decision, type Role } from '#server/kernel/policy.ts'
import { lockApplication } from '../applications/queries.ts'
import { findStanding } from '../members/access.ts'
import { lockCounters } from '../notifications/lock-counters.ts'
import { projectPolicy } from '../projects/policy.ts'
import { inviteAction, invitationPolicy } from './policy.ts'
import { answerInput, createInput, idInput, invitationColumns, projectsList } from './schema.ts'

export interface InvitationOptions {
  /** Base of the link in an invitation; the token stands in the fragment, which never reaches a server. */
  readonly publicUrl: string
  readonly invitationDays: number
}

const pendingLimit = 200
const memberLimit = 1000
const resendSeconds = 60

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')

type Invitation = NonNullable<Awaited<ReturnType<typeof lockInvitation>>>

const lockInvitation = (tx: WriteTx, id: string) =>
  tx.selectFrom('invitations').select(invitationColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

/** The invitation with its application, both locked (application first). Undefined when either is gone. */
const openInvitation = async (
  context: WriteContext,
  where: { id?: string | undefined; token?: string | undefined },
) => {
  let query = context.tx.selectFrom('invitations').select(['id', 'application_id'])
  query =
    where.id === undefined
      ? query.where('token_hash', '=', hashToken(must(where.token)))
      : query.where('id', '=', where.id)
  const found = await query.executeTakeFirst()
  const application = found && (await lockApplication(context.tx, found.application_id))
  const invitation = found && (await lockInvitation(context.tx, found.id))
  return application && invitation ? { application, invitation } : undefined
}

const recordOf = (invitation: Pick<Invitation, 'id' | 'application_id' | 'application_name'>) => ({
  entityType: 'invitation',
  entityId: invitation.id,
  entityLabel: invitation.application_name,
  applicationId: invitation.application_id,
  visibility: 'owners' as const,
})

const noticeOf = (invitation: Pick<Invitation, 'id' | 'application_id' | 'application_name'>) => ({
  title: invitation.application_name,
  entity: { type: 'invitation', id: invitation.id },
  applicationId: invitation.application_id,
})

/** What the caller sees of an invitation that he answered. */
const touchOwn = (context: WriteContext, invitation: { user_id: string | null }): void => {
  context.touch('my_invitations')
  if (invitation.user_id === context.userId) context.touch('my_counters')
}

const touchFor = async (context: WriteContext, invitation: { application_id: string; user_id: string | null }) => {
  if (invitation.user_id === context.userId) context.touch('my_invitations')
  const { role } = await context.access.standing({ applicationId: invitation.application_id })
  if (role === 'owner') context.touch('application_invitations')
}

const close = async (tx: WriteTx, id: string, state: string, at: Date) =>
  tx
    .updateTable('invitations')
    .set({ state, responded_at: at })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .returning(invitationColumns)
    .executeTakeFirst()

/** 409 unless pending, 410 when past its end. */
const requireOpen = (context: WriteContext, invitation: Invitation): void => {
  if (invitation.state === 'expired') throw new AppError('invitation_expired')
  if (invitation.state !== 'pending') throw new AppError('invitation_closed')
  if (invitation.expires_at <= context.now) throw new AppError('invitation_expired')
}

const findAccount = async (
  context: WriteContext,
  input: { user_id?: string | undefined; email?: string | undefined },
) => {
  const query = context.tx.selectFrom('users').select(['id', 'email'])
  if (input.user_id !== undefined) {
    const row = await query.where('id', '=', input.user_id).executeTakeFirst()
    if (!row) throw notFound()
    return row
  }
  return query.where(({ fn }) => fn('lower', ['email']), '=', must(input.email).toLowerCase()).executeTakeFirst()
}

const requireProjects = async (
  context: WriteContext,
  applicationId: string,
  projects: readonly { readonly project_id: string }[],
): Promise<void> => {
  for (const [index, { project_id: id }] of projects.entries()) {
    const row = await context.tx
      .selectFrom('projects')
      .select(['id', 'application_id'])
      .where('id', '=', id)
      .where('application_id', '=', applicationId)
      .executeTakeFirst()
    if (!row) throw invalidAt(`projects.${index}.project_id`, 'bad_format', 'There is no such project here.')
    await decide(projectPolicy, 'administer', row, context.actor, context.access)
  }
}

const createCommand = ({ publicUrl, invitationDays }: InvitationOptions): AnyCommand =>
  defineCommand({
    name: 'invitation.create',
    summary: 'Invites a person by account or by e-mail address.',
    access: 'EDITOR',
    scope: 'admin',
    secrets: ['link'],
    input: createInput,
    inTransactions: true,
    run: async (context, input) => {
      const application = await lockApplication(context.tx, input.application_id)
      const subject = application && {
        applicationId: application.id,
        editorsMayAddEditors: application.editors_may_add_editors,
      }
      await decide(invitationPolicy, inviteAction(input.role), subject, context.actor, context.access)
      await requireFreeId(context, 'invitations', input.id)
      const account = await findAccount(context, input)
      if (account?.id === context.userId) {
        throw invalidAt(input.email === undefined ? 'user_id' : 'email', 'role_not_allowed', 'Nobody invites himself.')
      }
      await requireProjects(context, input.application_id, input.projects ?? [])
      if (account) {
        const member = await context.tx
          .selectFrom('application_members')
          .select('id')
          .where('application_id', '=', input.application_id)
          .where('user_id', '=', account.id)
          .executeTakeFirst()
        if (member) throw new AppError('already_member')
      }
      const pending = await context.tx
        .selectFrom('invitations')
        .select(['user_id', 'email'])
        .where('application_id', '=', input.application_id)
        .where('state', '=', 'pending')
        .execute()
      const email = input.email?.toLowerCase()
      if (
        pending.some(one => (account && one.user_id === account.id) || (email && one.email?.toLowerCase() === email))
      ) {
        throw new AppError('invitation_pending')
      }
      if (pending.length >= pendingLimit) {
        throw new AppError('limit_reached', { message: `At most ${pendingLimit} invitations are pending at a time.` })
      }
      const secret = input.email === undefined ? undefined : randomBytes(32).toString('base64url')
      const invitation = await context.tx
        .insertInto('invitations')
        .values({
          id: input.id ?? uuid7(),
          application_id: input.application_id,
          application_name: must(application).name,
          inviter_id: context.userId,
          inviter_name: context.actor.displayName,
          user_id: account?.id ?? null,
          email: input.email ?? null,
          role: input.role,
          projects: JSON.stringify(input.projects ?? []),
          message: input.message ?? null,
          expires_at: new Date(context.now.getTime() + invitationDays * 86_400_000),
          token_hash: secret === undefined ? null : hashToken(secret),
        })
        .returning(invitationColumns)
        .executeTakeFirstOrThrow()
      const type = input.projects?.length ? 'project_invite' : 'application_invite'
      const to = [invitation.user_id]
      context.notify({ ...noticeOf(invitation), type, to, message: invitation.message, outsiders: true })
      context.record(recordOf(invitation))
      await touchFor(context, invitation)
      return { data: { ...invitation, ...(secret === undefined ? {} : { link: linkFor(publicUrl, secret) }) } }
    },
  })

const linkFor = (publicUrl: string, secret: string): string => `${publicUrl}/#/invitation/${secret}`

const resendCommand = ({ publicUrl, invitationDays }: InvitationOptions): AnyCommand =>
  defineCommand({
    name: 'invitation.resend',
    summary: 'Makes a new link; the term begins anew. At most once a minute.',
    access: 'EDITOR',
    scope: 'admin',
    secrets: ['link'],
    input: idInput,
    inTransactions: true,
    run: async (context, input) => {
      const { invitation, subject } = await openForTakingBack(context, input.id)
      // a new link is as good as a new invitation: it needs the right to give that role today
      const action = inviteAction(invitation.role as Role)
      await decide(invitationPolicy, action, subject, context.actor, context.access)
      if (invitation.state !== 'pending') throw new AppError('invitation_closed')
      // the term begins with each sending, so it tells when that was
      const sentAt = invitation.expires_at.getTime() - invitationDays * 86_400_000
      const since = (context.now.getTime() - sentAt) / 1000
      if (since < resendSeconds) throw new AppError('rate_limited', { retryAfter: Math.ceil(resendSeconds - since) })
      const secret = invitation.email === null ? undefined : randomBytes(32).toString('base64url')
      const changed = await context.tx
        .updateTable('invitations')
        .set({
          expires_at: new Date(context.now.getTime() + invitationDays * 86_400_000),
          ...(secret === undefined ? {} : { token_hash: hashToken(secret) }),
        })
        .where('id', '=', invitation.id)
        .returning(invitationColumns)
        .executeTakeFirstOrThrow()
      context.record(recordOf(changed))
      await touchFor(context, changed)
      return { data: { ...changed, ...(secret === undefined ? {} : { link: linkFor(publicUrl, secret) }) } }
    },
  })

const openForTakingBack = async (context: WriteContext, id: string) => {
  const open = await openInvitation(context, { id })
  const subject = open && {
    applicationId: open.application.id,
    editorsMayAddEditors: open.application.editors_may_add_editors,
    inviterId: open.invitation.inviter_id,
  }
  await decide(invitationPolicy, 'takeBack', subject, context.actor, context.access)
  return { ...must(open), subject }
}

const cancel = defineCommand({
  name: 'invitation.cancel',
  summary: 'Takes a pending invitation back.',
  access: 'MEMBER',
  scope: 'admin',
  input: idInput,
  inTransactions: true,
  run: async (context, input) => {
    const { invitation } = await openForTakingBack(context, input.id)
    if (invitation.state !== 'pending') throw new AppError('invitation_closed')
    await close(context.tx, invitation.id, 'cancelled', context.now)
    context.record(recordOf(invitation))
    await touchFor(context, invitation)
    return { data: { id: invitation.id } }
  },
})

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
  inTransactions: true,
  run: async (context, input) => ({ data: await acceptInvitation(context, await openAsInvitee(context, input)) }),
})

const reject = defineCommand({
  name: 'invitation.reject',
  summary: 'Declines the invitation.',
  access: 'USER',
  scope: 'admin',
  input: answerInput,
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

export const invitationCommands = (options: InvitationOptions): readonly AnyCommand[] => [
  createCommand(options),
  resendCommand(options),
  cancel,
  accept,
  reject,
]

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
