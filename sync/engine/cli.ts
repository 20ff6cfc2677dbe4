// `npm run sync -- --database-url … --port …`: the engine alone, in place of Electric's sync service (settings.ts).
import { createLog } from '#server/kernel/log.ts'
import { startAll } from '#server/kernel/lifecycle.ts'
import { createHttpServer, listen } from './http.ts'
import { createEngine } from './service.ts'
import { readSettings, type Settings, usage } from './settings.ts'

const run = async (settings: Settings, warnings: readonly string[]): Promise<void> => {
  const { secret, port, host, level, manual, sendTimeoutMs, readTimeoutMs, maxShapes, ...options } = settings
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
  const server = createHttpServer({ upstream: engine, secret, log, sendTimeoutMs, readTimeoutMs })
  const http = {
    name: 'http server',
    start: async () => log.info('listening', { port: await listen(server, port, host) }),
    stop: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
  const started = startAll([engine, http], log)
  const running = await started
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      log.info('stopping', { signal })
      void running.stop()
    })
}

const read = readSettings(process.argv.slice(2), process.env)
if (read.kind === 'help') process.stdout.write(usage)
else if (read.kind === 'problems') {
  const lines = read.problems.map(({ name, cause, remedy }) => `  ${name}: ${cause}\n    → ${remedy}\n`)
  process.stderr.write(`The settings cannot be used:\n${lines.join('')}`)
  process.exitCode = 2
} else await run(read.settings, read.warnings)
