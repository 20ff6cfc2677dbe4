// Registration, login, logout, refresh and change of password (domain rules, section 5.12), without HTTP.
import type { UserActor } from '#server/kernel/actor.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import type { Limit, Windows } from '#server/kernel/windows.ts'
import type { z } from 'zod'
import { findForSignIn, findOwn } from '../users/queries.ts'
import { foldEmail } from '../users/schema.ts'
import { endSessions, insertAccount, systemActor } from './accounts.ts'
import { hashPassword, passwordProblem, verifyPassword } from './passwords.ts'
import type { changePasswordInput, loginInput, registerInput } from './schema.ts'
import type { Device, NewSession, SessionPort } from './session-port.ts'

/** Lets the invitations feature take part in a registration. */
export interface InvitationHook {
  /**
   * In the transaction that makes the account: binds invitations sent to its address, and accepts `token` where one is
   * given. Throws when the token names no open invitation.
   */
  registered(
    context: WriteContext,
    account: { readonly userId: string; readonly email: string; readonly displayName: string },
    token: string | undefined,
  ): Promise<void>
}

export interface SignInOptions {
  readonly database: Pick<Database, 'read'>
  readonly write: ServerWrite
  readonly sessions: SessionPort
  readonly registration: 'open' | 'invite' | 'closed'
  readonly windows: Windows
  readonly invitations?: InvitationHook | undefined
}

type OwnRow = NonNullable<Awaited<ReturnType<typeof findOwn>>>

export interface SignedInResult {
  readonly session: NewSession
  readonly user: OwnRow
}

/** Guesses at one account, from whatever addresses. */
const perAccount = { name: 'login_account', count: 10, seconds: 15 * 60 }
/** Guesses by somebody who is signed in: counted apart, so that strangers cannot use them up. */
const perOwner = { name: 'change_password', count: 10, seconds: 15 * 60 }

export interface SignIn {
  register(input: z.output<typeof registerInput>, device: Device): Promise<SignedInResult>
  login(input: z.output<typeof loginInput>, device: Device, now: Date): Promise<SignedInResult>
  refresh(actor: UserActor): Promise<SignedInResult>
  logout(actor: UserActor): Promise<void>
  changePassword(actor: UserActor, input: z.output<typeof changePasswordInput>, now: Date): Promise<void>
}

/**
 * 401 when the password that was compared is no longer the account's, 403 when the account was disabled meanwhile: either
 * change ends only the sessions that it finds.
 */
const requirePassword = async (context: WriteContext, userId: string, passwordHash: string): Promise<void> => {
  const held = await context.tx
    .selectFrom('users')
    .select('disabled_at')
    .where('id', '=', userId)
    .where('password_hash', '=', passwordHash)
    .forShare()
    .executeTakeFirst()
  if (!held) throw new AppError('invalid_credentials')
  if (held.disabled_at !== null) throw new AppError('account_disabled')
}

/** See the interface; every function rejects with AppError. */
export const createSignIn = (options: SignInOptions): SignIn => {
  const { database, write, sessions, windows, registration, invitations } = options

  const countTry = (limit: Limit, key: string, now: Date) => {
    const wait = windows.take(limit, key, now)
    if (wait !== undefined) throw new AppError('rate_limited', { retryAfter: wait })
  }

  return {
    register: async (input, device) => {
      if (registration === 'closed') throw new AppError('forbidden', { message: 'Registration is closed.' })
      const token = input.invitation_token
      if (registration === 'invite' && token === undefined) {
        throw invalidAt('invitation_token', 'required', 'Registration needs an invitation.')
      }
      if (token !== undefined && !invitations) throw new AppError('not_found')
      const id = uuid7()
      const passwordHash = await hashPassword(input.password)
      return write('auth.register', systemActor('registration', id), async context => {
        const account = { id, email: input.email, displayName: input.display_name, passwordHash }
        const user = await insertAccount(context, account)
        const person = { userId: id, email: input.email, displayName: user.display_name }
        await invitations?.registered(context, person, token)
        return { user, session: await sessions.create(context.tx, id, device) }
      })
    },

    login: async (input, device, now) => {
      countTry(perAccount, foldEmail(input.email), now)
      const found = await database.read(reader => findForSignIn(reader, input.email))
      const matches = await verifyPassword(found?.password_hash, input.password)
      if (!found || !matches) throw new AppError('invalid_credentials')
      if (found.disabled_at !== null) throw new AppError('account_disabled')
      const { password_hash: _hash, disabled_at: _disabled, ...user } = found
      const session = await write('auth.login', systemActor('sign-in', user.id), async context => {
        await requirePassword(context, user.id, must(found.password_hash))
        return sessions.create(context.tx, user.id, device)
      })
      return { session, user }
    },

    refresh: actor =>
      write('auth.refresh', actor, async context => {
        const session = await sessions.rotate(context.tx, actor.sessionPublicId)
        const user = await findOwn(context.tx, actor.userId)
        if (!session || !user) throw new AppError('unauthenticated')
        return { session, user }
      }),

    logout: actor =>
      write('auth.logout', actor, async context => {
        const { userId, sessionPublicId } = actor
        if (await sessions.revoke(context.tx, userId, sessionPublicId)) {
          context.emit({ type: 'session_ended', userId, sessionPublicId })
        }
      }),

    changePassword: async (actor, input, now) => {
      const found = await database.read(reader =>
        reader.selectFrom('users').select(['email', 'password_hash']).where('id', '=', actor.userId).executeTakeFirst(),
      )
      if (!found) throw new AppError('unauthenticated')
      countTry(perOwner, actor.userId, now)
      const problem = passwordProblem(input.new_password, found.email)
      if (problem) throw invalidAt('new_password', 'bad_format', problem)
      if (!(await verifyPassword(found.password_hash, input.current_password))) {
        throw new AppError('invalid_credentials')
      }
      const passwordHash = await hashPassword(input.new_password)
      await write('auth.change_password', actor, async context => {
        // two changes at once: the second was made knowing a password that is no longer the current one
        const changed = await context.tx
          .updateTable('users')
          .set({ password_hash: passwordHash, password_changed_at: context.now })
          .where('id', '=', actor.userId)
          .where('password_hash', '=', found.password_hash)
          .executeTakeFirst()
        if (changed.numUpdatedRows === 0n) throw new AppError('invalid_credentials')
        await endSessions(context, sessions, actor.userId, actor.sessionPublicId)
      })
    },
  }
}
