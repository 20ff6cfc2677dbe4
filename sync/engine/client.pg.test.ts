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

test('E80 changes_only with requestSnapshot: a change during the request is not lost', async () => {
  await db.query("insert into items select g, 't' || g, g from generate_series(1, 9) g")
  const { stream, shape, rows } = follow({}, { log: 'changes_only', offset: 'now' })
  await until('it is up to date', () => stream.isUpToDate)
  const writer = new pg.Client({ connectionString: database.url })
  await writer.connect()
  await writer.query("begin; update items set title = 'open' where id = 7")
  const params = { where: 'n > $1', params: { '1': '6' }, orderBy: 'n', limit: 10 }
  await stream.requestSnapshot(params)
  await until('the rows are there', () => rows().length === 3)
  await writer.query('commit')
  await writer.end()
  await until('the update arrives', () => rows()[0]?.['title'] === 'open')
  await db.query("insert into items values (10, 'ten', 10); delete from items where id = 8")
  await until('both arrive', () => JSON.stringify(rows().map(row => row['id'])) === '[7,9,10]')
  expect(shape.isUpToDate).toBe(true)
})

test('E112 E113 fetchSnapshot by GET and by POST', async () => {
  await db.query("insert into items select g, 't' || g, g from generate_series(1, 9) g")
  for (const subsetMethod of ['GET', 'POST']) {
    const { stream } = follow({}, { log: 'changes_only', subsetMethod })
    const { data } = await stream.fetchSnapshot({ where: 'n < $1', params: { '1': '3' }, orderBy: 'id', limit: 5 })
    expect(data.map(row => row.value['id'])).toEqual([1, 2])
  }
})

test('E72 E154 a client resumes from its stored offset', async () => {
  const first = follow()
  await first.shape.rows
  const { shapeHandle: handle, lastOffset: offset } = first.stream
  first.abort.abort()
  await db.query("insert into items values (1, 'one', 1)")
  await db.query("update items set title = 'uno'")
  const second = follow({}, { handle, offset })
  const seen: unknown[] = []
  second.stream.subscribe(messages => {
    seen.push(...messages.map(message => message.headers))
  })
  await until('both changes arrive', () => seen.length >= 3)
  expect(seen.slice(0, 2)).toMatchObject([{ operation: 'insert' }, { operation: 'update' }])
  expect(second.stream.shapeHandle).toBe(handle)
})

for (const liveSse of [false, true])
  test(`E87 E96 a client starts again after a rotation (${liveSse ? 'SSE' : 'long poll'})`, async () => {
    await db.query("insert into items values (1, 'one', 1)")
    const { stream, shape, rows } = follow({}, { liveSse })
    await shape.rows
    const before = stream.shapeHandle
    await db.query("insert into items values (2, 'two', 2)")
    await until('the row arrives', () => rows().length === 2)
    expect((await fetch(`${running.url}?table=items&handle=${before}`, { method: 'DELETE' })).status).toBe(202)
    await db.query('delete from items where id = 1')
    await until('the new shape is followed', () => stream.shapeHandle !== before && rows().length === 1)
    await db.query("insert into items values (3, 'three', 3)")
    await until('it is live', () => rows().length === 2)
  })

test('E56 replica=full and a where clause with parameters', async () => {
  await db.query("insert into items values (1, 'one', 1), (2, 'two', 2)")
  const { stream, shape, rows } = follow({ where: 'title = $1 or n > 5', params: ['one'], replica: 'full' })
  await shape.rows
  const seen: unknown[] = []
  stream.subscribe(messages => {
    seen.push(...messages)
  })
  await db.query('update items set n = 9')
  await until('both are there', () => rows().length === 2)
  expect(seen).toContainEqual(expect.objectContaining({ value: { id: 1, title: 'one', n: 9 }, old_value: { n: 1 } }))
})
