// How long a read transaction may take to its first row, whatever it waits for, on a real server.
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { emptyDatabase, type TestDatabase } from '#server/testing/postgres.ts'
import { type Query, withReadTransaction } from './snapshot.ts'

let database: TestDatabase
let pool: pg.Pool

beforeAll(async () => {
  database = await emptyDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query('create table items (id int primary key)')
})

afterAll(async () => {
  await pool.end()
  await database.drop()
})

/** Bytes of the query's rows. */
const read = (query: Query, firstRowMs: number): Promise<number> => {
  const { signal } = new AbortController()
  const options = { needed: () => [], seen: () => {}, visibilityMs: 1000, firstRowMs, signal }
  return withReadTransaction(pool, query, options, async ({ rows }) => {
    let bytes = 0
    for await (const piece of rows) bytes += piece.length
    return bytes
  })
}

const tooLong = (ms: number) => `Snapshot query took too long to return data (cancelled after ${ms}ms)`

test('E140 a query that is slow to its first row is refused, and the connections go on', async () => {
  for (let n = 0; n < 3; n++)
    await expect(read({ sql: 'select pg_sleep(2)', tables: [] }, 100)).rejects.toThrow(tooLong(100))
  expect(await read({ sql: 'select 1', tables: [] }, 5000)).toBe(2)
})

test('E140 once its first row is there it may take longer', async () => {
  const sql = "select repeat('x', 20000), pg_sleep(0.1) from generate_series(1, 15)"
  expect(await read({ sql, tables: [] }, 1000)).toBeGreaterThan(300_000)
})

test('E140 waiting for locks and for rows has one limit', async () => {
  const other = new pg.Client({ connectionString: database.url })
  await other.connect()
  try {
    await other.query('begin; lock table items in access exclusive mode')
    const reading = read({ sql: 'select pg_sleep(0.6)', tables: [{ schema: 'public', name: 'items' }] }, 1000)
    const refused = expect(reading).rejects.toThrow(tooLong(1000))
    await pause(600)
    await other.query('commit')
    await refused
  } finally {
    await other.end()
  }
})
