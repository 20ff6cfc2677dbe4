// `npm run sync -- --database-url … --port …`: the engine alone, in place of Electric's sync service (settings.ts).
import { addressError } from '#server/kernel/address.ts'
import { ConfigError } from '#server/kernel/config-error.ts'
import { createLog } from '#server/kernel/log.ts'
import { startAll } from '#server/kernel/lifecycle.ts'
import { createHttpServer, endServer, listen } from './http.ts'
import { examine } from './doctor/doctor.ts'
import { exitCodeOf, printFindings } from './doctor/findings.ts'
import { metricsService } from './operations/metrics-service.ts'
import { createEngine, publicationNameOf, slotNameOf } from './service.ts'
import { readSettings, type Settings, usage } from './settings.ts'

const run = async (settings: Settings, warnings: readonly string[]): Promise<void> => {
  const { secret, port, host, level, manual, sendTimeoutMs, readTimeoutMs, maxShapes, metricsPort, ...options } =
    settings
  const log = createLog(level)
  for (const warning of warnings) log.warn(warning)
  const engine = createEngine({
    ...options,
    ...(maxShapes === undefined ? {} : { maxShapes }),
    log,
    publication: manual ? 'manual' : 'automatic',
    onMisconfigured: error => {
      process.stderr.write(`${error.message}\n  → ${error.remedy}\n`)
      process.exitCode = 1
      void started.then(running => running.stop())
    },
  })
  const closing = new AbortController()
  const server = createHttpServer({
    closing: closing.signal,
    upstream: engine,
    secret,
    log,
    sendTimeoutMs,
    readTimeoutMs,
  })
  const http = {
    name: 'http server',
    start: async () => {
      const listening = await listen(server, port, host).catch(error => {
        throw addressError(error, { host, port }, { host: '--host', port: '--port' })
      })
      log.info('listening', { port: listening })
    },
    stop: () => endServer(server, closing),
  }
  const figures = metricsPort === undefined ? [] : [metricsService(engine, settings.storageDir, metricsPort, host, log)]
  const started = startAll([engine, http, ...figures], log)
  const running = await started
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      log.info('stopping', { signal })
      void running.stop()
    })
}

/** Only looks: whoever may read its findings knows the secret's place anyway. */
const examineDatabase = async (settings: Settings): Promise<void> => {
  const findings = await examine({
    databaseUrl: settings.databaseUrl,
    storageDir: settings.storageDir,
    publication: publicationNameOf(settings.replicationId),
    slot: slotNameOf(settings.replicationId),
    mode: settings.manual ? 'manual' : 'automatic',
  })
  process.stdout.write(`${printFindings(findings)}\n`)
  process.exitCode = exitCodeOf(findings)
}

const [first, ...rest] = process.argv.slice(2)
const isDoctor = first === 'doctor'
const isOpen = process.env['ELECTRIC_SECRET'] === undefined && process.env['ELECTRIC_INSECURE'] === undefined
const read = readSettings(
  isDoctor ? [...rest, ...(isOpen && !rest.includes('--secret') ? ['--insecure'] : [])] : process.argv.slice(2),
  process.env,
)
if (read.kind === 'help') process.stdout.write(usage)
else if (read.kind === 'problems') {
  const lines = read.problems.map(({ name, cause, remedy }) => `  ${name}: ${cause}\n    → ${remedy}\n`)
  process.stderr.write(`The settings cannot be used:\n${lines.join('')}`)
  process.exitCode = 2
} else if (isDoctor) await examineDatabase(read.settings)
else
  await run(read.settings, read.warnings).catch(error => {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 2
  })
