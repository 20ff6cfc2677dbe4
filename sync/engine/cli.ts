// `npm run sync -- --database-url … --port …`: the engine alone, in place of Electric's sync service. Every option has
// an environment variable; Electric's names are understood.
import { parseArgs } from 'node:util'
import { type LogLevel, createLog } from '#server/kernel/log.ts'
import { startAll } from '#server/kernel/lifecycle.ts'
import { createHttpServer, listen } from './http.ts'
import { createEngine } from './service.ts'

const usage = `Usage: node sync/engine/cli.ts --database-url URL (--secret TEXT | --insecure) [options]

  --database-url URL     Postgres with wal_level=logical            DATABASE_URL
  --secret TEXT          what requests must give as ?secret=…       ELECTRIC_SECRET
  --insecure             ask for no secret                          ELECTRIC_INSECURE=true
  --port N               default 3000                               ELECTRIC_PORT
  --host ADDRESS         default: all                               ELECTRIC_HOST
  --storage-dir PATH     default ./persistent                       ELECTRIC_STORAGE_DIR
  --replication-id NAME  names slot and publication, default        ELECTRIC_REPLICATION_STREAM_ID
  --manual               never alter tables or publications         ELECTRIC_MANUAL_TABLE_PUBLISHING=true
  --allow-delete         answer DELETE /v1/shape                    ELECTRIC_ENABLE_INTEGRATION_TESTING=true
  --chunk-bytes N        default 10485760                           ELECTRIC_SHAPE_CHUNK_BYTES_THRESHOLD
  --max-age SECONDS      default 60                                 ELECTRIC_CACHE_MAX_AGE
  --stale-age SECONDS    default 300                                ELECTRIC_CACHE_STALE_AGE
  --log-level LEVEL      debug, info, warn, error, silent           ELECTRIC_LOG_LEVEL
`

const settings = () => {
  const { values } = parseArgs({
    options: {
      'database-url': { type: 'string' },
      secret: { type: 'string' },
      insecure: { type: 'boolean' },
      port: { type: 'string' },
      host: { type: 'string' },
      'storage-dir': { type: 'string' },
      'replication-id': { type: 'string' },
      manual: { type: 'boolean' },
      'allow-delete': { type: 'boolean' },
      'chunk-bytes': { type: 'string' },
      'max-age': { type: 'string' },
      'stale-age': { type: 'string' },
      'log-level': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return null
  const { env } = process
  const isOn = (name: string) => env[name] === 'true' || env[name] === '1'
  const databaseUrl = values['database-url'] ?? env['DATABASE_URL']
  if (databaseUrl === undefined) throw new Error('give --database-url or DATABASE_URL')
  const secret = values.secret ?? env['ELECTRIC_SECRET']
  const insecure = values.insecure ?? isOn('ELECTRIC_INSECURE')
  if ((secret === undefined || secret === '') !== insecure)
    throw new Error('give exactly one of --secret and --insecure')
  const number = (text: string | undefined, fallback: number, name: string) => {
    const value = text === undefined ? fallback : Number(text)
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} must be a whole number`)
    return value
  }
  const level = values['log-level'] ?? env['ELECTRIC_LOG_LEVEL'] ?? 'info'
  if (!['debug', 'info', 'warn', 'error', 'silent'].includes(level)) throw new Error(`unknown log level ${level}`)
  return {
    databaseUrl,
    secret: insecure ? null : (secret ?? null),
    port: number(values.port ?? env['ELECTRIC_PORT'], 3000, 'port'),
    host: values.host ?? env['ELECTRIC_HOST'],
    storageDir: values['storage-dir'] ?? env['ELECTRIC_STORAGE_DIR'] ?? './persistent',
    replicationId: values['replication-id'] ?? env['ELECTRIC_REPLICATION_STREAM_ID'] ?? 'default',
    manual: values.manual ?? isOn('ELECTRIC_MANUAL_TABLE_PUBLISHING'),
    allowDelete: values['allow-delete'] ?? isOn('ELECTRIC_ENABLE_INTEGRATION_TESTING'),
    chunkBytes: number(values['chunk-bytes'] ?? env['ELECTRIC_SHAPE_CHUNK_BYTES_THRESHOLD'], 10_485_760, 'chunk-bytes'),
    maxAge: number(values['max-age'] ?? env['ELECTRIC_CACHE_MAX_AGE'], 60, 'max-age'),
    staleAge: number(values['stale-age'] ?? env['ELECTRIC_CACHE_STALE_AGE'], 300, 'stale-age'),
    level: level as LogLevel,
  }
}

const main = async (): Promise<void> => {
  let config: ReturnType<typeof settings>
  try {
    config = settings()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return
  }
  if (config === null) {
    process.stdout.write(usage)
    return
  }
  const { secret, port, host, level, manual, ...options } = config
  const log = createLog(level)
  const engine = createEngine({ ...options, log, publication: manual ? 'manual' : 'automatic' })
  const server = createHttpServer({ upstream: engine, secret, log })
  const http = {
    name: 'http server',
    start: async () => log.info('listening', { port: await listen(server, port, host) }),
    stop: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
  const running = await startAll([engine, http], log)
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      log.info('stopping', { signal })
      void running.stop()
    })
}

await main()
