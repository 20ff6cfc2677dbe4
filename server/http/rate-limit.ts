// Request limits per person and per address (domain rules, section 15). Counted in this process.
import type Koa from 'koa'
import { personOf } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { RouteLimit } from '#server/kernel/route.ts'
import type { Windows } from '#server/kernel/windows.ts'
import { limitKey } from './client-address.ts'
import { isProbe, type RequestState, shapeName, stateOf } from './context.ts'

/** All requests but shape reads. */
const general: RouteLimit = { name: 'requests', count: 600, seconds: 60, per: 'person' }

/** Counts one use of `limit`; 429 with Retry-After beyond it. */
export const enforce = (windows: Windows, limit: RouteLimit, state: RequestState): void => {
  const person = limit.per === 'person' ? personOf(state.actor) : undefined
  const wait = windows.take(limit, person ?? limitKey(state.ip), state.now)
  if (wait !== undefined) throw new AppError('rate_limited', { retryAfter: wait })
}

/** Middleware: the general limit. */
export const rateLimit =
  (windows: Windows): Koa.Middleware =>
  async (ctx, next) => {
    if (!isProbe(ctx.path) && shapeName(ctx.path) === undefined) enforce(windows, general, stateOf(ctx))
    await next()
  }

/** At most `max` things open at a time per key; `enter` gives back what ends one. */
export const openLimit = (max: number): { enter(key: string): () => void } => {
  const open = new Map<string, number>()
  return {
    enter: key => {
      const count = open.get(key) ?? 0
      if (count >= max) throw new AppError('rate_limited', { retryAfter: 1 })
      open.set(key, count + 1)
      return () => {
        const left = (open.get(key) ?? 1) - 1
        if (left > 0) open.set(key, left)
        else open.delete(key)
      }
    },
  }
}
