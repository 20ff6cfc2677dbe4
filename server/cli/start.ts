// skerry start: the server, until a signal stops it.
import { loadConfig } from '#server/kernel/config.ts'
import { createLog } from '#server/kernel/log.ts'
import { startSkerry } from '../main.ts'

/** Signals that come together are one: Ctrl-C reaches a process of npm's twice, from the terminal and from npm. */
const togetherMs = 300

/** Resolves when the server is ready; the process ends with the server. */
export const startCommand = async (print: (text: string) => void): Promise<void> => {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel)
  const skerry = await startSkerry(config, log)
  const external = config.publicUrl === skerry.url ? '' : `  (public: ${config.publicUrl})`
  print(`Skerry is ready.${external}`)
  print(`  API         ${skerry.url}/api/docs`)
  print(`  OpenAPI     ${skerry.url}/api/openapi.json`)
  print(`  Shapes      ${skerry.url}/api/shapes`)
  print(`  Health      ${skerry.url}/ready`)
  print(`  Data        ${config.databaseUrl === 'embedded' ? config.dataDir : 'DATABASE_URL'}`)
  let stopping: number | undefined
  const stop = (signal: NodeJS.Signals) => {
    if (stopping !== undefined) {
      if (performance.now() - stopping > togetherMs) process.exit(130)
      return
    }
    stopping = performance.now()
    log.info('stopping', { signal })
    void skerry.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('the stop failed', { error })
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}
