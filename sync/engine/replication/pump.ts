// Between the socket and the transaction reader: one message at a time, in order, and the socket stands still while one
// has to wait (for a shape's files, for the catalogs, for memory).
import type { ReplicationConnection, StreamHandlers } from './connection.ts'
import type { Flusher } from './flusher.ts'
import type { TransactionReader } from './transactions.ts'

type Entry = { readonly bytes: Buffer; readonly at: number } | { readonly walEnd: bigint; readonly reply: boolean }

/** Handlers for one stream. After a failure it closes the connection and drops the rest. */
export const createPump = (
  connection: ReplicationConnection,
  reader: TransactionReader,
  flusher: Flusher,
  on: { start(): void; failure(error: unknown): void },
): StreamHandlers & { idle(): Promise<void> } => {
  const queue: Entry[] = []
  let busy: Promise<void> | null = null
  let failed = false

  const step = (entry: Entry): Promise<void> | null => {
    if ('bytes' in entry) {
      const wait = reader.apply(entry.bytes, entry.at)
      const relief = flusher.relieve()
      return wait !== null && relief !== null ? wait.then(() => relief) : (wait ?? relief)
    }
    if (reader.keepalive(entry.walEnd)) flusher.advanced()
    if (entry.reply) flusher.acknowledge()
    return null
  }
  const fail = (error: unknown) => {
    failed = true
    queue.length = 0
    on.failure(error)
    connection.close()
  }
  const drain = async (first: Promise<void>) => {
    connection.pause()
    try {
      await first
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) await step(entry)
      busy = null
      connection.resume()
    } catch (error) {
      busy = null
      fail(error)
    }
  }
  const push = (entry: Entry) => {
    if (failed) return
    if (busy !== null) {
      queue.push(entry)
      return
    }
    try {
      const wait = step(entry)
      if (wait !== null) busy = drain(wait)
    } catch (error) {
      fail(error)
    }
  }
  return {
    onStart: () => on.start(),
    onData: (bytes, at) => push({ bytes, at }),
    onKeepalive: (walEnd, reply) => push({ walEnd, reply }),
    idle: async () => {
      queue.length = 0
      failed = true
      await busy
    },
  }
}
