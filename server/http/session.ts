// From credentials to an Actor: cookie or bearer token, never anything in the URL. Cookie-authenticated writes must come
// from an allowed origin.
import type Koa from 'koa'
import type { UserActor } from '#server/kernel/actor.ts'
import { type Actor, anonymous } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type Credential, isProbe, stateOf } from './context.ts'

export interface LiveSession {
  readonly actor: UserActor
  /** Its life was just prolonged: browsers get the cookie again. */
  readonly extended: boolean
}

/** What HTTP needs of the sessions; the sessions feature provides it. */
export interface SessionSource {
  readonly cookieName: string
  /** Undefined for a token that is unknown, expired, revoked or belongs to a disabled account. */
  validate(token: string, ip: string): Promise<LiveSession | undefined>
  /** Value of a Set-Cookie header. */
  cookie(token: string): string
}

export interface Presented {
  readonly token: string
  readonly credential: Exclude<Credential, 'none'>
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

const tokenText = /^[A-Za-z0-9._~+/=-]{1,512}$/

const one = (value: string | string[] | undefined): string => (Array.isArray(value) ? value.join('; ') : (value ?? ''))

/** The token a request shows. `Authorization: Bearer` wins over the cookie. */
export const presentedToken = (headers: Headers, cookieName: string): Presented | undefined => {
  const [scheme = '', token = '', ...more] = one(headers['authorization']).trim().split(/ +/)
  if (scheme.toLowerCase() === 'bearer') {
    return more.length === 0 && tokenText.test(token) ? { token, credential: 'bearer' } : undefined
  }
  for (const part of one(headers['cookie']).split(';')) {
    const [name = '', value = ''] = part.trim().split('=', 2)
    if (name === cookieName && tokenText.test(value)) return { token: value, credential: 'cookie' }
  }
  return undefined
}

export interface Authenticated {
  readonly actor: Actor
  readonly credential: Credential
  readonly token: string | undefined
  readonly session: LiveSession | undefined
}

const nobody: Authenticated = { actor: anonymous, credential: 'none', token: undefined, session: undefined }

/** Resolves what `headers` show; also for the upgrade requests of sockets, which do not pass through Koa. */
export const authenticate = async (sessions: SessionSource, headers: Headers, ip: string): Promise<Authenticated> => {
  const presented = presentedToken(headers, sessions.cookieName)
  const session = presented && (await sessions.validate(presented.token, ip))
  if (!presented || !session) return nobody
  return { actor: session.actor, credential: presented.credential, token: presented.token, session }
}

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS'

/**
 * A write by cookie names an allowed origin. One without any credential (sign-in) may leave it out, as programs do, but
 * a foreign page must not sign a browser in.
 */
export const checkOrigin = (
  method: string,
  origin: string | undefined,
  credential: Credential,
  origins: readonly string[],
): void => {
  if (isSafe(method) || credential === 'bearer') return
  if (origin ? !origins.includes(origin) : credential === 'cookie') throw new AppError('csrf_failed')
}

/** Middleware: sets actor and credential. */
export const sessionMiddleware =
  (sessions: SessionSource, origins: readonly string[]): Koa.Middleware =>
  async (ctx, next) => {
    if (isProbe(ctx.path)) return next()
    const state = stateOf(ctx)
    const { actor, credential, session, token } = await authenticate(sessions, ctx.headers, state.ip)
    state.actor = actor
    state.credential = credential
    checkOrigin(ctx.method, ctx.get('Origin') || undefined, credential, origins)
    await next()
    // shape answers, which never set a cookie, are out by now; an answer that sets or clears it knows better
    const settled = ctx.res.headersSent || ctx.res.hasHeader('Set-Cookie')
    if (session?.extended && credential === 'cookie' && token && !settled) ctx.set('Set-Cookie', sessions.cookie(token))
  }
