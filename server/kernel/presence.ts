// Who is where in an application now: what the API needs of the presence rooms at the socket; filled in by app.ts.

/** What one client of somebody who is there says of himself; `user` is the server's (domain rules, section 8.6). */
export type PresenceState = Readonly<Record<string, unknown>>

export interface Presence {
  /** The states in an application's presence room, in no order. */
  in(applicationId: string): readonly PresenceState[]
}
