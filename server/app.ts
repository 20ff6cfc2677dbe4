// Puts the parts together around an open database and a shape upstream: no logic, no process, no signals.
import { randomUUID } from 'node:crypto'
import { collabDoors } from '#collab/reference.ts'
import { type Collab, createCollab } from '#collab/service.ts'
import { postgresStore } from '#collab/postgres-store.ts'
import { redisCluster } from '#collab/redis.ts'
import { createSessions, type SessionPort } from './features/sessions/index.ts'
import { findStanding, roleLookup, rolesOf } from './features/members/access.ts'
import { createDocuments } from './features/documents/index.ts'
import { createTokens, type TokenSource } from './features/tokens/index.ts'
import { notify } from './features/notifications/index.ts'
import { createFeatures } from './features.ts'
import { type Checks, databaseCheck } from './http/health.ts'
import { authenticate, type SessionSource } from './http/session.ts'
import { createHttp, type Http, windowsFor } from './http/stack.ts'
import { type Bus, createBus } from '#server/kernel/bus.ts'
import { type Clock, systemClock } from '#server/kernel/clock.ts'
import type { Config } from '#server/kernel/config.ts'
import { createMetrics, type Metrics } from '#server/kernel/metrics.ts'
import { createShare } from '#server/kernel/groups.ts'
import type { Documents } from '#server/kernel/documents.ts'
import type { Database } from '#server/kernel/database.ts'
import type { Feature } from '#server/kernel/feature.ts'
import type { Log } from '#server/kernel/log.ts'
import type { MutationDeps } from '#server/kernel/mutation.ts'
import type { Presence } from '#server/kernel/presence.ts'
import type { Route } from '#server/kernel/route.ts'
import { reaches } from '#server/kernel/scopes.ts'
import { createServerWrite, type ServerWrite } from '#server/kernel/server-writes.ts'
import { createRunWrite } from '#server/kernel/writes.ts'
import { shapeCatalogue } from '#sync/catalogue.ts'
import { createGate, type Gate } from '#sync/gate.ts'
import { shapeDoors } from '#sync/gate-reference.ts'
import type { ShapeUpstream } from '#sync/upstream.ts'

export interface AppOptions {
  readonly config: Config
  readonly databaseUrl: () => string
  readonly database: Database
  readonly upstream: ShapeUpstream
  readonly log: Log
  readonly version: string
  /** Where requests are counted; a registry of its own by default. */
  readonly metrics?: Metrics
  readonly clock?: Clock
  readonly random?: () => number
  /** Stands in for the documents feature; for tests. */
  readonly documents?: (database: Database) => Documents
}

export interface App {
  readonly http: Http
  readonly bus: Bus
  readonly gate: Gate
  readonly features: readonly Feature[]
  readonly routes: readonly Route[]
  readonly mutation: MutationDeps
  readonly write: ServerWrite
  readonly sessions: SessionPort
  readonly tokens: TokenSource
  /** What sockets of documents need. */
  readonly documents: Documents
  /** The sockets of documents. */
  readonly collab: Collab
}

interface CollabParts {
  readonly documents: Documents
  readonly options: AppOptions
  readonly credentials: SessionSource
  readonly sessions: SessionPort
  readonly tokens: TokenSource
  readonly bus: Bus
  readonly metrics: Metrics
}

/** The sockets of documents: what they need of sessions and members is filled in here. */
const wireCollab = ({ documents, options, credentials, sessions, tokens, bus, metrics }: CollabParts): Collab => {
  const { config, database, log } = options
  const roleOf = roleLookup(database.reads)
  const { redisUrl } = config
  const collab = createCollab({
    documents,
    store: postgresStore(database.pool),
    callerOf: async ({ token, cookie, ip }) => {
      const redeemed = token && (await tokens.redeemCollab(token))
      if (redeemed) return redeemed
      const headers = token === undefined ? { cookie } : { authorization: `Bearer ${token}` }
      const { actor } = await authenticate(credentials, headers, ip)
      return actor.kind === 'user' ? actor : undefined
    },
    sessionLives: actor => (actor.token === undefined ? sessions : tokens).lives(actor.sessionPublicId),
    isMember: async (actor, applicationId) =>
      reaches(actor, applicationId) && (await roleOf(actor.userId, applicationId)) !== undefined,
    avatarOf: async userId => {
      const row = await database.reads
        .selectFrom('users')
        .select('avatar_url')
        .where('id', '=', userId)
        .executeTakeFirst()
      return row?.avatar_url ?? undefined
    },
    settings: {
      debounceMs: config.collabDebounceMs,
      maxDebounceMs: config.collabMaxDebounceMs,
      maxDocumentBytes: config.maxDocumentBytes,
      limited: config.rateLimits,
    },
    log: log.with({ part: 'collab' }),
    metrics,
    cluster: redisUrl === undefined ? undefined : unopened => redisCluster(redisUrl, log, unopened),
  })
  bus.subscribe(event => collab.onEvent(event))
  return collab
}

