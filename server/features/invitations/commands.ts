// invitation.create, .resend and .cancel (domain rules, section 4). All run under the application's row lock.
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide, type Role } from '#server/kernel/policy.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { hashOf, newSecret } from '#server/kernel/secrets.ts'
import { lockApplication } from '../applications/queries.ts'
import { projectPolicy } from '../projects/policy.ts'
import { answerCommands } from './answer.ts'
import { close, noticeOf, openInvitation, recordOf } from './open.ts'
import { inviteAction, invitationPolicy } from './policy.ts'
import { createInput, idInput, invitationColumns, linkedInvitation } from './schema.ts'

export interface InvitationOptions {
  /** Base of the link in an invitation; the token stands in the fragment, which never reaches a server. */
  readonly publicUrl: string
  readonly invitationDays: number
}

const pendingLimit = 200
const resendSeconds = 60

const touchFor = async (context: WriteContext, invitation: { application_id: string; user_id: string | null }) => {
  if (invitation.user_id === context.userId) context.touch('my_invitations')
  const { role } = await context.access.standing({ applicationId: invitation.application_id })
  if (role === 'owner') context.touch('application_invitations')
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
    output: linkedInvitation,
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
      const secret = input.email === undefined ? undefined : newSecret()
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
          token_hash: secret === undefined ? null : hashOf(secret),
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
    output: linkedInvitation,
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
      const secret = invitation.email === null ? undefined : newSecret()
      const changed = await context.tx
        .updateTable('invitations')
        .set({
          expires_at: new Date(context.now.getTime() + invitationDays * 86_400_000),
          ...(secret === undefined ? {} : { token_hash: hashOf(secret) }),
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
  output: idOutput,
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

export const invitationCommands = (options: InvitationOptions): readonly AnyCommand[] => [
  createCommand(options),
  resendCommand(options),
  cancel,
  ...answerCommands,
]
