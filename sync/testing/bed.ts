// What tests of the engine lie on: a database of their own with a client, and engines that end with the test or the file.
import pg from 'pg'
import { afterAll, afterEach } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { startEngine, type TestEngine } from './engine.ts'

/** Makes a database that nobody else uses. */
export type MakeDatabase = () => Promise<BedDatabase>

/** An own database. */
export interface BedDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** A database and a client of it. */
export interface OpenDatabase {
  readonly database: BedDatabase
  readonly db: pg.Client
}

/** One database a test. */
export interface Bed {
  /** Engines that end with the test, in the order in which they began. */
  readonly engines: TestEngine[]
  /** Opens the test's database and runs `sql` in it. */
  readonly open: (sql: string) => Promise<OpenDatabase>
  /** Starts an engine on it. */
  readonly start: (options?: Parameters<typeof startEngine>[1]) => Promise<TestEngine>
  /** Where the WAL ends; something behind that place has been written. */
  readonly insertLsn: () => Promise<bigint>
  /** Everything committed so far is in the engine's shapes. */
  readonly settle: (running: TestEngine) => Promise<void>
}

const openDatabase = async (make: MakeDatabase): Promise<OpenDatabase> => {
  const database = await make()
  const db = new pg.Client({ connectionString: database.url })
  await db.connect()
  return { database, db }
}

const insertLsn = async (db: pg.Client): Promise<bigint> => {
  const { rows } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
  await db.query("select pg_logical_emit_message(false, 'test', '')")
  return BigInt(must(rows[0]).lsn)
}

/** For the top of a file whose tests each have a database and engines of their own. */
export const makeBed = (make: MakeDatabase): Bed => {
  const engines: TestEngine[] = []
  let opened: OpenDatabase | undefined
  const current = () => must(opened, 'open database')
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.stop()
    const { database, db } = current()
    opened = undefined
    await db.end()
    await database.drop()
  })
  return {
    engines,
    open: async sql => {
      opened = await openDatabase(make)
      await opened.db.query(sql)
      return opened
    },
    start: async options => {
      const engine = await startEngine(current().database.url, { longPollMs: 1000, ...options })
      engines.push(engine)
      return engine
    },
    insertLsn: () => insertLsn(current().db),
    settle: async ({ engine }) => engine.advance(await insertLsn(current().db)),
  }
}

/** For the top of a file whose tests share one database and one engine; both end with the file. */
export const startSharedBed = async (
  make: MakeDatabase,
  options: Parameters<typeof startEngine>[1],
): Promise<OpenDatabase & { readonly running: TestEngine; readonly settle: () => Promise<void> }> => {
  const { database, db } = await openDatabase(make)
  const running = await startEngine(database.url, options)
  afterAll(async () => {
    await running.stop()
    await db.end()
    await database.drop()
  })
  return { database, db, running, settle: async () => running.engine.advance(await insertLsn(db)) }
}
