// From settings to a running server and back: the only file that knows every part. Order of start: PostgreSQL,
// migrations, pools, shape engine, events, documents' sockets, HTTP, daily jobs. The stop is the reverse, each step with a
// deadline.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { engineMetrics } from '#sync/engine/operations/metrics.ts'
import type { Engine } from '#sync/engine/engine.ts'
import { createEngine } from '#sync/engine/service.ts'
import { electricWatch } from '#sync/electric-health.ts'
import { electricUpstream } from '#sync/electric-upstream.ts'
import { type App, createApp } from './app.ts'
import { daily } from './daily.ts'
import { migrateDatabase } from './database-address.ts'
import { purgeNotifications } from './features/notifications/index.ts'
import { purgeSessions } from './features/sessions/index.ts'
import { thinSnapshots } from './features/snapshots/index.ts'
import { EmbeddedPostgres, runningUrl } from './embedded/postgres.ts'
import { HttpServer } from './http/server.ts'
import { purgeTrash } from './purge-trash.ts'
import { tryAddress } from '#server/kernel/address.ts'
import { type Config, ensureSecretKey } from '#server/kernel/config.ts'
import { type Database, openDatabase } from '#server/kernel/database.ts'
import { pause, type Service, startAll } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { createMetrics } from '#server/kernel/metrics.ts'
import { must } from '#server/kernel/must.ts'
import { purgeReplays } from '#server/kernel/purge-replays.ts'

export const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version

export interface Skerry {
  /** Where the server listens. */
  readonly url: string
  readonly databaseUrl: string
  readonly database: Database
  readonly app: App
  /** Undefined when a real Electric serves the shapes. */
  readonly engine: Engine | undefined
  /** Ordered shutdown; safe to call more than once. */
  stop(): Promise<void>
}

/** The database of `config`: the embedded one as a Service, or just the URL of another. */
export const databaseService = (config: Config, log: Log): { service: Service | undefined; url: () => string } => {
  if (config.databaseUrl !== 'embedded') return { service: undefined, url: () => config.databaseUrl }
  const embedded = new EmbeddedPostgres({ folder: config.dataDir, log })
  return { service: embedded, url: () => embedded.url }
}

const readTls = ({ tls }: Config) =>
  tls && { cert: readFileSync(tls.certFile, 'utf8'), key: readFileSync(tls.keyFile, 'utf8') }

const streamingMs = 10_000

// whoever reads "ready" may ask /ready at once; a standby (another engine holds the slot) is as ready as it gets
const untilStreaming = async (engine: Engine, log: Log, signal: AbortSignal | undefined): Promise<void> => {
  const deadline = Date.now() + streamingMs
  while ((await engine.health()) === 'starting') {
    if (signal?.aborted) return
    if (Date.now() > deadline) return log.warn('the shape engine does not stream yet; its log says why')
    await pause(10)
  }
}

/**
 * Starts everything that `config` asks for; rejects when a part does not start, after stopping the others, with a
 * ConfigError where a setting is to blame. When `signal` fires, the start ends after the part that is starting just then,
 * in the same way, with the reason of the signal.
 */
export const startSkerry = async (config: Config, log: Log, signal?: AbortSignal): Promise<Skerry> => {
  // before a database is made for nothing; where another Skerry runs on the same data, that is what has to be said
  if (config.databaseUrl !== 'embedded' || runningUrl(config.dataDir) === undefined) await tryAddress(config)
  const { service: postgres, url } = databaseService(config, log)
  let database: Database | undefined
  let app: App | undefined
  let engine: Engine | undefined
  let http: HttpServer | undefined
  const metrics = createMetrics()
  const storageDir = join(config.dataDir, 'shapes')

  const schema: Service = {
    name: 'schema',
    start: async () => {
      ensureSecretKey(config)
      const ran = await migrateDatabase(config, url())
      if (ran.length > 0) log.info('migrated', { migrations: ran })
      database = openDatabase(url(), config.databasePoolSize, log)
    },
    stop: async () => database?.close(),
  }
  const shapes: Service = {
    name: 'shapes',
    start: async () => {
      engine = config.electric
        ? undefined
        : createEngine({
            databaseUrl: url(),
            storageDir,
            publication: 'manual',
            publicationName: 'electric_publication_default',
            log: log.with({ part: 'shapes' }),
          })
      await engine?.start()
      if (engine) {
        engineMetrics(metrics.registry, engine, storageDir)
        await untilStreaming(engine, log, signal)
      }
      app = createApp({
        config,
        databaseUrl: url,
        database: must(database),
        upstream: engine ?? electricUpstream(must(config.electric)),
        log,
        version,
        metrics,
      })
    },
    stop: async () => engine?.stop(),
  }
  const events: Service = { name: 'events', start: () => must(app).bus.start(), stop: () => must(app).bus.stop() }
  const documents: Service = {
    name: 'collab',
    start: async () => app?.collab.start(),
    stop: async () => app?.collab.stop(),
  }
  const web: Service = {
    name: 'http',
    start: async () => {
      const { http: stack } = must(app)
      http = new HttpServer({
        handler: stack.handler,
        host: config.host,
        port: config.port,
        log,
        endStreams: () => stack.endStreams(),
        upgrade: stack.upgrade,
        tls: readTls(config),
      })
      await http.start()
    },
    stop: async () => http?.stop(),
  }
  const watch = config.electric ? [electricWatch({ url: config.electric.url, log })] : []
  const jobs = daily({
    jobs: {
      purge_trash: purgeTrash,
      purge_notifications: purgeNotifications,
      purge_sessions: purgeSessions,
      purge_replays: purgeReplays,
      thin_snapshots: thinSnapshots,
    },
    write: (name, actor, work) => must(app).write(name, actor, work),
    log,
  })
  const worker = config.services.includes('worker') ? [jobs] : []
  const services = [...(postgres ? [postgres] : []), schema, shapes, events, documents, web, ...watch, ...worker]
  const running = await startAll(services, log, 15_000, signal)
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return {
    url: `${config.tls ? 'https' : 'http'}://${host}:${must(http).port}`,
    databaseUrl: url(),
    database: must(database),
    app: must(app),
    engine,
    stop: () => running.stop(),
  }
}
