// What ElectricSQL's own suite pins down of its client against a live server, as tests of ours.
import { randomUUID } from 'node:crypto'
import { FetchError } from '@electric-sql/client'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { afterSnapshot, createFollowers } from '../testing/official-client.ts'

// needs quoting, as the tables of that suite do
const name = 'issues for 1234_0_9af'
const table = `electric_test."${name}"`
const modes = [false, true].map(liveSse => ({ liveSse, mode: liveSse ? 'SSE' : 'long poll' }))

let database: TestDatabase
let db: pg.Client
let running: TestEngine
const followers = createFollowers()

const params = { table }
const follow = (options: Partial<Parameters<typeof followers.follow>[0]> = {}) =>
  followers.follow({ url: running.url, params, ...options })

const insert = async (title: string, id: string = randomUUID()): Promise<string> => {
  await db.query(`insert into ${table} values ($1, $2, 10)`, [id, title])
  return id
}

const keyOf = (id: string) => `"electric_test"."${name}"/"${id}"`

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query(`create schema electric_test;
    create table ${table} (id uuid primary key, title text not null, priority int not null)`)
  running = await startEngine(database.url, { chunkBytes: 10_000, maxAge: 1, staleAge: 3 })
})

afterEach(async () => {
  followers.stop()
  await running.stop()
  await db.end()
  await database.drop()
})

