// One replication connection: settings, lock, stream, acknowledgements. The advisory lock is held by this very
// connection, so whoever streams holds the lock, and losing one is losing the other.
import pg from 'pg'
import { withDeadline } from '#server/kernel/lifecycle.ts'
import { formatLsn } from '../lsn.ts'

const settings = {
  bytea_output: 'hex',
  DateStyle: 'ISO,DMY',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  IntervalStyle: 'iso_8601',
  client_encoding: 'UTF8',
}

/**
 * `databaseUrl` with the settings that make every session print values alike (SPEC.md, S-20). They travel with the
 * connection's first packet: a query of our own after connecting is one more moment at which a connection can die.
 */
export const withDisplaySettings = (databaseUrl: string): string => {
  const mark = databaseUrl.indexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : databaseUrl.slice(mark + 1))
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  query.set('options', [query.get('options') ?? '', ...ours].join(' ').trim())
  // The driver reads %20, not +.
  return `${mark < 0 ? databaseUrl : databaseUrl.slice(0, mark)}?${query.toString().replaceAll('+', '%20')}`
}

export interface StreamHandlers {
  /** pgoutput bytes: the message begins at `at`. */
  onData(bytes: Buffer, at: number): void
  /** Everything up to `walEnd` has been sent; `reply` asks for an immediate status. */
  onKeepalive(walEnd: bigint, reply: boolean): void
}

export interface ReplicationConnection {
  /** Runs a replication command or plain SQL without parameters; only before `stream`. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Starts the stream; settles when it ends, rejecting with the reason. */
  stream(slot: string, publication: string, handlers: StreamHandlers): Promise<void>
  /** Tells Postgres that everything up to `lsn` is durable here. */
  acknowledge(lsn: bigint): void
  pause(): void
  resume(): void
  /** Ends the connection without waiting for Postgres. */
  close(): void
}

interface RawConnection {
  stream: { pause(): void; resume(): void; destroy(): void; writable: boolean }
  on(event: 'copyData', listener: (message: { chunk: Buffer }) => void): void
  sendCopyFromChunk(chunk: Buffer): void
}

/** Microseconds between 1970 and Postgres' epoch. */
const postgresEpoch = 946_684_800_000_000n
const silenceMs = 120_000
const connectMs = 5_000
const queryMs = 10_000

/** Connects. `onError` hears about failures outside a query. */
export const connectReplication = async (
  databaseUrl: string,
  onError: (error: Error) => void,
): Promise<ReplicationConnection> => {
  const client = new pg.Client({
    connectionString: withDisplaySettings(databaseUrl),
    replication: 'database',
    application_name: 'skerry-sync',
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
  } as pg.ClientConfig)
  const raw = (client as unknown as { connection: RawConnection }).connection
  client.on('error', onError)
  try {
    await withDeadline(client.connect(), connectMs, 'connecting for replication')
  } catch (error) {
    // A server that dies while it lets us in may leave the driver waiting for ever.
    raw.stream.destroy()
    throw error
  }
  let lastHeard = Date.now()
  let paused = false
  let watch: NodeJS.Timeout | undefined
  const close = () => {
    clearInterval(watch)
    raw.stream.destroy()
  }

  return {
    query: async sql => {
      // Creating a slot waits for other people's transactions; nothing else takes long.
      const ms = sql.startsWith('CREATE_REPLICATION_SLOT') ? 2 ** 31 - 1 : queryMs
      return (await withDeadline(client.query<Record<string, unknown>>(sql), ms, 'a replication command')).rows
    },
    stream: async (slot, publication, handlers) => {
      raw.on('copyData', ({ chunk }) => {
        lastHeard = Date.now()
        if (chunk[0] === 0x77) handlers.onData(chunk, 25)
        else if (chunk[0] === 0x6b) handlers.onKeepalive(chunk.readBigUInt64BE(1), chunk[17] === 1)
      })
      // Postgres sends a keepalive every half wal_sender_timeout; silence means that the network has gone.
      watch = setInterval(() => {
        if (!paused && Date.now() - lastHeard > silenceMs) close()
      }, 10_000)
      const name = publication.replaceAll('"', '""').replaceAll("'", "''")
      try {
        await client.query(
          `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(0n)} (proto_version '1', publication_names '"${name}"')`,
        )
      } finally {
        clearInterval(watch)
      }
    },
    acknowledge: lsn => {
      if (!raw.stream.writable) return
      const message = Buffer.alloc(34)
      message[0] = 0x72
      for (const at of [1, 9, 17]) message.writeBigUInt64BE(lsn, at)
      message.writeBigInt64BE(BigInt(Date.now()) * 1000n - postgresEpoch, 25)
      raw.sendCopyFromChunk(message)
    },
    pause: () => {
      paused = true
      raw.stream.pause()
    },
    resume: () => {
      paused = false
      lastHeard = Date.now()
      raw.stream.resume()
    },
    close,
  }
}
