// skerry start: the server, until a signal stops it.
import { loadConfig } from '#server/kernel/config.ts'
import { createLog, type Log } from '#server/kernel/log.ts'
import { type Skerry, startSkerry } from '../main.ts'

/** Signals that come together are one: Ctrl-C reaches a process of npm's twice, from the terminal and from npm. */
const togetherMs = 300

/** Fires with the first SIGINT or SIGTERM from now on; a later one ends the process at once. */
const orderToStop = (log: Log): AbortSignal => {
  const order = new AbortController()
  let since = 0
  const onSignal = (signal: NodeJS.Signals) => {
    if (order.signal.aborted) {
      if (performance.now() - since > togetherMs) process.exit(130)
      return
    }
    since = performance.now()
    log.info('stopping', { signal })
    order.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return order.signal
}

const endWith = async (skerry: Skerry, log: Log): Promise<never> => {
  try {
    await skerry.stop()
  } catch (error) {
    log.error('the stop failed', { error })
    process.exit(1)
  }
  process.exit(0)
}

/** Resolves when the server is ready; the process ends with the server, also when that was told to stop as it started. */
export const startCommand = async (print: (text: string) => void): Promise<void> => {
  const config = loadConfig(process.env)
  const log = createLog(config.logLevel)
  // before anything runs that has to be stopped: the embedded PostgreSQL would outlive this process
  const order = orderToStop(log)
  let skerry: Skerry
  try {
    skerry = await startSkerry(config, log, order)
  } catch (error) {
    if (order.aborted && error === order.reason) process.exit(0)
    throw error
  }
  order.addEventListener('abort', () => void endWith(skerry, log), { once: true })
  const external = config.publicUrl === skerry.url ? '' : `  (public: ${config.publicUrl})`
  print(`Skerry is ready.${external}`)
  print(`  API         ${skerry.url}/api/docs`)
  print(`  OpenAPI     ${skerry.url}/api/openapi.json`)
  print(`  Shapes      ${skerry.url}/api/shapes`)
  print(`  Health      ${skerry.url}/ready`)
  print(`  Data        ${config.databaseUrl === 'embedded' ? config.dataDir : 'DATABASE_URL'}`)
}