for (const { liveSse, mode } of modes) {
  test(`E42 E55 E56 keys, and what inserts, updates and deletes carry (${mode})`, async () => {
    const old = await insert('old')
    const { stream, changes, rows, shape } = follow({ liveSse })
    await shape.rows
    expect(changes()).toMatchObject([{ key: keyOf(old), value: { id: old, title: 'old', priority: 10 } }])
    expect(stream.lastOffset.startsWith('0_')).toBe(true)
    const fresh = await insert('fresh')
    await db.query(`update ${table} set title = 'changed' where id = $1`, [old])
    await db.query(`delete from ${table} where id = $1`, [fresh])
    await until('all three arrive', () => changes().length === 4)
    expect(changes().slice(1)).toMatchObject([
      { key: keyOf(fresh), headers: { operation: 'insert' }, value: { id: fresh, title: 'fresh', priority: 10 } },
      { key: keyOf(old), headers: { operation: 'update' } },
      { key: keyOf(fresh), headers: { operation: 'delete' } },
    ])
    expect(changes()[2]?.value).toEqual({ id: old, title: 'changed' })
    expect(changes()[3]?.value).toEqual({ id: fresh })
    await until('the offset is one of the stream', () => !stream.lastOffset.startsWith('0_'))
    expect(rows()).toEqual([{ id: old, title: 'changed', priority: 10 }])
  })

  test(`E35 E89 an empty shape makes no noise (${mode})`, async () => {
    const { controls, exchanges, changes } = follow({ liveSse })
    await until('it is live', () => exchanges.length === 3)
    await pause(1000)
    expect(exchanges.length).toBe(3)
    const [first, second, third] = exchanges.map(({ url }) => url.searchParams)
    expect(first?.get('offset')).toBe('-1')
    expect(second?.get('offset')).toBe('0_0')
    expect(third?.get('live')).toBe('true')
    expect(third?.get('live_sse')).toBe(liveSse ? 'true' : null)
    expect(third?.has('cursor')).toBe(true)
    expect(third?.get('offset')).not.toBe('-1')
    expect(controls()).toEqual(['snapshot-end', 'up-to-date'])
    expect(changes()).toEqual([])
  })

  test(`E72 E154 catch-up from a stored offset has what was missed and nothing else (${mode})`, async () => {
    const first = follow({ liveSse })
    await first.shape.rows
    const { shapeHandle: handle, lastOffset: offset } = first.stream
    expect(offset).toBe('0_inf')
    first.abort.abort()
    const ids: string[] = []
    for (let i = 0; i < 9; i++) ids.push(await insert(`issue ${i}`))
    const second = follow({ liveSse, handle: must(handle, 'handle'), offset })
    await until('it is up to date', () => second.changes().length === 9 && second.controls().length > 0)
    expect(second.changes().map(change => change.value['id'])).toEqual(ids)
    expect(second.controls()).not.toContain('snapshot-end')
    // and again from where that one ended
    await until('the second has its offset', () => second.stream.lastOffset !== offset)
    const { lastOffset } = second.stream
    second.abort.abort()
    const tenth = await insert('issue 10')
    const third = follow({ liveSse, handle: must(handle, 'handle'), offset: lastOffset })
    await until('the tenth arrives', () => third.changes().length > 0)
    expect(third.changes().map(change => change.value['id'])).toEqual([tenth])
  })

  test(`E79 offset=now begins with what comes (${mode})`, async () => {
    await insert('before')
    const { shape, changes, controls, rows, exchanges } = follow({ liveSse, offset: 'now' })
    await until('it is up to date', () => shape.isUpToDate)
    expect(changes()).toEqual([])
    expect(controls()).toEqual(['up-to-date'])
    const id = await insert('after')
    await until('the insert arrives', () => rows().length === 1)
    expect(rows()).toEqual([{ id, title: 'after', priority: 10 }])
    expect(exchanges[0]?.url.searchParams.get('offset')).toBe('now')
  })

  test(`E20 E59 columns, also such as need quoting (${mode})`, async () => {
    await db.query(`create table odd (id int2 primary key, normal text, "has,comma" text, "has""quote" text, "not" int);
      insert into odd values (1, 'n', 'c', 'q', 5)`)
    const columns = ['id', 'normal', 'has,comma', 'has"quote']
    const { shape, changes, rows } = follow({ liveSse, params: { table: 'odd', columns } })
    await shape.rows
    expect(rows()).toEqual([{ id: 1, normal: 'n', 'has,comma': 'c', 'has"quote': 'q' }])
    await db.query(`update odd set "not" = 6, "has,comma" = 'C'`)
    await until('the update arrives', () => changes().length === 2)
    expect(changes()[1]?.value).toEqual({ id: 1, 'has,comma': 'C' })
  })

  test(`E73 E74 a snapshot and a transaction come in chunks (${mode})`, async () => {
    const many = `insert into ${table} select gen_random_uuid(), repeat('x', 1000), 1 from generate_series(1, 35)`
    const chunksOf = (bodies: readonly (number | undefined)[]) => {
      const sizes = bodies.filter(size => size !== undefined && size > 1000).map(Number)
      expect(sizes.length).toBeGreaterThanOrEqual(2)
      for (const size of sizes.slice(0, -1)) expect(Math.abs(size - 10_000)).toBeLessThanOrEqual(2000)
      expect(sizes.at(-1)).toBeLessThan(11_000)
    }
    await db.query(many)
    const snapshot = follow({ liveSse })
    await snapshot.shape.rows
    expect(snapshot.rows().length).toBe(35)
    chunksOf(snapshot.exchanges.map(({ bytes }) => bytes))
    const { shapeHandle: handle, lastOffset: offset } = snapshot.stream
    await db.query(many)
    await until('the transaction arrives', () => snapshot.rows().length === 70)
    const later = follow({ liveSse, handle: must(handle, 'handle'), offset })
    await until('the transaction is read', () => later.changes().length === 35)
    chunksOf(later.exchanges.map(({ bytes }) => bytes))
  })

  test(`E87 E94 E97 a deleted shape is read anew, once (${mode})`, async () => {
    const old = await insert('old')
    const { stream, shape, rows, controls, exchanges } = follow({ liveSse })
    await shape.rows
    const handle = must(stream.shapeHandle, 'handle')
    const query = `${new URLSearchParams({ table, handle })}`
    expect((await fetch(`${running.url}?${query}`, { method: 'DELETE' })).ok).toBe(true)
    await until('it has another shape', () => stream.shapeHandle !== handle && shape.isUpToDate)
    await insert('new')
    await until('the insert arrives', () => rows().length === 2)
    expect(rows().map(row => row['id'])).toContain(old)
    expect(controls().filter(control => control === 'must-refetch').length).toBe(1)
    const after = exchanges.slice(exchanges.findIndex(({ status }) => status === 409) + 1)
    expect(after[0]?.url.searchParams.get('offset')).toBe('-1')
    expect(after[0]?.url.searchParams.get('handle')).toBe(stream.shapeHandle)
    expect(after[0]?.url.searchParams.get('expired_handle')).toBe(handle)
    expect(after[0]?.status).toBe(200)
  })

  test(`E94 a stored handle that is no more leads to the shape that is (${mode})`, async () => {
    await insert('one')
    const { stream, shape, rows } = follow({ liveSse, handle: '1234-5678', offset: afterSnapshot })
    await until('it has the row', () => shape.isUpToDate && rows().length === 1)
    expect(stream.shapeHandle).not.toBe('1234-5678')
  })
}

