// A restart that was asked for: requests that wait are answered, handles stay, and nobody misses a change or gets one twice.
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { emptyDatabase, queryOnce, type TestDatabase, until } from '#server/testing/postgres.ts'
import { createEngineProcess, type EngineProcess } from '../../testing/engine-process.ts'
import { ask, readToEnd } from '../../testing/http.ts'
import { compareWithSql, followStrictly } from '../../testing/oracle.ts'

let database: TestDatabase
let engine: EngineProcess

beforeEach(async () => {
  database = await emptyDatabase()
  await queryOnce(database.url, 'create table items (id serial primary key, n int); insert into items (n) values (0)')
})
afterEach(async () => {
  await engine.destroy()
  await database.drop()
})

const begin = async (ms: number) => {
  engine = createEngineProcess(database.url, { longPollMs: ms, sseMs: ms })
  await engine.start()
}
const query = { table: 'items' }

test('S-86 E135 SIGTERM answers long polls and ends event streams, and ends the process at once', async () => {
  await begin(30_000)
  const { handle, offset } = await readToEnd(engine.url, query)
  const live = { ...query, handle, offset, live: true }
  const polls = Array.from({ length: 20 }, () => ask(engine.url, live))
  const events = await fetch(
    `${engine.url}?${new URLSearchParams({ ...query, handle, offset, live: 'true', live_sse: 'true' })}`,
  )
  const text = events.text()
  await until('they wait', async () => {
    // a change wakes them all, unless they are not there yet: so they are when one request more is answered
    return (await ask(engine.url, { ...query, handle, offset })).status === 200
  })
  const began = performance.now()
  expect(await engine.end()).toBe(0)
  expect(performance.now() - began).toBeLessThan(5_000)
  for (const poll of await Promise.all(polls)) {
    expect(poll.status).toBe(200)
    expect(poll.headers.has('electric-up-to-date')).toBe(true)
    expect([poll.handle, poll.offset]).toEqual([handle, offset])
  }
  // a stream that was cut would reject
  expect(await text).not.toContain('must-refetch')
})

test('S-86 E135 restarts under load: every client sees every change once, and keeps its handle', {
  timeout: 120_000,
}, async () => {
  await begin(400)
  const shapes = [
    { params: { table: 'items' }, sql: 'select * from items' },
    { params: { table: 'items', where: 'n > 5' }, sql: 'select * from items where n > 5' },
    { params: { table: 'items', replica: 'full', where: 'id % 2 = 0' }, sql: 'select * from items where id % 2 = 0' },
  ]
  const readers = shapes.map(shape => ({ shape, reader: followStrictly(() => engine.url, shape.params) }))
  const db = new pg.Client({ connectionString: database.url })
  await db.connect()
  const done = new AbortController()
  const writer = (async () => {
    for (let n = 0; !done.signal.aborted; n++) {
      await db.query('insert into items (n) values ($1)', [n % 10])
      await db.query('update items set n = n + 1 where id = (select max(id) - $1 from items)', [n % 7])
      await pause(1)
    }
  })()
  const arrive = (condition: () => boolean) =>
    until('changes arrive', () => {
      for (const { reader } of readers) if (reader.failure !== undefined) throw reader.failure
      return condition()
    })
  try {
    for (let round = 0; round < 4; round++) {
      const seen = readers.map(({ reader }) => reader.changes)
      await arrive(() => readers.every(({ reader }, index) => reader.changes > (seen[index] ?? 0) + 20))
      expect(await engine.end()).toBe(0)
      await engine.start()
    }
    done.abort()
    await writer
    for (const { shape, reader } of readers) await compareWithSql(database.url, reader, shape)
    expect(readers.map(({ reader }) => reader.restarts)).toEqual([0, 0, 0])
  } finally {
    done.abort()
    await writer
    await db.end()
    for (const { reader } of readers) await reader.stop()
  }
})
