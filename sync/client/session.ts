// Who is signed in, as far as the client knows. A session that the server no longer takes pauses queue and shapes; it
// throws nothing away. With cookies there is no token to hold, and `resume` says only that signing in has worked.

export interface Session {
  /** The bearer token, or undefined: cookies, or nobody. */
  readonly token: string | undefined
  readonly state: 'active' | 'signed_out'
  /** How often somebody has signed in. With cookies there is no token that would tell one session from the next. */
  readonly signIns: number
  /** The server refused what was asked when there were `signIns`; ignored when somebody has signed in since. */
  expire(signIns: number): void
  /** Signed in (again). */
  resume(token?: string): void
  /** Called after each change; the result ends it. */
  subscribe(listener: () => void): () => void
}

/** Starts active: only the server knows better. */
export const createSession = (token: string | undefined): Session => {
  let current = token
  let state: Session['state'] = 'active'
  let signIns = 0
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  return {
    get token() {
      return current
    },
    get state() {
      return state
    },
    get signIns() {
      return signIns
    },
    expire: asked => {
      if (asked !== signIns || state === 'signed_out') return
      state = 'signed_out'
      tell()
    },
    resume: fresh => {
      current = fresh
      signIns += 1
      state = 'active'
      tell()
    },
    subscribe: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
