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
  /** Postgres has accepted the slot and the publication. */
  onStart(): void
  /** Everything up to `walEnd` has been sent; `reply` asks for an immediate status. */
  onKeepalive(walEnd: bigint, reply: boolean): void
}

export interface ReplicationConnection {
  /** Runs a replication command or plain SQL without parameters; only before `stream`. With 'waits' it may take for ever. */
  query(sql: string, waits?: 'waits'): Promise<readonly Readonly<Record<string, unknown>>[]>
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
  on(event: 'replicationStart', listener: () => void): void
  sendCopyFromChunk(chunk: Buffer): void
}

/** Microseconds between 1970 and Postgres' epoch. */
const postgresEpoch = 946_684_800_000_000n
/**
 * Postgres is asked to answer every `pingMs`. An engine that hears nothing for `silenceMs` gives its stream up, and Postgres
 * ends the stream, and with it the lock, of an engine that says nothing for `senderTimeoutMs`: the later of the two, so
 * that whoever takes over finds nobody left.
 */
const pingMs = 3_000
const silenceMs = 10_000
const senderTimeoutMs = 15_000
/** How often a backend that waits looks whether its client is still there. */
const clientCheckMs = 2_000
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
    keepAliveInitialDelayMillis: 10_000,
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
  // Each on its own, and none needed: a platform may not know it.
  for (const setting of [
    `wal_sender_timeout = ${senderTimeoutMs}`,
    `client_connection_check_interval = ${clientCheckMs}`,
  ])
    await withDeadline(client.query(`SET ${setting}`), queryMs, 'a setting').catch((error: unknown) => {
      if (error instanceof pg.DatabaseError) return
      raw.stream.destroy()
      throw error
    })
  let lastHeard = Date.now()
  let lastPing = 0
  let paused = false
  let watch: NodeJS.Timeout | undefined
  const close = () => {
    clearInterval(watch)
    raw.stream.destroy()
  }

  return {
    query: async (sql, waits) => {
      const result = client.query<Record<string, unknown>>(sql)
      return (await (waits === undefined ? withDeadline(result, queryMs, 'a replication command') : result)).rows
    },
    stream: async (slot, publication, handlers) => {
      raw.on('copyData', ({ chunk }) => {
        lastHeard = Date.now()
        if (chunk[0] === 0x77) handlers.onData(chunk, 25)
        else if (chunk[0] === 0x6b) handlers.onKeepalive(chunk.readBigUInt64BE(1), chunk[17] === 1)
      })
      raw.on('replicationStart', () => {
        lastHeard = Date.now()
        handlers.onStart()
      })
      watch = setInterval(() => {
        if (paused || Date.now() - lastHeard <= silenceMs) return
        onError(new Error(`Postgres has said nothing for ${silenceMs} ms`))
        close()
      }, 1_000)
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
      const now = Date.now()
      message.writeBigInt64BE(BigInt(now) * 1000n - postgresEpoch, 25)
      if (now - lastPing >= pingMs) {
        lastPing = now
        message[33] = 1
      }
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
