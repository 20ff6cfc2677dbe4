// The official client is the judge.
import { Shape, ShapeStream, type ShapeStreamInterface } from '@electric-sql/client'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'

let database: TestDatabase
let db: pg.Client
let running: TestEngine
const aborts: AbortController[] = []

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query('create table items (id int primary key, title text not null, n int)')
  running = await startEngine(database.url, { longPollMs: 2000, sseMs: 5000 })
})

afterEach(async () => {
  for (const abort of aborts.splice(0)) abort.abort()
  await running.stop()
  await db.end()
  await database.drop()
})

const follow = (params: Record<string, unknown> = {}, options: Record<string, unknown> = {}) => {
  const abort = new AbortController()
  aborts.push(abort)
  const stream = new ShapeStream({
    url: running.url,
    params: { table: 'items', ...params },
    signal: abort.signal,
    ...options,
  })
  const shape = new Shape(stream as ShapeStreamInterface)
  const rows = () => [...shape.currentRows].sort((a, b) => Number(a['id']) - Number(b['id']))
  return { stream, shape, rows, abort }
}

for (const liveSse of [false, true]) {
  const name = liveSse ? 'SSE' : 'long poll'
  test(`E81 E88 the client follows inserts, updates and deletes by ${name}`, async () => {
    await db.query("insert into items values (1, 'one', 1), (2, 'two', null)")
    const { shape, rows } = follow({}, { liveSse })
    expect([...(await shape.rows)].length).toBe(2)
    await db.query("insert into items values (3, 'three', 3)")
    await until('the insert arrives', () => rows().length === 3)
    await db.query("update items set title = 'uno' where id = 1")
    await db.query('delete from items where id = 2')
    await until('update and delete arrive', () => rows().length === 2 && rows()[0]?.['title'] === 'uno')
    expect(rows()).toEqual([
      { id: 1, title: 'uno', n: 1 },
      { id: 3, title: 'three', n: 3 },
    ])
  })
}
