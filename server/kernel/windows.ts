// Fixed-window counters with bounded memory: what every request limit counts with.

/** At most `count` times in `seconds`; `name` keeps the counters of different limits apart. */
export interface Limit {
  readonly name: string
  readonly count: number
  readonly seconds: number
}

export interface Windows {
  /** Counts one use of `limit` by `key`. Undefined: allowed; a number: refused, try again after so many seconds. */
  take(limit: Limit, key: string, now: Date): number | undefined
}

interface Window {
  used: number
  readonly endsAt: number
}

/**
 * Counters in this process. Holds at most `capacity` windows: beyond that those that have ended go first, then the
 * oldest, so that a flood of new keys costs an attacker's own windows and never our memory.
 */
export const createWindows = (capacity = 50_000): Windows => {
  const windows = new Map<string, Window>()

  const makeRoom = (nowMs: number) => {
    if (windows.size < capacity) return
    for (const [key, window] of windows) if (window.endsAt <= nowMs) windows.delete(key)
    for (const key of windows.keys()) {
      if (windows.size < capacity) return
      windows.delete(key)
    }
  }

  return {
    take: (limit, key, now) => {
      const nowMs = now.getTime()
      const id = `${limit.name}\n${key}`
      const held = windows.get(id)
      if (held && held.endsAt > nowMs) {
        if (held.used >= limit.count) return Math.max(1, Math.ceil((held.endsAt - nowMs) / 1000))
        held.used += 1
        return undefined
      }
      windows.delete(id)
      makeRoom(nowMs)
      windows.set(id, { used: 1, endsAt: nowMs + limit.seconds * 1000 })
      return undefined
    },
  }
}

/** Never refuses: RATE_LIMITS=off. */
export const noWindows: Windows = { take: () => undefined }