/** Sessions and API tokens as one: whoever asks for a caller does not care which it was. */
const credentialsOf = (sessions: SessionPort, tokens: TokenSource): SessionSource => ({
  cookieName: sessions.cookieName,
  cookie: token => sessions.cookie(token),
  validate: async (token, ip) => {
    // a session's token is 32 random bytes, and may begin like an API token
    const actor = await tokens.validate(token)
    return actor ? { actor, extended: false } : sessions.validate(token, ip)
  },
})

const wireRevocation = (bus: Bus, gate: Gate): void => {
  bus.subscribe(event => {
    if (event.type === 'session_ended') gate.revocations.sessionEnded(event.userId, event.sessionPublicId)
    else if (event.type === 'access_changed') gate.revocations.accessChanged(event.userId, event.applicationId)
    else if (event.type === 'application_deleted') gate.revocations.applicationDeleted(event.applicationId)
  })
}

/** Builds the application. Throws when the route table or the features contradict themselves. */
export const createApp = (options: AppOptions): App => {
  const { config, database, upstream, log, version, metrics = createMetrics() } = options
  const { clock = systemClock, random = Math.random } = options
  const bus = createBus({
    url: options.databaseUrl,
    notify: async (channel, payload) => {
      await database.pool.query('select pg_notify($1, $2)', [channel, payload])
    },
    origin: randomUUID(),
    log,
  })
  const mutation: MutationDeps = {
    database,
    share: createShare(database),
    clock,
    random,
    log,
    findStanding,
    notify,
    onEvents: events => bus.publish(events),
  }
  const runWrite = createRunWrite(mutation)
  const write = createServerWrite(mutation)
  const windows = windowsFor(config)
  const secure = config.publicUrl.startsWith('https:')
  const sessions = createSessions({ db: database.writes, clock, log, days: config.sessionDays, secure })
  const tokens = createTokens({ db: database.writes, clock, log })
  const credentials = credentialsOf(sessions, tokens)
  // asked when requests come, and by then it is there
  const presence: Presence = { in: applicationId => collab.presence.in(applicationId) }
  const parts = { config, database, mutation, runWrite, write, sessions, tokens, windows, presence }
  const features = createFeatures(parts)
  const shapes = features.flatMap(feature => feature.shapes)
  const gate = createGate({ upstream, shapes, roleOf: roleLookup(database.reads), clock })
  wireRevocation(bus, gate)
  const documents = options.documents?.(database) ?? createDocuments({ database, write, clock, settings: config })
  const collab = wireCollab({ documents, options, credentials, sessions, tokens, bus, metrics })
  const routes = [...features.flatMap(feature => feature.routes), shapeCatalogue(shapes, rolesOf)]
  const checks: Checks = {
    database: databaseCheck(database),
    electric: {
      probe: async () => {
        const state = await upstream.health()
        if (state !== 'active') throw new Error(`the shape engine is ${state}`)
      },
      whenDown: 'down',
    },
  }
  const http = createHttp({
    routes,
    runWrite,
    database,
    sessions: credentials,
    config,
    log,
    checks,
    clock,
    version,
    windows,
    metrics,
    shapes: (call, actor) => gate.handle(call, actor),
    doors: [...shapeDoors(shapes), ...collabDoors],
    collab,
  })
  return { http, bus, gate, features, routes, mutation, write, sessions, tokens, documents, collab }
}
