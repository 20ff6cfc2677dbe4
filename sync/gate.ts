// The door in front of the shapes: request → session → shape → right → upstream. It sets table, columns and where
// itself and passes on nothing of the client's but protocol parameters. Both upstreams stand behind the same gate.
import type { Actor, SignedIn } from '#server/kernel/actor.ts'
import type { Clock } from '#server/kernel/clock.ts'
import { AppError } from '#server/kernel/errors.ts'
import { codes, type Role, type Standing } from '#server/kernel/policy.ts'
import { reaches, requireScope } from '#server/kernel/scopes.ts'
import { createRevocations, type EndReason, type OpenRequest, type Revocations } from './revoke.ts'
import type { ShapeDefinition } from './shape.ts'
import { isStream, subsetBody, upstreamQuery } from './gate-query.ts'
import type { ShapeResponse, ShapeUpstream } from './upstream.ts'

export interface GateRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE' | 'OPTIONS'
  readonly name: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  readonly signal: AbortSignal
  readonly requestId: string
}

export interface GateOptions {
  readonly upstream: ShapeUpstream
  readonly shapes: readonly ShapeDefinition[]
  /** A person's role in an application as the database has it now. */
  readonly roleOf: (userId: string, applicationId: string) => Promise<Role | undefined>
  readonly clock: Clock
}

export interface Gate {
  handle(request: GateRequest, actor: Actor): Promise<ShapeResponse>
  /** Fed with the kernel's events by main.ts. */
  readonly revocations: Revocations
}

const vary = 'Authorization, Cookie, Accept-Encoding'

const refusal = (error: AppError, requestId: string): ShapeResponse => ({
  status: error.status,
  headers: {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    vary,
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
  },
  body: Buffer.from(JSON.stringify({ error: { ...error.toBody(), request_id: requestId } })),
})

const refusals: Readonly<Record<EndReason, 'unauthenticated' | 'not_found'>> = {
  session_ended: 'unauthenticated',
  access_lost: 'not_found',
}

/** May somebody with `role` subscribe? SELF shapes ask nothing but a session. */
export const maySubscribe = (shape: ShapeDefinition, role: Role | undefined): boolean => {
  if (shape.who === 'SELF') return true
  const standing: Standing = { role, projectRole: undefined, applicationArchived: false }
  return codes[shape.who](standing)
}

// what the upstream says about caching is meant for public caches; behind a permission check it is private
const headersOut = (response: ShapeResponse, live: boolean): Record<string, string> => {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    if (name === 'set-cookie' || name === 'surrogate-control' || name.startsWith('access-control-')) continue
    out[name] = value
  }
  out['cache-control'] = live || response.status >= 400 ? 'no-store' : 'private, no-cache'
  out.vary = vary
  return out
}

/** Passes `body` on until it ends or `ended` fires; then the stream just stops, and the client comes back. */
const untilEnded = async function* (
  body: AsyncIterable<Uint8Array>,
  ended: Promise<unknown>,
  leave: () => void,
): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  const stop = ended.then(() => ({ done: true, value: undefined }) as const)
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), stop])
      if (next.done) return
      yield next.value
    }
  } finally {
    leave()
    // not awaited: a source that is waiting for data answers only when its signal has fired
    void iterator.return?.()
  }
}

/** The longest that a timer waits; no request stays open for that long. */
const longestMs = 2 ** 31 - 1

/** Calls `act` when the term of the caller's API token is over; the returned function gives that up. */
const atExpiry = (actor: SignedIn, clock: Clock, act: () => void): (() => void) => {
  const expiresAt = actor.kind === 'user' ? actor.token?.expiresAt : undefined
  if (expiresAt === undefined) return () => {}
  const timer = setTimeout(act, Math.min(expiresAt.getTime() - clock.now().getTime(), longestMs))
  return () => clearTimeout(timer)
}

/** Makes the gate over `shapes`; see the header. */
export const createGate = ({ upstream, shapes, roleOf, clock }: GateOptions): Gate => {
  const byName = new Map(shapes.map(shape => [shape.name, shape]))
  const shapeOf = new WeakMap<OpenRequest, ShapeDefinition>()
  const revocations = createRevocations(async request => {
    const shape = shapeOf.get(request)
    if (!shape || request.applicationId === undefined) return true
    return maySubscribe(shape, await roleOf(request.userId, request.applicationId))
  })

  const judge = async (shape: ShapeDefinition, person: string, applicationId: string | undefined): Promise<void> => {
    if (shape.scope === 'user') return
    const role = applicationId === undefined ? undefined : await roleOf(person, applicationId)
    if (!maySubscribe(shape, role)) throw new AppError('not_found')
  }

  const forward = async (request: GateRequest, actor: SignedIn): Promise<ShapeResponse> => {
    const person = actor.userId
    const shape = byName.get(request.name)
    requireScope(actor, 'read')
    if (!shape || person === undefined) throw new AppError('not_found')
    if (request.method === 'DELETE') {
      return {
        ...refusal(new AppError('bad_request', { message: 'Shapes are not deleted here.' }), request.requestId),
        status: 405,
      }
    }
    const { query, applicationId } = upstreamQuery(shape, request.query, person)
    if (!reaches(actor, applicationId)) throw new AppError('not_found')
    const body = request.method === 'POST' ? subsetBody(request.body) : undefined
    const live = query.has('live') && query.get('live') !== 'false'

    const ended = Promise.withResolvers<EndReason>()
    const abort = new AbortController()
    const open: OpenRequest = {
      userId: person,
      sessionPublicId: actor.kind === 'user' ? actor.sessionPublicId : undefined,
      applicationId,
      end: reason => {
        ended.resolve(reason)
        abort.abort()
      },
    }
    shapeOf.set(open, shape)
    const forget = revocations.enter(open)
    const outlived = atExpiry(actor, clock, () => open.end('session_ended'))
    const leave = () => {
      outlived()
      forget()
    }
    let streams = false
    try {
      // after the registration: a right that goes before this question is missed by nobody, one that goes after it ends
      // the request
      await judge(shape, person, applicationId)
      const answer = upstream.handle({
        method: request.method,
        query,
        headers: request.headers,
        ...(body ? { body } : {}),
        signal: AbortSignal.any([request.signal, abort.signal]),
      })
      const first = await Promise.race([answer, ended.promise])
      if (typeof first === 'string') throw new AppError(refusals[first])
      streams = isStream(first.body)
      return {
        status: first.status,
        headers: headersOut(first, live),
        body: isStream(first.body) ? untilEnded(first.body, ended.promise, leave) : first.body,
      }
    } finally {
      if (!streams) leave()
    }
  }

  return {
    revocations,
    handle: async (request, actor) => {
      try {
        if (request.method === 'OPTIONS') return { status: 204, headers: {}, body: null }
        if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
        return await forward(request, actor)
      } catch (error) {
        if (error instanceof AppError) return refusal(error, request.requestId)
        throw error
      }
    },
  }
}
