// What Skerry needs of a session library. One implementation stands behind it (lucia-sessions.ts); nothing else imports
// Lucia, so it can be replaced in one place.
import type { UserActor } from '#server/kernel/actor.ts'
import type { Reader, WriteTx } from '#server/kernel/database.ts'

/** Where a session was begun; shown in the person's list of sessions. */
export interface Device {
  readonly name: string | undefined
  readonly userAgent: string | undefined
  readonly ip: string | undefined
}

export interface NewSession {
  /** The only time the token exists outside the client. */
  readonly token: string
  readonly publicId: string
  readonly expiresAt: Date
}

export interface ValidSession {
  readonly actor: UserActor
  readonly expiresAt: Date
  /** Less than half of its life was left, so it was prolonged just now. */
  readonly extended: boolean
}

export interface SessionRow {
  /** Public id: names the session without giving it away. */
  readonly id: string
  readonly device_name: string | null
  readonly user_agent: string | null
  readonly ip: string | null
  readonly created_at: Date
  readonly last_seen_at: Date
  readonly expires_at: Date
}

export interface SessionPort {
  readonly cookieName: string
  create(tx: WriteTx, userId: string, device: Device): Promise<NewSession>
  /** Undefined for a token that is unknown, expired, revoked, or of a disabled account. */
  validate(token: string, ip: string): Promise<ValidSession | undefined>
  /** Does the session still let its person in? Whatever its token is by now; nothing is written. */
  lives(publicId: string): Promise<boolean>
  /** A new token for the same session; the former is dead once the transaction commits. */
  rotate(tx: WriteTx, publicId: string): Promise<NewSession | undefined>
  /** Ends the session that `token` belongs to, without asking whose it is. */
  invalidate(token: string): Promise<void>
  /** Unexpired sessions, last seen first. */
  list(reader: Reader, userId: string): Promise<SessionRow[]>
  /** False when the person has no such session. */
  revoke(tx: WriteTx, userId: string, publicId: string): Promise<boolean>
  /** Ends all of a person's sessions but `except`; answers their public ids. */
  revokeOthers(tx: WriteTx, userId: string, except: string | undefined): Promise<string[]>
  /** Value of Set-Cookie. */
  cookie(token: string): string
  blankCookie(): string
}
