// Puts the route table on the router: checks who may call, reads and validates the input, runs the query or command, and
// writes the answer. No rule of the product lives here.
import { Router } from '@koa/router'
import type Koa from 'koa'
import type { Actor, SignedIn } from '#server/kernel/actor.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError, echoed, type Issue, invalid, invalidAt, notFound } from '#server/kernel/errors.ts'
import { check, issuesOf, parseInput, unknownField } from '#server/kernel/validation.ts'
import {
  type RawRoute,
  type ReadRoute,
  replayedHeader,
  type Route,
  type RunWrite,
  scopeOf,
  type WriteOrigin,
  type WriteRoute,
} from '#server/kernel/route.ts'
import { requireScope } from '#server/kernel/scopes.ts'
import type { Windows } from '#server/kernel/windows.ts'
import { defaultBodyLimit, parseBody, readBody, streamBody } from './body.ts'
import { flatHeaders, stateOf } from './context.ts'
import { enforce } from './rate-limit.ts'
import { editedAt, expectedVersion, idempotency, via } from './request-headers.ts'
import { namesId, routeTable } from './route-table.ts'
import { sendBody } from './send.ts'

export interface MountOptions {
  readonly routes: readonly Route[]
  readonly database: Pick<Database, 'read'>
  readonly runWrite: RunWrite
  readonly windows: Windows
}

type Params = Readonly<Record<string, string>>
type Handler = (ctx: Koa.Context, params: Params) => Promise<void>

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** One spelling only: an escaped letter or a malformed id in the path is as unknown as any other wrong path. */
const checkPath = (ctx: Koa.Context, params: Params): void => {
  if (ctx.path.includes('%')) throw notFound()
  for (const [name, value] of Object.entries(params)) if (namesId(name) && !uuid.test(value)) throw notFound()
}

const signedIn = (actor: Actor): SignedIn => {
  if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
  return actor
}

const checkAccess = (route: Route, actor: Actor): void => {
  if (route.access === 'PUBLIC') return
  const person = signedIn(actor)
  requireScope(person, scopeOf(route))
  if (route.access === 'ADMIN' && !(person.kind === 'user' && person.isAdmin)) throw new AppError('forbidden')
}

/** Query parameters as an object; a repeated name becomes a list. */
const queryObject = (query: URLSearchParams): Record<string, unknown> =>
  Object.fromEntries(
    [...new Set(query.keys())].map(name => {
      const values = query.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )

const queryOf = (ctx: Koa.Context): URLSearchParams => new URLSearchParams(ctx.querystring)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Body, path and query of a write become the arguments of its command; issues of the envelope come along. */
export const writeArguments = (
  route: WriteRoute,
  params: Params,
  body: Record<string, unknown>,
  query: URLSearchParams,
): { args: Record<string, unknown>; issues: Issue[] } => {
  const issues: Issue[] = []
  const fromQuery: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(queryObject(query))) {
    if (!route.queryArgs?.includes(name) || Object.hasOwn(body, name)) issues.push(unknownField(echoed(name)))
    else fromQuery[name] = value
  }
  const given = { ...body, ...fromQuery }
  if (route.toArgs) return { args: route.toArgs(params, given), issues }
  const fromPath = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [route.params?.[name] ?? name, value]),
  )
  for (const name of Object.keys(fromPath)) if (Object.hasOwn(given, name)) issues.push(unknownField(name))
  return { args: { ...given, ...fromPath }, issues }
}

const readHandler =
  (route: ReadRoute, { database }: MountOptions): Handler =>
  async (ctx, params) => {
    const { actor, now } = stateOf(ctx)
    const query = parseInput(route.query, queryObject(queryOf(ctx)))
    const answer = await database.read(reader => route.run({ actor: signedIn(actor), reader, now }, params, query))
    ctx.type = 'application/json'
    ctx.body = JSON.stringify(answer)
  }

