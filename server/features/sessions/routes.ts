// /auth/… (domain rules, section 5.12).
import { isIP } from 'node:net'
import { z } from 'zod'
import type { Actor, UserActor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type RawRequest, type RawResponse, rawRoute, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import type { SessionCommands } from './commands.ts'
import { changePasswordInput, doneBody, loginInput, registerInput, sessionBody, sessionRow } from './schema.ts'
import type { Device, SessionPort } from './session-port.ts'
import type { SignedInResult, SignIn } from './sign-in.ts'

const person = (actor: Actor): UserActor => {
  if (actor.kind !== 'user') throw new AppError('unauthenticated')
  return actor
}

const deviceOf = (request: RawRequest, name: string | undefined): Device => ({
  name,
  userAgent: request.headers['user-agent'],
  ip: isIP(request.ip) === 0 ? undefined : request.ip,
})

/** All routes of this feature. */
export const sessionRoutes = (signIn: SignIn, sessions: SessionPort, commands: SessionCommands): Route[] => {
  const signedIn = (status: 200 | 201, { session, user }: SignedInResult): RawResponse => ({
    status,
    headers: { 'set-cookie': sessions.cookie(session.token) },
    body: {
      access_token: session.token,
      token_type: 'bearer',
      expires_at: session.expiresAt.toISOString(),
      user,
    },
  })
  const done = (id: string, headers?: Record<string, string>): RawResponse => ({
    status: 200,
    body: { data: { id }, txid: null },
    ...(headers ? { headers } : {}),
  })

  return [
    rawRoute({
      method: 'POST',
      path: '/auth/register',
      access: 'PUBLIC',
      summary: 'Makes an account and signs in.',
      limits: [{ name: 'register', count: 5, seconds: 60, per: 'ip' }],
      body: registerInput,
      response: sessionBody,
      status: 201,
      run: async request => {
        const input = request.body as z.output<typeof registerInput>
        return signedIn(201, await signIn.register(input, deviceOf(request, input.device_name)))
      },
    }),
    rawRoute({
      method: 'POST',
      path: '/auth/login',
      access: 'PUBLIC',
      summary: 'Signs in, with JSON or with an OAuth2 password form.',
      limits: [{ name: 'login', count: 10, seconds: 60, per: 'ip' }],
      accepts: 'json-or-form',
      body: loginInput,
      response: sessionBody,
      run: async request => {
        const input = request.body as z.output<typeof loginInput>
        return signedIn(200, await signIn.login(input, deviceOf(request, input.device_name), request.now))
      },
    }),
    rawRoute({
      method: 'POST',
      path: '/auth/refresh',
      access: 'USER',
      scope: 'session',
      summary: 'A new token for the same session; the former one dies at once.',
      response: sessionBody,
      run: async ({ actor }) => signedIn(200, await signIn.refresh(person(actor))),
    }),
    rawRoute({
      method: 'POST',
      path: '/auth/logout',
      access: 'USER',
      scope: 'session',
      summary: 'Ends this session.',
      response: doneBody,
      run: async ({ actor }) => {
        const caller = person(actor)
        await signIn.logout(caller)
        return done(caller.sessionPublicId, { 'set-cookie': sessions.blankCookie() })
      },
    }),
    rawRoute({
      method: 'POST',
      path: '/auth/change-password',
      access: 'SELF',
      scope: 'session',
      summary: 'Changes the own password; ends all other sessions.',
      body: changePasswordInput,
      response: doneBody,
      run: async ({ actor, body, now }) => {
        const caller = person(actor)
        await signIn.changePassword(caller, body as z.output<typeof changePasswordInput>, now)
        return done(caller.userId)
      },
    }),
    readRoute({
      path: '/auth/sessions',
      access: 'SELF',
      scope: 'session',
      summary: 'The own sessions, last seen first.',
      query: z.strictObject({}),
      response: z.object({ data: z.array(sessionRow), next_cursor: z.null() }),
      run: async ({ reader, actor }) => {
        const caller = person(actor)
        const rows = await sessions.list(reader, caller.userId)
        return { data: rows.map(row => ({ ...row, current: row.id === caller.sessionPublicId })), next_cursor: null }
      },
    }),
    writeRoute({
      method: 'DELETE',
      path: '/auth/sessions/:public_id',
      access: 'SELF',
      summary: 'Ends one of the own sessions.',
      command: commands.revoke,
      params: { public_id: 'id' },
    }),
    writeRoute({
      method: 'DELETE',
      path: '/auth/sessions',
      access: 'SELF',
      summary: 'Ends all of the own sessions but this one.',
      command: commands.revokeOthers,
    }),
  ]
}
