// Sessions on Lucia 3 with an adapter of our own: the table holds SHA-256 of the token, never the token.
//
// Two things that are easy to get wrong here. Lucia uses the id that the adapter answers for its next call, so the
// adapter answers the presented token, not the hash: otherwise sliding expiry hashes the hash and changes nothing. And
// Lucia asks the system clock; the adapter moves times by the difference to our clock, so that tests can set it.
import { type Kysely, sql } from 'kysely'
import { type Adapter, type DatabaseSession, type DatabaseUser, Lucia, TimeSpan } from 'lucia'
import type { Clock } from '#server/kernel/clock.ts'
import { coalesce } from '#server/kernel/coalesce.ts'
import type { DB, WriteTx } from '#server/kernel/database.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import type { Log } from '#server/kernel/log.ts'
import { hashOf, newSecret } from '#server/kernel/secrets.ts'
import type { Device, NewSession, SessionPort } from './session-port.ts'

interface SessionAttributes {
  readonly publicId: string
  readonly device: Device
  readonly lastSeenAt: Date
}

interface UserAttributes {
  readonly displayName: string
  readonly isAdmin: boolean
}

declare module 'lucia' {
  interface Register {
    Lucia: Lucia<SessionAttributes, UserAttributes>
    DatabaseSessionAttributes: SessionAttributes
    DatabaseUserAttributes: UserAttributes
  }
}

export interface LuciaSessionsOptions {
  /** For single statements outside the write transactions of the kernel (see README, Decisions). */
  readonly db: Kysely<DB>
  readonly clock: Clock
  readonly log: Log
  readonly days: number
  /** Cookies over https only. */
  readonly secure: boolean
}

const cookieName = 'skerry_session'

/** last_seen_at is written at most this often per session. */
const seenEveryMs = 60_000

/** Only for rows that came from the table: the token is unknown there, so the hash must never leave as an id. */
const withoutToken = (): never => {
  throw new Error('a list of sessions has no tokens; use list() of the port')
}

const adapterOn = (db: Kysely<DB>, clock: Clock): Adapter => {
  const skew = () => clock.now().getTime() - Date.now()
  const toLucia = (time: Date) => new Date(time.getTime() - skew())
  const toTable = (time: Date) => new Date(time.getTime() + skew())
  // every request asks
  const find = coalesce(async hashes => {
    const rows = await db
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .select([
        'sessions.id',
        'sessions.public_id',
        'sessions.user_id',
        'sessions.device_name',
        'sessions.user_agent',
        'sessions.last_seen_at',
        'sessions.expires_at',
        'users.display_name',
        'users.is_admin',
      ])
      .where('sessions.id', '=', sql<string>`any(${hashes})`)
      .where('users.disabled_at', 'is', null)
      .execute()
    return new Map(rows.map(row => [row.id, row]))
  })
  return {
    getSessionAndUser: async (token): Promise<[DatabaseSession | null, DatabaseUser | null]> => {
      const row = await find(hashOf(token))
      if (!row) return [null, null]
      const device = { name: row.device_name ?? undefined, userAgent: row.user_agent ?? undefined, ip: undefined }
      return [
        {
          id: token,
          userId: row.user_id,
          expiresAt: toLucia(row.expires_at),
          attributes: { publicId: row.public_id, device, lastSeenAt: row.last_seen_at },
        },
        { id: row.user_id, attributes: { displayName: row.display_name, isAdmin: row.is_admin } },
      ]
    },
    getUserSessions: async () => withoutToken(),
    setSession: async ({ id, userId, expiresAt, attributes: { publicId, device, lastSeenAt } }) => {
      await db
        .insertInto('sessions')
        .values({
          id: hashOf(id),
          public_id: publicId,
          user_id: userId,
          device_name: device.name ?? null,
          user_agent: device.userAgent?.slice(0, 500) ?? null,
          ip: device.ip ?? null,
          created_at: lastSeenAt,
          last_seen_at: lastSeenAt,
          expires_at: toTable(expiresAt),
        })
        .execute()
    },
    updateSessionExpiration: async (token, expiresAt) => {
      await db
        .updateTable('sessions')
        .set({ expires_at: toTable(expiresAt) })
        .where('id', '=', hashOf(token))
        .execute()
    },
    deleteSession: async token => {
      await db.deleteFrom('sessions').where('id', '=', hashOf(token)).execute()
    },
    deleteUserSessions: async userId => {
      await db.deleteFrom('sessions').where('user_id', '=', userId).execute()
    },
    deleteExpiredSessions: async () => {
      await db.deleteFrom('sessions').where('expires_at', '<=', clock.now()).execute()
    },
  }
}