/** `bytes`: the body; a stream has none, and no replays therefore. */
const writeOrigin = (ctx: Koa.Context, bytes: Uint8Array | undefined): WriteOrigin => {
  const { credential, requestId } = stateOf(ctx)
  const headers = flatHeaders(ctx.headers)
  return {
    editedAt: editedAt(headers),
    idempotency: bytes && idempotency(headers, ctx.method, ctx.url, bytes),
    via: via(headers, credential),
    requestId,
  }
}

const writeHandler =
  (route: WriteRoute, { runWrite }: MountOptions): Handler =>
  async (ctx, params) => {
    const { actor } = stateOf(ctx)
    const version = expectedVersion(flatHeaders(ctx.headers), route.lowestVersion)
    const bytes = await readBody(ctx.req, route.bodyLimit ?? defaultBodyLimit)
    const origin = writeOrigin(ctx, bytes)
    const body = parseBody(ctx.req, bytes, false) ?? {}
    if (!isObject(body)) throw invalidAt('', 'bad_format', 'The body must be a JSON object.')
    const { args, issues } = writeArguments(route, params, body, queryOf(ctx))
    if (issues.length > 0) {
      // the command would say the rest when it is run; the caller is told everything at once
      const parsed = check(route.command.input, args)
      throw invalid([...issues, ...(parsed.success ? [] : issuesOf(parsed.error))])
    }
    const answer = await runWrite(
      { ...origin, actor: signedIn(actor), command: route.command, args, expectedVersion: version },
      route.status ?? 200,
    )
    if (answer.replayed) ctx.set(replayedHeader)
    ctx.status = answer.status
    ctx.type = 'application/json'
    ctx.body = answer.body
  }

const rawBody = async (ctx: Koa.Context, route: RawRoute): Promise<{ body: unknown; bytes?: Uint8Array }> => {
  const limit = route.bodyLimit ?? defaultBodyLimit
  const accepts = route.accepts ?? 'json'
  if (accepts === 'stream') return { body: streamBody(ctx.req, limit) }
  const bytes = await readBody(ctx.req, limit)
  if (accepts === 'bytes') return { body: bytes, bytes }
  const body = parseBody(ctx.req, bytes, accepts === 'json-or-form')
  return { body: route.body ? parseInput(route.body, body ?? {}) : body, bytes }
}

const rawHandler =
  (route: RawRoute): Handler =>
  async (ctx, params) => {
    const { actor, ip, now, requestId } = stateOf(ctx)
    const { body, bytes } = await rawBody(ctx, route)
    const headers = flatHeaders(ctx.headers)
    const query = queryOf(ctx)
    const origin = () => writeOrigin(ctx, bytes)
    const answer = await route.run({ actor, params, query, headers, body, ip, requestId, now, writeOrigin: origin })
    ctx.status = answer.status
    if (answer.headers) ctx.set({ ...answer.headers })
    await sendBody(ctx, answer.body)
  }

const handlerOf = (route: Route, options: MountOptions): Handler => {
  if (route.kind === 'read') return readHandler(route, options)
  return route.kind === 'write' ? writeHandler(route, options) : rawHandler(route)
}

/** Middleware that answers `routes`. Throws at once when the table is not in order (route-table.ts). */
export const mountRoutes = (options: MountOptions): Koa.Middleware => {
  const router = new Router({ strict: true, sensitive: true })
  for (const { route, path } of routeTable(options.routes)) {
    const handle = handlerOf(route, options)
    router.register(path, [route.method], async ctx => {
      const context = ctx as unknown as Koa.Context
      const params = ctx.params as Params
      const state = stateOf(context)
      state.route = path
      checkPath(context, params)
      checkAccess(route, state.actor)
      const limits = [...(route.limits ?? []), ...((route.kind === 'write' && route.command.limits) || [])]
      for (const limit of limits) enforce(options.windows, limit, state)
      context.set('Cache-Control', 'no-store')
      await handle(context, params)
    })
  }
  return router.routes() as unknown as Koa.Middleware
}
