// The whole server in a test: real database, real HTTP on a free port, and a clock that stands still until it is moved.
import { findStanding } from '#server/features/members/access.ts'
import {
  createSessions,
  type InvitationHook,
  type SessionPort,
  sessionsFeature,
} from '#server/features/sessions/index.ts'
import { users } from '#server/features/users/index.ts'
import type { Checks } from '#server/http/health.ts'
import { HttpServer } from '#server/http/server.ts'
import type { ShapeHandler } from '#server/http/shapes.ts'
import { createHttp, windowsFor } from '#server/http/stack.ts'
import type { Clock } from '#server/kernel/clock.ts'
import type { DomainEvent } from '#server/kernel/command.ts'
import { loadConfig } from '#server/kernel/config.ts'
import { type Database, openDatabase } from '#server/kernel/database.ts'
import type { Feature } from '#server/kernel/feature.ts'
import { silentLog } from '#server/kernel/log.ts'
import type { MutationDeps } from '#server/kernel/mutation.ts'
import type { Route } from '#server/kernel/route.ts'
import { createServerWrite, type ServerWrite } from '#server/kernel/server-writes.ts'
import { createRunWrite } from '#server/kernel/writes.ts'
import { type Client, createClient } from './client.ts'
import { migratedDatabase } from './postgres.ts'

export interface TestClock extends Clock {
  /** Moves the clock forward. */
  advance(milliseconds: number): void
}

/** A clock that begins at the real time. */
export const testClock = (): TestClock => {
  let nowMs = Date.now()
  return {
    now: () => new Date(nowMs),
    advance: milliseconds => {
      nowMs += milliseconds
    },
  }
}

export interface TestServerOptions {
  /** Beside users and sessions. */
  readonly features?: readonly Feature[]
  readonly routes?: readonly Route[]
  /** Settings; PUBLIC_URL is http://app.test and RATE_LIMITS off unless they say otherwise. */
  readonly env?: Readonly<Record<string, string>>
  readonly shapes?: ShapeHandler
  readonly checks?: Checks
  readonly invitations?: InvitationHook
}

export interface TestServer {
  readonly url: string
  readonly databaseUrl: string
  readonly database: Database
  readonly clock: TestClock
  readonly sessions: SessionPort
  readonly write: ServerWrite
  readonly mutation: MutationDeps
  /** What commands announced after their commit, in order. */
  readonly events: DomainEvent[]
  /** Nobody signed in. */
  readonly anonymous: Client
  /** Registers `<name>@example.com` and gives back a client with its bearer token. */
  signUp(name: string): Promise<Client & { readonly userId: string; readonly token: string }>
  close(): Promise<void>
}

/** A password that registration accepts. */
export const testPassword = 'tide-and-granite-7'

/** Starts one; `close` ends it and drops its database. */
export const startTestServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const own = await migratedDatabase()
  const database = openDatabase(own.url, 8, silentLog)
  const clock = testClock()
  const events: DomainEvent[] = []
  const config = loadConfig({
    DATABASE_URL: own.url,
    PUBLIC_URL: 'http://app.test',
    RATE_LIMITS: 'off',
    ...options.env,
  })
  const mutation: MutationDeps = {
    database,
    clock,
    random: Math.random,
    log: silentLog,
    findStanding,
    onEvents: news => void events.push(...news),
  }
  const write = createServerWrite(mutation)
  const windows = windowsFor(config)
  const secure = config.publicUrl.startsWith('https:')
  const sessions = createSessions({ db: database.writes, clock, log: silentLog, days: config.sessionDays, secure })
  const signIn = sessionsFeature({
    database,
    write,
    sessions,
    registration: config.registration,
    windows,
    invitations: options.invitations,
  })
  const features = [users, signIn, ...(options.features ?? [])]
  const http = createHttp({
    routes: [...features.flatMap(feature => feature.routes), ...(options.routes ?? [])],
    runWrite: createRunWrite(mutation),
    database,
    sessions,
    config,
    log: silentLog,
    checks: options.checks ?? {},
    clock,
    windows,
    ...(options.shapes ? { shapes: options.shapes } : {}),
  })
  const server = new HttpServer({ ...http, host: '127.0.0.1', port: 0, log: silentLog })
  await server.start()
  const url = `http://127.0.0.1:${server.port}`
  const anonymous = createClient(url)
  return {
    url,
    databaseUrl: own.url,
    database,
    clock,
    sessions,
    write,
    mutation,
    events,
    anonymous,
    signUp: async name => {
      const email = `${name}@example.com`
      const answer = await anonymous.post('/auth/register', { email, password: testPassword, display_name: name })
      if (answer.status !== 201) throw new Error(`sign-up of ${name} failed: ${answer.text}`)
      const body = answer.body as { access_token: string; user: { id: string } }
      const token = body.access_token
      return { ...createClient(url, { authorization: `Bearer ${token}` }), userId: body.user.id, token }
    },
    close: async () => {
      await server.stop()
      await database.close()
      await own.drop()
    },
  }
}
