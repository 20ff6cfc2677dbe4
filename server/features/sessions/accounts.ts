// Making accounts and changing what lets people in: for registration and for the command line.
import type { SystemActor } from '#server/kernel/actor.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import { invalidAt, notFound } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import { parseInput } from '#server/kernel/validation.ts'
import { sql } from 'kysely'
import { revokeTokens } from '../tokens/index.ts'
import { foldEmail, ownColumns } from '../users/schema.ts'
import { hashPassword, passwordProblem } from './passwords.ts'
import { newPassword, registerInput } from './schema.ts'
import type { SessionPort } from './session-port.ts'

export interface NewAccount {
  readonly id: string
  readonly email: string
  readonly displayName: string | undefined
  readonly passwordHash: string
}

/** Inserts the row; 409 `email_taken` comes from the unique index. */
export const insertAccount = (context: WriteContext, account: NewAccount) => {
  const fallback = account.email.split('@')[0]?.slice(0, 100) ?? ''
  return context.tx
    .insertInto('users')
    .values({
      id: account.id,
      email: account.email,
      display_name: account.displayName ?? fallback,
      password_hash: account.passwordHash,
      password_changed_at: context.now,
    })
    .returning(ownColumns)
    .executeTakeFirstOrThrow()
}

/** Ends sessions inside a transaction and tells whoever serves them. */
export const endSessions = async (
  context: WriteContext,
  sessions: SessionPort,
  userId: string,
  except?: string,
): Promise<number> => {
  const ended = await sessions.revokeOthers(context.tx, userId, except)
  for (const sessionPublicId of ended) context.emit({ type: 'session_ended', userId, sessionPublicId })
  return ended.length
}

/** The server acting for itself. */
export const systemActor = (reason: string, userId?: string): SystemActor => ({
  kind: 'system',
  reason,
  userId,
  displayName: 'Skerry',
})

const byEmail = async (context: WriteContext, email: string) => {
  const row = await context.tx
    .selectFrom('users')
    .select(['id', 'email'])
    .where(sql`lower(email)`, '=', foldEmail(email))
    .forUpdate()
    .executeTakeFirst()
  if (!row) throw notFound()
  return row
}

export interface AccountTools {
  /** `skerry user create`: the same checks as registration, whatever REGISTRATION says. */
  createUser(input: { email: string; password: string; display_name?: string }): Promise<{ id: string }>
  /** Sets a password; ends all sessions and API tokens. */
  setPassword(email: string, password: string): Promise<{ endedSessions: number }>
  /** `skerry user disable`: no sign-in any more; all sessions and API tokens end. */
  disableUser(email: string): Promise<{ endedSessions: number }>
  /** `skerry user enable`: the former password lets in again, no former session or API token. */
  enableUser(email: string): Promise<void>
  /** `skerry user admin`: a server administrator, or no longer. */
  setAdmin(email: string, isAdmin: boolean): Promise<void>
}

/** What the command line does with accounts. Rejects with AppError (`not_found`, `email_taken`, `validation_failed`). */
export const accountTools = (write: ServerWrite, sessions: SessionPort): AccountTools => ({
  createUser: async input => {
    const { email, password, display_name: displayName } = parseInput(registerInput, input)
    const account = { id: uuid7(), email, displayName, passwordHash: await hashPassword(password) }
    return write('user.create', systemActor('command line'), async context => {
      const { id } = await insertAccount(context, account)
      return { id }
    })
  },
  setPassword: async (email, password) => {
    parseInput(newPassword, password)
    const problem = passwordProblem(password, email)
    if (problem) throw invalidAt('password', 'bad_format', problem)
    const passwordHash = await hashPassword(password)
    return write('user.set_password', systemActor('command line'), async context => {
      const { id } = await byEmail(context, email)
      await context.tx
        .updateTable('users')
        .set({ password_hash: passwordHash, password_changed_at: context.now })
        .where('id', '=', id)
        .execute()
      await revokeTokens(context, id)
      return { endedSessions: await endSessions(context, sessions, id) }
    })
  },
  disableUser: email =>
    write('user.disable', systemActor('command line'), async context => {
      const { id } = await byEmail(context, email)
      await context.tx.updateTable('users').set({ disabled_at: context.now }).where('id', '=', id).execute()
      await revokeTokens(context, id)
      return { endedSessions: await endSessions(context, sessions, id) }
    }),
  enableUser: email =>
    write('user.enable', systemActor('command line'), async context => {
      const { id } = await byEmail(context, email)
      await context.tx.updateTable('users').set({ disabled_at: null }).where('id', '=', id).execute()
      // those that were made while the account was being disabled must not come to life
      await revokeTokens(context, id)
      await endSessions(context, sessions, id)
    }),
  setAdmin: (email, isAdmin) =>
    write('user.set_admin', systemActor('command line'), async context => {
      const { id } = await byEmail(context, email)
      await context.tx.updateTable('users').set({ is_admin: isAdmin }).where('id', '=', id).execute()
    }),
})
