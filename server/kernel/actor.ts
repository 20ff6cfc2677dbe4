// Who is asking: the only source of identity. Made by the session middleware, by the command line and by jobs.

/**
 * `read`: GET and shapes. `write`: commands that name nothing else. `files`: declaring, uploading, downloading. `collab`:
 * sockets of documents. `admin`: deleting and handing over applications, members, invitations, exports.
 */
export const tokenScopes = ['read', 'write', 'files', 'collab', 'admin'] as const
export type TokenScope = (typeof tokenScopes)[number]

/** `session`: no token suffices. */
export type RequiredScope = TokenScope | 'session'

/** What a token leaves of its person's rights. */
export interface TokenGrant {
  readonly scopes: readonly TokenScope[]
  /** undefined: everywhere that the person may. */
  readonly applicationIds: readonly string[] | undefined
  /** undefined: until it is revoked. */
  readonly expiresAt: Date | undefined
}

export interface UserActor {
  readonly kind: 'user'
  readonly userId: string
  readonly displayName: string
  /** Public id of the session, or of the API token: what a revocation names. */
  readonly sessionPublicId: string
  readonly isAdmin: boolean
  /** What the API token leaves of the person's rights; undefined with a session. */
  readonly token?: TokenGrant | undefined
}

/** The server itself: a job, or a command line call. `userId` is set when it acts for a person (imports). */
export interface SystemActor {
  readonly kind: 'system' | 'import'
  readonly reason: string
  readonly userId: string | undefined
  readonly displayName: string
}

export interface AnonymousActor {
  readonly kind: 'anonymous'
}

export type SignedIn = UserActor | SystemActor
export type Actor = SignedIn | AnonymousActor

export const anonymous: AnonymousActor = { kind: 'anonymous' }

/** The person behind `actor`, or undefined for nobody and for the server itself. */
export const personOf = (actor: Actor): string | undefined => (actor.kind === 'anonymous' ? undefined : actor.userId)
