// Several servers with the same documents: Redis carries changes and presence between them. It is no store: each server
// has its own updates in the log before it passes them on, and folding is the same wherever it is done.
import { Redis } from '@hocuspocus/extension-redis'
import { type Extension, isTransactionOrigin, OutgoingMessage } from '@hocuspocus/server'
import * as encoding from 'lib0/encoding'
import { encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import type { Log } from '#server/kernel/log.ts'
import { kinds } from './frames.ts'
import { reportRedis } from './redis-report.ts'
import type { SeatContext } from './seats.ts'

const prefix = 'skerry'
/** Milliseconds that opening a document waits for the state of servers that have it open. */
const peerMs = 1000
/** Of one command, while Redis cannot be reached. */
const retries = 3
const defaultPort = 6379

/**
 * How the others hear that somebody has left. The extension is silent once nobody is left here, and the library takes no
 * end of a state from anybody: seen elsewhere, he would be there for 30 seconds more. So his state becomes `[clock]`,
 * which no client can set (presence.ts), and which is his end where it arrives.
 */
const leaving = (redis: Redis): Extension<SeatContext> => {
  // how the extension marks what it publishes: it does not read its own
  const { identifier } = redis.configuration
  const mark = Buffer.from(`${String.fromCodePoint(identifier.length)}${identifier}`)
  const tell = redis.onAwarenessUpdate.bind(redis)
  return {
    onAwarenessUpdate: async payload => {
      await tell(payload)
      const { awareness, document, documentName, removed, transactionOrigin: origin } = payload
      const isTheirs = isTransactionOrigin(origin) && origin.source === 'redis'
      if (document.connections.size > 0 || removed.length === 0 || isTheirs) return
      const ends = new Map(removed.map(id => [id, [awareness.meta.get(id)?.clock ?? 0]]))
      const message = new OutgoingMessage(documentName)
      encoding.writeVarUint(message.encoder, kinds.awareness)
      encoding.writeVarUint8Array(message.encoder, encodeAwarenessUpdate(awareness, removed, ends))
      await redis.pub.publish(`${prefix}:${documentName}`, Buffer.concat([mark, message.toUint8Array()]))
    },
    beforeHandleAwareness: async ({ states, document: { awareness }, connection, transactionOrigin }) => {
      if (connection) return
      for (const [id, state] of states) {
        if (!Array.isArray(state)) continue
        states.delete(id)
        // unless he is back already
        if (awareness.meta.get(id)?.clock === state[0]) removeAwarenessStates(awareness, [id], transactionOrigin)
      }
    },
  }
}

/**
 * The extension on the Redis at `url`; failures of its connection go to `log`. `unopened` is told of a document that
 * could not be opened for want of Redis.
 */
export const redisCluster = (url: string, log: Log, unopened: (name: string) => void): Extension<SeatContext> => {
  const redis = new Redis({
    prefix,
    awaitInitialSyncTimeout: peerMs,
    // the client below takes its host for a URL: a bare IPv6 address would be read as something else
    host: url,
    port: Number(new URL(url).port || defaultPort),
    options: { maxRetriesPerRequest: retries },
  })
  reportRedis([redis.pub, redis.sub], log)

  const leave = leaving(redis)
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
  return Object.assign(redis, leave)
}