/** The session port on Lucia. */
export const luciaSessions = ({ db, clock, log, days, secure }: LuciaSessionsOptions): SessionPort => {
  const on = (handle: Kysely<DB>) =>
    new Lucia(adapterOn(handle, clock), {
      sessionExpiresIn: new TimeSpan(days, 'd'),
      // the server decides when a session ends; a cookie that outlives it is only a number that means nothing, whereas
      // one that dies first would sign out a client whose shape requests keep the session alive
      sessionCookie: { name: cookieName, expires: false, attributes: { secure, sameSite: 'lax', path: '/' } },
      getSessionAttributes: attributes => attributes,
      getUserAttributes: attributes => attributes,
    })
  const lucia = on(db)
  // in our time, not in Lucia's
  const expiry = () => new Date(clock.now().getTime() + days * 86_400_000)

  const living = coalesce(async publicIds => {
    const rows = await db
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .select('sessions.public_id')
      .where('sessions.public_id', '=', sql<string>`any(${publicIds}::uuid[])`)
      .where('sessions.expires_at', '>', clock.now())
      .where('users.disabled_at', 'is', null)
      .execute()
    return new Map(rows.map(row => [row.public_id, true]))
  })

  const touch = async (token: string, ip: string, now: Date) => {
    await db
      .updateTable('sessions')
      .set({ last_seen_at: now, ip })
      .where('id', '=', hashOf(token))
      .where('last_seen_at', '<', now)
      .execute()
  }

  return {
    cookieName,
    create: async (tx, userId, device): Promise<NewSession> => {
      const token = newSecret()
      const publicId = uuid7(clock.now().getTime())
      const attributes = { publicId, device, lastSeenAt: clock.now() }
      await on(tx).createSession(userId, attributes, { sessionId: token })
      return { token, publicId, expiresAt: expiry() }
    },
    validate: async (token, ip) => {
      const { session, user } = await lucia.validateSession(token)
      if (!session) return undefined
      const now = clock.now()
      if (now.getTime() - session.lastSeenAt.getTime() >= seenEveryMs) {
        // a note for the person's list of sessions: not worth failing a request for
        await touch(token, ip, now).catch(error => log.warn('last_seen_at was not written', { error }))
      }
      return {
        actor: {
          kind: 'user',
          userId: user.id,
          displayName: user.displayName,
          sessionPublicId: session.publicId,
          isAdmin: user.isAdmin,
        },
        expiresAt: new Date(session.expiresAt.getTime() + now.getTime() - Date.now()),
        extended: session.fresh,
      }
    },
    lives: async publicId => (await living(publicId)) ?? false,
    rotate: async (tx, publicId) => {
      const token = newSecret()
      const expiresAt = expiry()
      const changed = await tx
        .updateTable('sessions')
        .set({ id: hashOf(token), expires_at: expiresAt, last_seen_at: clock.now() })
        .where('public_id', '=', publicId)
        .returning('public_id')
        .executeTakeFirst()
      return changed && { token, publicId, expiresAt }
    },
    invalidate: token => lucia.invalidateSession(token),
    list: (reader, userId) =>
      reader
        .selectFrom('sessions')
        .select(['public_id as id', 'device_name', 'user_agent', 'created_at', 'last_seen_at', 'expires_at'])
        .select(sql<string | null>`host(ip)`.as('ip'))
        .where('user_id', '=', userId)
        .where('expires_at', '>', clock.now())
        .orderBy('last_seen_at', 'desc')
        .orderBy('public_id')
        .limit(200)
        .execute(),
    revoke: async (tx, userId, publicId) => {
      const gone = await tx
        .deleteFrom('sessions')
        .where('user_id', '=', userId)
        .where('public_id', '=', publicId)
        .executeTakeFirst()
      return gone.numDeletedRows > 0n
    },
    revokeOthers: async (tx: WriteTx, userId, except) => {
      const rows = await tx
        .deleteFrom('sessions')
        .where('user_id', '=', userId)
        .$if(except !== undefined, query => query.where('public_id', '!=', except ?? ''))
        .returning('public_id')
        .execute()
      return rows.map(row => row.public_id)
    },
    cookie: token => lucia.createSessionCookie(token).serialize(),
    blankCookie: () => lucia.createBlankSessionCookie().serialize(),
  }
}
