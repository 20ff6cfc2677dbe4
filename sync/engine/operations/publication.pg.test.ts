// The publication, when somebody changes it under the engine: shapes end, and nobody keeps wrong rows.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, queryOnce, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine, uniqueId } from '../../testing/engine.ts'
import { ask } from '../../testing/http.ts'
import { compareWithSql, followStrictly, type StrictReader } from '../../testing/oracle.ts'

let database: TestDatabase
const cleanUp: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  database = await emptyDatabase()
  await sql("create table items (id int primary key, title text); insert into items values (1, 'a')")
})
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
  await database.drop()
})

const sql = (text: string) => queryOnce(database.url, text)
const all = { params: { table: 'items' }, sql: 'select * from items' }

const begin = async (
  options: Parameters<typeof startEngine>[1] = {},
): Promise<{ running: TestEngine; reader: StrictReader; publication: string }> => {
  const replicationId = uniqueId()
  const running = await startEngine(database.url, { longPollMs: 300, replicationId, ...options })
  cleanUp.push(() => running.stop())
  const reader = followStrictly(() => running.url, all.params)
  cleanUp.push(() => reader.stop())
  await until('the reader is there', () => reader.complete > 0n)
  return { running, reader, publication: `electric_publication_${replicationId}` }
}

test('S-25 a publication that is dropped is made again, and every shape ends', async () => {
  const { running, reader, publication } = await begin({ reconcileMs: 200 })
  await sql(`drop publication ${publication}`)
  await sql("insert into items values (2, 'unheard')")
  await until('the reader had to start again', () => reader.restarts > 0)
  await until('it streams', async () => (await running.engine.health()) === 'active')
  await sql("insert into items values (3, 'heard')")
  await compareWithSql(database.url, reader, all)
  expect(reader.rows.size).toBe(3)
})

test('S-25 a publication that is dropped and made again by somebody, in a moment or while the engine is down, ends every shape', async () => {
  const { running, reader, publication } = await begin()
  const remake = () => sql(`drop publication ${publication}; create publication ${publication} for table items`)
  await remake()
  await sql("insert into items values (2, 'who knows')")
  await running.engine.reconcile()
  await until('the reader had to start again', () => reader.restarts > 0)
  await compareWithSql(database.url, reader, all)
  await running.stop({ keep: true })
  await sql(`drop publication ${publication}`)
  await sql("insert into items values (3, 'while it was away')")
  await sql(`create publication ${publication} for table items`)
  const again = await startEngine(database.url, {
    storageDir: running.folder,
    replicationId: running.replicationId,
    port: Number(new URL(running.origin).port),
  })
  cleanUp.push(() => again.stop())
  await compareWithSql(database.url, reader, all)
})

test('S-25 a table that was out of the publication for a moment has no shape that missed it', async () => {
  const { running, reader, publication } = await begin()
  await sql(`alter publication ${publication} drop table items`)
  await sql("insert into items values (2, 'missed')")
  await sql(`alter publication ${publication} add table items`)
  await running.engine.reconcile()
  await until('the reader had to start again', () => reader.restarts === 1)
  await compareWithSql(database.url, reader, all)
  // and what came back is not ended again
  await running.engine.reconcile()
  await compareWithSql(database.url, reader, all)
  expect(reader.restarts).toBe(1)
})

test('S-25 the same while the engine was down', async () => {
  const { running, reader, publication } = await begin()
  await running.stop({ keep: true })
  await sql(`alter publication ${publication} drop table items`)
  await sql("insert into items values (2, 'missed')")
  await sql(`alter publication ${publication} add table items`)
  const again = await startEngine(database.url, {
    storageDir: running.folder,
    replicationId: running.replicationId,
    port: Number(new URL(running.origin).port),
  })
  cleanUp.push(() => again.stop())
  await until('the reader had to start again', () => reader.restarts === 1)
  await compareWithSql(database.url, reader, all)
})

test('S-25 a table that is dropped from the publication is published again for the next shape', async () => {
  const { reader, publication } = await begin({ reconcileMs: 200 })
  await sql(`alter publication ${publication} drop table items`)
  await sql("insert into items values (2, 'missed')")
  await until('the reader had to start again', () => reader.restarts > 0)
  await sql("insert into items values (3, 'heard')")
  await compareWithSql(database.url, reader, all)
})

test('S-25 REPLICA IDENTITY that is lost ends the shape at the first change that needs it', async () => {
  const { reader } = await begin()
  await sql('alter table items replica identity default')
  await sql("update items set title = 'b'")
  await until('the reader had to start again', () => reader.restarts > 0)
  await sql("update items set title = 'c'")
  await compareWithSql(database.url, reader, all)
  expect([...reader.rows.values()]).toEqual([{ id: '1', title: 'c' }])
})

test('S-25 by hand: without its publication the engine says what to do, and goes on when that is done', async () => {
  const replicationId = uniqueId()
  const publication = `pub_${replicationId}`
  await sql(`alter table items replica identity full; create publication ${publication} for table items`)
  const { running, reader } = await begin({
    publication: 'manual',
    publicationName: publication,
    replicationId,
    reconcileMs: 200,
    readinessMs: 0,
  })
  await sql(`drop publication ${publication}`)
  await sql("insert into items values (2, 'unheard')")
  await until('it is not active', async () => (await running.engine.health()) !== 'active')
  const fresh = await startEngine(database.url, {
    publication: 'manual',
    publicationName: publication,
    readinessMs: 0,
  })
  cleanUp.push(() => fresh.stop())
  await until('the reason is known', async () => {
    const { text } = await ask(fresh.url, { table: 'items', offset: -1 })
    return text.includes('the publication is missing: CREATE PUBLICATION … FOR TABLE …')
  })
  await sql(`create publication ${publication} for table items`)
  await until('it streams', async () => (await running.engine.health()) === 'active')
  await compareWithSql(database.url, reader, all)
  expect(reader.rows.size).toBe(2)
})
