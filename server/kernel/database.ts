// The two doors to Postgres. Features never hold a pool: reads get a `Reader` whose transaction began READ ONLY, writes
// a `WriteTx` that only kernel/mutation.ts makes.
import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { DB } from './database.gen.ts'
import type { Log } from './log.ts'
import { PreparingClient } from './statements.ts'
import { type Later, runTransaction, type Wire } from './run-transaction.ts'

export type { DB, Later, Wire }

/** A READ ONLY transaction. */
export type Reader = Transaction<DB> & { readonly readOnly?: never }

/** A write transaction; the brand keeps features from passing anything else. */
declare const writeBrand: unique symbol
export type WriteTx = Transaction<DB> & { readonly [writeBrand]: true }

export interface Database {
  /** Runs `work` in a READ ONLY, REPEATABLE READ transaction: one list and its total see one state. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  /** Single statements on connections that are read-only by default: permission checks on hot paths. */
  readonly reads: Kysely<DB>
  /** One transaction, for the kernel alone. Repeatable only where `work` is: it may run in vain. */
  write<T>(work: (tx: WriteTx, wire: Wire) => Promise<T>): Promise<T>
  /** Single statements outside of any command: sessions, the command line. */
  readonly writes: Kysely<DB>
  readonly pool: pg.Pool
  close(): Promise<void>
}

// int8 (counts) fits a JS number here; dates stay text, timestamps become Date
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: Parameters<typeof pg.types.getTypeParser>[0], format?: 'text') => {
    if (oid === pg.types.builtins.INT8) return Number
    if (oid === pg.types.builtins.DATE) return (text: string) => text
    return pg.types.getTypeParser(oid, format)
  }) as pg.CustomTypesConfig['getTypeParser'],
}

const makePool = (url: string, size: number, log: Log, options: string): pg.Pool => {
  const pool = new pg.Pool({
    Client: PreparingClient as unknown as typeof pg.Client,
    connectionString: url,
    max: size,
    types,
    options,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    application_name: 'skerry',
  })
  // an idle client's death (server restart) must not end the process; the next query gets a fresh connection
  pool.on('error', error => {
    if (!pool.ending) log.warn('idle database connection lost', { error })
  })
  // nor must that of one in use, between two statements of a transaction: the next statement reports it
  pool.on('connect', client => client.on('error', () => undefined))
  return pool
}

/** Opens both pools on `url`: `size` connections for writes, as many for reads. */
export const openDatabase = (url: string, size: number, log: Log): Database => {
  const settings = '-c timezone=UTC -c idle_in_transaction_session_timeout=60000'
  // below every HTTP timeout in front: a stuck write is given up by the database first
  const pool = makePool(url, size, log, `${settings} -c statement_timeout=10000 -c lock_timeout=5000`)
  const readPool = makePool(
    url,
    size,
    log,
    `${settings} -c default_transaction_read_only=on -c statement_timeout=15000`,
  )
  const writes = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })
  const reads = new Kysely<DB>({ dialect: new PostgresDialect({ pool: readPool }) })
  return {
    pool,
    writes,
    reads,
    write: async work =>
      runTransaction(await pool.connect(), 'begin', (builder, wire) => work(builder as unknown as WriteTx, wire)),
    read: async work =>
      runTransaction(await readPool.connect(), 'begin isolation level repeatable read read only', builder =>
        work(builder as Reader),
      ),
    close: async () => {
      // not through the query builders: one that was never used knows no pool and ends none
      await Promise.all([pool.end(), readPool.end()])
    },
  }
}

/** Raw SQL with positional values, for statements that the query builder cannot say. */
export const rawQuery = async <Row>(trx: Transaction<DB>, sql: string, values: unknown[] = []): Promise<Row[]> => {
  const { rows } = await trx.executeQuery<Row>(CompiledQuery.raw(sql, values))
  return rows
}
