// Ends live shape requests when the right behind them ends (domain rules, section 12: within a second).
// A registry of what is open now; main.ts feeds it the kernel's events.

export type EndReason = 'session_ended' | 'access_lost'

export interface OpenRequest {
  readonly userId: string
  readonly sessionPublicId: string | undefined
  /** Undefined for shapes of the caller's own rows. */
  readonly applicationId: string | undefined
  end(reason: EndReason): void
}

export interface Revocations {
  /**
   * Registers an open request; the returned function takes it out again. A request whose session has ended since its caller
   * was asked for ends at once.
   */
  enter(request: OpenRequest): () => void
  /** A session is gone: everything opened with it ends. */
  sessionEnded(userId: string, sessionPublicId: string): void
  /** A person's standing changed: his open requests of that application are looked at again. */
  accessChanged(userId: string, applicationId: string): void
  /** The application is gone for everybody. */
  applicationDeleted(applicationId: string): void
  /** Number of open requests. */
  size(): number
}

/** Longer than a request takes from the question who its caller is to its registration, its body included. */
const rememberMs = 120_000

/**
 * `stillAllowed` asks the policy anew for one request. When it cannot be asked (database away), the request ends as
 * well: the client comes back and is judged then.
 */
export const createRevocations = (
  stillAllowed: (request: OpenRequest) => Promise<boolean>,
  now: () => number = Date.now,
): Revocations => {
  /** Public ids of sessions and when they ended, the oldest first. */
  const ended = new Map<string, number>()
  const byUser = new Map<string, Set<OpenRequest>>()

  const each = (userId: string, wanted: (request: OpenRequest) => boolean): OpenRequest[] =>
    [...(byUser.get(userId) ?? [])].filter(wanted)

  return {
    enter: request => {
      const set = byUser.get(request.userId) ?? new Set()
      byUser.set(request.userId, set)
      set.add(request)
      if (request.sessionPublicId !== undefined && ended.has(request.sessionPublicId)) request.end('session_ended')
      return () => {
        set.delete(request)
        if (set.size === 0 && byUser.get(request.userId) === set) byUser.delete(request.userId)
      }
    },
    sessionEnded: (userId, sessionPublicId) => {
      for (const [id, at] of ended) {
        if (now() - at < rememberMs) break
        ended.delete(id)
      }
      ended.set(sessionPublicId, now())
      for (const request of each(userId, one => one.sessionPublicId === sessionPublicId)) request.end('session_ended')
    },
    accessChanged: (userId, applicationId) => {
      for (const request of each(userId, one => one.applicationId === applicationId)) {
        void stillAllowed(request).then(
          allowed => allowed || request.end('access_lost'),
          () => request.end('access_lost'),
        )
      }
    },
    applicationDeleted: applicationId => {
      for (const userId of byUser.keys()) {
        for (const request of each(userId, one => one.applicationId === applicationId)) request.end('access_lost')
      }
    },
    size: () => [...byUser.values()].reduce((sum, set) => sum + set.size, 0),
  }
}
