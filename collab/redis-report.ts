// Redis in the log: once when it is gone, once when it is back, however often its clients try in between.
import { firstError } from '#server/kernel/first-error.ts'
import type { Log } from '#server/kernel/log.ts'

/** What is needed of an ioredis client. */
export interface Connection {
  readonly status: string
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'ready', listener: () => void): unknown
}

const remedyOf = (reason: string): string => {
  if (/WRONGPASS|NOPERM|AUTH/.test(reason)) return 'correct user and password in REDIS_URL'
  return 'start Redis, correct REDIS_URL, or leave it out when one server runs alone'
}

const reasonOf = (error: Error): string => {
  const inner = firstError(error)
  return inner instanceof Error ? inner.message : String(inner)
}

/** Reports on `connections`, which lead to one Redis, until they are closed. */
export const reportRedis = (connections: readonly Connection[], log: Log): void => {
  /** Of the present outage. */
  const said = new Set<string>()
  for (const connection of connections) {
    connection.on('error', error => {
      const reason = reasonOf(error)
      if (said.has(reason)) return
      said.add(reason)
      log.warn('documents cannot be opened without Redis', { reason, remedy: remedyOf(reason) })
    })
    connection.on('ready', () => {
      if (said.size === 0 || connections.some(({ status }) => status !== 'ready')) return
      said.clear()
      log.info('Redis is back')
    })
  }
}