test('E49 a fresh reader gets the changes one by one', async () => {
  const id = await insert('one')
  await follow().shape.rows
  await db.query(`delete from ${table}`)
  await insert('two', id)
  await until('the stream has them', async () => {
    const reader = follow()
    await reader.shape.rows
    return reader.changes().length === 3
  })
  const reader = follow()
  await reader.shape.rows
  expect(reader.changes().map(({ headers }) => headers.operation)).toEqual(['insert', 'delete', 'insert'])
})

test('E66 forceDisconnectAndRefresh asks without live and goes on', async () => {
  const { stream, shape, exchanges, rows } = follow()
  await shape.rows
  const live = () => exchanges.filter(({ url }) => url.searchParams.get('live') === 'true').length
  await until('it is live', () => live() === 1)
  const before = exchanges.length
  await stream.forceDisconnectAndRefresh()
  await until('it is live again', () => live() === 2)
  const [refresh] = exchanges.slice(before)
  expect(refresh?.url.searchParams.has('live')).toBe(false)
  expect(refresh?.status).toBe(200)
  await insert('one')
  await until('the insert arrives', () => rows().length === 1)
})

test('E22 an invalid filter ends the stream with the reason', async () => {
  const { errors } = follow({ params: { table, where: '1 x 1' } })
  await until('the error is there', () => errors.length > 0)
  const [error] = errors
  expect(error).toBeInstanceOf(FetchError)
  expect(error).toMatchObject({
    status: 400,
    json: { message: 'Invalid request', errors: { where: ['At location 17: syntax error at or near "x"'] } },
  })
})

test('E23 an onError handler puts the parameters right', async () => {
  await insert('one')
  const { rows } = follow({
    params: { table, where: 'nothing = 1' },
    onError: () => ({ params: { table, where: 'priority = 10' } }),
  })
  await until('the row arrives', () => rows().length === 1)
})

test('E25 a filter as long as filters may be', async () => {
  await insert('"%" & ü')
  const where = `title in (${Array.from({ length: 5400 }, () => `'"%" & ü'`).join(', ')})`
  expect(Buffer.byteLength(where)).toBeGreaterThan(64_000)
  const { rows, errors } = follow({ params: { table, where } })
  await until('it is answered', () => rows().length > 0 || errors.length > 0)
  expect(errors).toEqual([])
})

test('E71 E108 etags: offsets that were never given out are revalidated like any other', async () => {
  const first = follow()
  await first.shape.rows
  const handle = must(first.stream.shapeHandle, 'handle')
  for (let i = 0; i < 9; i++) await insert(`issue ${i}`)
  await until('all are there', () => first.rows().length === 9)
  const url = (offset: string) => `${running.url}?${new URLSearchParams({ table, handle, offset })}`
  const log = await fetch(url('0_0'))
  const messages = (await log.json()) as { headers: { control?: string; operation?: string } }[]
  expect(messages.length).toBe(10)
  expect(messages.at(-1)?.headers.control).toBe('up-to-date')
  const again = await fetch(url('0_0'), { headers: { 'if-none-match': must(log.headers.get('etag'), 'etag') } })
  expect(again.status).toBe(304)
  const [tx = '', op = ''] = first.stream.lastOffset.split('_')
  const between = url(`${BigInt(tx) - 1n}_${op}`)
  const middle = await fetch(between)
  expect(middle.status).toBe(200)
  const revalidated = await fetch(between, { headers: { 'if-none-match': must(middle.headers.get('etag'), 'etag') } })
  expect(revalidated.status).toBe(304)
})
