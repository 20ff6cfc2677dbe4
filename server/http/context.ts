// What one request carries through the stack. Filled in from left to right by the middlewares of stack.ts.
import type { IncomingHttpHeaders } from 'node:http'
import type Koa from 'koa'
import { type Actor, anonymous } from '#server/kernel/actor.ts'

/** How the caller showed who he is. `none` also stands for a credential that is not valid. */
export type Credential = 'cookie' | 'bearer' | 'none'

export interface RequestState {
  requestId: string
  /** When the request arrived. */
  now: Date
  /** The caller's address, seen through trusted proxies. */
  ip: string
  actor: Actor
  credential: Credential
  /** The pattern of the route that answers, for the access log. */
  route: string | undefined
}

const states = new WeakMap<Koa.Context, RequestState>()

/** Called once per request, by the first middleware. */
export const beginState = (ctx: Koa.Context, requestId: string, now: Date, ip: string): RequestState => {
  const state: RequestState = { requestId, now, ip, actor: anonymous, credential: 'none', route: undefined }
  states.set(ctx, state)
  return state
}

/** The state of a request that is on its way. */
export const stateOf = (ctx: Koa.Context): RequestState => {
  const state = states.get(ctx)
  if (!state) throw new Error('the request has no state: the first middleware did not run')
  return state
}

/** Lower-case names, one value each (node joins repeated headers; of set-cookie-like lists the first counts). */
export const flatHeaders = (headers: IncomingHttpHeaders): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))

/** What orchestrators ask; answered without session and limits, so that it tells about the process alone. */
export const isProbe = (path: string): boolean => path === '/health' || path === '/ready'

/** Requests to one shape: they stream, so they have rules of their own. */
export const shapeName = (path: string): string | undefined => /^\/api\/shapes\/([a-z][a-z0-9_]{0,62})$/.exec(path)?.[1]
