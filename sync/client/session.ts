// Who is signed in, as far as the client knows. A session that the server no longer takes pauses queue and shapes; it
// throws nothing away. With cookies there is no token to hold, and `resume` says only that signing in has worked.

export interface Session {
  /** The bearer token, or undefined: cookies, or nobody. */
  readonly token: string | undefined
  readonly state: 'active' | 'signed_out'
  /** The server refused `token`; ignored when another one has come since. */
  expire(token: string | undefined): void
  /** Signed in (again). */
  resume(token?: string): void
  /** Called after each change; the result ends it. */
  subscribe(listener: () => void): () => void
}

/** Starts active: only the server knows better. */
export const createSession = (token: string | undefined): Session => {
  let current = token
  let state: Session['state'] = 'active'
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
    expire: refused => {
      if (refused !== current || state === 'signed_out') return
      state = 'signed_out'
      tell()
    },
    resume: fresh => {
      current = fresh
      state = 'active'
      tell()
    },
    subscribe: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
