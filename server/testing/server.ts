// The whole server in a test: real database, real HTTP on a free port, and a clock that stands still until it is moved.
import { type App, createApp } from '#server/app.ts'
import { HttpServer } from '#server/http/server.ts'
import type { DomainEvent } from '#server/kernel/command.ts'
import { loadConfig } from '#server/kernel/config.ts'
import type { Documents } from '#server/kernel/documents.ts'
import { type Database, openDatabase } from '#server/kernel/database.ts'
import { silentLog } from '#server/kernel/log.ts'
import type { ShapeUpstream } from '#sync/upstream.ts'
import { type Client, createClient } from './client.ts'
import { type TestClock, testClock } from './clock.ts'
import { contractOf } from './contract.ts'
import { migratedDatabase } from './postgres.ts'

export interface TestServerOptions {
  /** Settings; PUBLIC_URL is http://app.test and RATE_LIMITS off unless they say otherwise. */
  readonly env?: Readonly<Record<string, string>>
  /** Stands behind the gate; without it every shape is empty and up to date. */
  readonly upstream?: ShapeUpstream
  /** A migrated database of the test's own, which stays; otherwise one is made and dropped at the end. */
  readonly databaseUrl?: string
  /** Answers for documents in place of the feature. */
  readonly documents?: (database: Database) => Documents
}

export interface TestServer {
  readonly url: string
  readonly databaseUrl: string
  readonly database: Database
  readonly clock: TestClock
  readonly app: App
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

const emptyUpstream: ShapeUpstream = {
  handle: async () => ({
    status: 200,
    headers: { 'content-type': 'application/json', 'electric-handle': 'test', 'electric-offset': '0_0' },
    body: Buffer.from('[{"headers":{"control":"up-to-date"}}]'),
  }),
  health: async () => 'active',
}

/** Starts one; `close` ends it and drops its database. */
export const startTestServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const own = options.databaseUrl === undefined ? await migratedDatabase() : undefined
  const databaseUrl = options.databaseUrl ?? own?.url ?? ''
  const database = openDatabase(databaseUrl, 8, silentLog)
  const clock = testClock()
  const app = createApp({
    config: loadConfig({
      DATABASE_URL: databaseUrl,
      PUBLIC_URL: 'http://app.test',
      RATE_LIMITS: 'off',
      ...options.env,
    }),
    databaseUrl: () => databaseUrl,
    database,
    upstream: options.upstream ?? emptyUpstream,
    log: silentLog,
    version: '0.0.0-test',
    clock,
    ...(options.documents ? { documents: options.documents } : {}),
  })
  await app.collab.start()
  const events: DomainEvent[] = []
  app.bus.subscribe(event => void events.push(event))
  const server = new HttpServer({ ...app.http, host: '127.0.0.1', port: 0, log: silentLog })
  await server.start()
  const url = `http://127.0.0.1:${server.port}`
  const contract = contractOf(app.routes)
  const anonymous = createClient(url, {}, contract)
  return {
    url,
    databaseUrl,
    database,
    clock,
    app,
    events,
    anonymous,
    signUp: async name => {
      const email = `${name}@example.com`
      const answer = await anonymous.post('/auth/register', { email, password: testPassword, display_name: name })
      if (answer.status !== 201) throw new Error(`sign-up of ${name} failed: ${answer.text}`)
      const body = answer.body as { access_token: string; user: { id: string } }
      const token = body.access_token
      return { ...createClient(url, { authorization: `Bearer ${token}` }, contract), userId: body.user.id, token }
    },
    close: async () => {
      await server.stop()
      await app.collab.stop()
      await database.close()
      await own?.drop()
    },
  }
}
