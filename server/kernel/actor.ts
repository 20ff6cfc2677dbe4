// Who is asking: the only source of identity. Made by the session middleware, by the command line and by jobs.

export interface UserActor {
  readonly kind: 'user'
  readonly userId: string
  readonly displayName: string
  /** Public id of the session: what a revocation names. */
  readonly sessionPublicId: string
  readonly isAdmin: boolean
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
