// From the text of a token to an actor: API tokens, and the single-use tokens that open the socket of a document.
import { type Kysely, sql } from 'kysely'
import type { TokenScope, UserActor } from '#server/kernel/actor.ts'
import type { Clock } from '#server/kernel/clock.ts'
import { coalesce } from '#server/kernel/coalesce.ts'
import type { DB } from '#server/kernel/database.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Log } from '#server/kernel/log.ts'
import { hashOf, newSecret } from '#server/kernel/secrets.ts'

export const apiTokenPrefix = 'skp_'
const collabTokenPrefix = 'skc_'

/** last_used_at is written at most this often per token. */
const usedEveryMs = 60_000
/** How long a collaboration token may wait to be shown; seconds. */
export const collabTokenSeconds = 60

export interface TokenSourceOptions {
  /** For single statements outside the write transactions of the kernel, as sessions have them. */
  readonly db: Kysely<DB>
  readonly clock: Clock
  readonly log: Log
}

export interface TokenSource {
  /** Undefined for what is no API token, and for one that is unknown, expired, revoked, or of a disabled account. */
  validate(token: string): Promise<UserActor | undefined>
  /** May the API token of that id still be used? */
  lives(id: string): Promise<boolean>
  /** A token that admits `actor` to sockets once, within `collabTokenSeconds`; 401 when its session has just ended. */
  issueCollab(actor: UserActor): Promise<string>
  /** Who a collaboration token was issued to, the first time that it is shown; undefined otherwise. */
  redeemCollab(token: string): Promise<UserActor | undefined>
}

interface Row {
  readonly id: string
  readonly user_id: string
  readonly display_name: string
  readonly is_admin: boolean
  readonly scopes: string[]
  readonly application_ids: string[] | null
  readonly expires_at: Date | null
  readonly last_used_at: Date | null
}

const actorOf = (row: Row): UserActor => ({
  kind: 'user',
  userId: row.user_id,
  displayName: row.display_name,
  sessionPublicId: row.id,
  isAdmin: row.is_admin && row.scopes.includes('admin'),
  token: {
    scopes: row.scopes as TokenScope[],
    applicationIds: row.application_ids ?? undefined,
    expiresAt: row.expires_at ?? undefined,
  },
})

/** See the header. */
export const createTokenSource = ({ db, clock, log }: TokenSourceOptions): TokenSource => {
  const alive = (now: Date) =>
    db
      .selectFrom('api_tokens as t')
      .innerJoin('users as u', 'u.id', 't.user_id')
      .select(['t.id', 't.user_id', 't.scopes', 't.application_ids', 't.token_hash'])
      .select(['t.expires_at', 't.last_used_at'])
      .select(['u.display_name', 'u.is_admin'])
      .where('u.disabled_at', 'is', null)
      .where('t.revoked_at', 'is', null)
      .where(where => where.or([where('t.expires_at', 'is', null), where('t.expires_at', '>', now)]))

  // every request with a token asks
  const find = coalesce<Row>(async hashes => {
    const rows = await alive(clock.now()).where('t.token_hash', '=', sql<string>`any(${hashes})`).execute()
    return new Map(rows.map(row => [row.token_hash, row]))
  })

  const living = coalesce(async ids => {
    const rows = await alive(clock.now()).where('t.id', '=', sql<string>`any(${ids}::uuid[])`).execute()
    return new Map(rows.map(row => [row.id, true]))
  })

  const touch = async ({ id, last_used_at: last }: Row, now: Date): Promise<void> => {
    if (last !== null && now.getTime() - last.getTime() < usedEveryMs) return
    // a note for the person's list of tokens: not worth failing a request for
    await db
      .updateTable('api_tokens')
      .set({ last_used_at: now })
      .where('id', '=', id)
      .execute()
      .catch((error: unknown) => log.warn('last_used_at was not written', { error }))
  }

  const sessionOf = async (publicId: string): Promise<UserActor | undefined> => {
    const row = await db
      .selectFrom('sessions as s')
      .innerJoin('users as u', 'u.id', 's.user_id')
      .select(['s.user_id', 'u.display_name', 'u.is_admin'])
      .where('s.public_id', '=', publicId)
      .where('s.expires_at', '>', clock.now())
      .where('u.disabled_at', 'is', null)
      .executeTakeFirst()
    return (
      row && {
        kind: 'user',
        userId: row.user_id,
        displayName: row.display_name,
        sessionPublicId: publicId,
        isAdmin: row.is_admin,
      }
    )
  }

  return {
    validate: async token => {
      if (!token.startsWith(apiTokenPrefix)) return undefined
      const row = await find(hashOf(token))
      if (row === undefined) return undefined
      await touch(row, clock.now())
      return actorOf(row)
    },
    lives: async id => (await living(id)) ?? false,
    issueCollab: async actor => {
      const token = newSecret(collabTokenPrefix)
      const now = clock.now()
      await sql`delete from collab_tokens where token_hash in (
        select token_hash from collab_tokens where expires_at <= ${now} limit 1000 for update skip locked)`.execute(db)
      const [column, from] =
        actor.token === undefined
          ? [sql`session_public_id`, sql`(select public_id as id from sessions) s`]
          : [sql`api_token_id`, sql`(select id from api_tokens where revoked_at is null) s`]
      const { numAffectedRows } = await sql`
        insert into collab_tokens (token_hash, expires_at, ${column})
        select ${hashOf(token)}, ${new Date(now.getTime() + collabTokenSeconds * 1000)}::timestamptz, s.id
          from ${from} where s.id = ${actor.sessionPublicId}`.execute(db)
      if (numAffectedRows !== 1n) throw new AppError('unauthenticated')
      return token
    },
    redeemCollab: async token => {
      if (!token.startsWith(collabTokenPrefix)) return undefined
      const row = await db
        .deleteFrom('collab_tokens')
        .where('token_hash', '=', hashOf(token))
        .returning(['session_public_id', 'api_token_id', 'expires_at'])
        .executeTakeFirst()
      if (row === undefined || row.expires_at <= clock.now()) return undefined
      if (row.session_public_id !== null) return sessionOf(row.session_public_id)
      const found = await alive(clock.now()).where('t.id', '=', row.api_token_id).executeTakeFirst()
      return found && actorOf(found)
    },
  }
}
