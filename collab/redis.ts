// Several servers with the same documents: Redis carries changes and presence between them. It is no store: each server
// has its own updates in the log before it passes them on, and folding is the same wherever it is done.
import { Redis } from '@hocuspocus/extension-redis'
import type { Extension } from '@hocuspocus/server'
import type { Log } from '#server/kernel/log.ts'
import { reportRedis } from './redis-report.ts'
import type { SeatContext } from './seats.ts'

/** Milliseconds that opening a document waits for the state of servers that have it open. */
const peerMs = 1000
/** Of one command, while Redis cannot be reached. */
const retries = 3
const defaultPort = 6379

/**
 * The extension on the Redis at `url`; failures of its connection go to `log`. `unopened` is told of a document that
 * could not be opened for want of Redis.
 */
export const redisCluster = (url: string, log: Log, unopened: (name: string) => void): Extension<SeatContext> => {
  const redis = new Redis({
    prefix: 'skerry',
    awaitInitialSyncTimeout: peerMs,
    // the client below takes its host for a URL: a bare IPv6 address would be read as something else
    host: url,
    port: Number(new URL(url).port || defaultPort),
    options: { maxRetriesPerRequest: retries },
  })
  reportRedis([redis.pub, redis.sub], log)
  const join = redis.afterLoadDocument.bind(redis)
  redis.afterLoadDocument = async payload => {
    try {
      await join(payload)
    } catch (error) {
      // the library forgets it without ending it
      payload.document.destroy()
      unopened(payload.documentName)
      throw error
    }
  }
  return redis
}
