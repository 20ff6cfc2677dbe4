// The engine beside its database: locks, lost slots, outages, manual publications, large transactions.
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { emptyDatabase, sharedMajor, startCluster, until } from '#server/testing/postgres.ts'
import { type BedDatabase, makeBed } from '../testing/bed.ts'
import { startEngine, uniqueId } from '../testing/engine.ts'
import { ask, changesOf, readToEnd } from '../testing/http.ts'

const { open, settle, start } = makeBed(emptyDatabase)
let database: BedDatabase
let db: pg.Client

beforeEach(async () => {
  ;({ database, db } = await open('create table items (id int primary key, title text, n int)'))
})

test('E72 E97 E135 a clean restart keeps handles and offsets, and retired handles stay retired', async () => {
  const first = await startEngine(database.url, { longPollMs: 500 })
  await db.query("insert into items values (1, 'a', 1)")
  const quiet = await readToEnd(first.url, { table: 'items', where: 'n > 100' })
  const at = await readToEnd(first.url, { table: 'items' })
  await db.query("insert into items values (2, 'b', 2)")
  await settle(first)
  const dead = await readToEnd(first.url, { table: 'items', replica: 'full' })
  await ask(first.url, { handle: dead.handle }, { method: 'DELETE' })
  await first.stop({ keep: true })
  await db.query("insert into items values (3, 'c', 3)")
  const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
  await settle(second)
  const after = await readToEnd(second.url, { table: 'items' }, at)
  expect(after.handle).toBe(at.handle)
  expect(changesOf(after.messages).map(change => change.value?.['id'])).toEqual(['2', '3'])
  expect((await ask(second.url, { table: 'items', where: 'n > 100', ...pick(quiet) })).messages).toHaveLength(1)
  const refused = await ask(second.url, { table: 'items', replica: 'full', ...pick(dead) })
  expect(refused.status).toBe(409)
  expect(refused.handle).not.toBe(dead.handle)
})

/** A stopped engine's process in Postgres ends a moment later than the engine. */
const slotIsFree = (slot: string) =>
  until(`nobody reads ${slot}`, async () => {
    const { rows } = await db.query('select active from pg_replication_slots where slot_name = $1', [slot])
    return rows[0]?.active === false
  })

const pick = ({ handle, offset }: { handle: string; offset: string }) => ({ handle, offset })

test('E136 a slot that was dropped behind our back ends every shape', async () => {
  const first = await startEngine(database.url)
  const at = await readToEnd(first.url, { table: 'items' })
  await first.stop({ keep: true })
  const slot = `skerry_slot_${first.replicationId}`
  await slotIsFree(slot)
  await db.query('select pg_drop_replication_slot($1)', [slot])
  await db.query("insert into items values (1, 'lost', 1)")
  const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
  expect((await ask(second.url, { table: 'items', ...pick(at) })).status).toBe(409)
  expect(changesOf((await readToEnd(second.url, { table: 'items' })).messages)).toHaveLength(1)
})

test('E136 a slot that was recreated, or moved on, ends every shape', async () => {
  const first = await startEngine(database.url)
  const at = await readToEnd(first.url, { table: 'items' })
  await first.stop({ keep: true })
  await db.query("insert into items values (1, 'lost', 1)")
  const slot = `skerry_slot_${first.replicationId}`
  await slotIsFree(slot)
  await db.query('select pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot])
  const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
  expect((await ask(second.url, { table: 'items', ...pick(at) })).status).toBe(409)
})

test('E136 a folder of another database is not continued', async () => {
  const first = await startEngine(database.url)
  const at = await readToEnd(first.url, { table: 'items' })
  await first.stop({ keep: true })
  const other = await emptyDatabase()
  try {
    const there = new pg.Client({ connectionString: other.url })
    await there.connect()
    await there.query(
      "create table items (id int primary key, title text, n int); insert into items values (9, 'z', 9)",
    )
    await there.end()
    const second = await startEngine(other.url, { storageDir: first.folder, replicationId: uniqueId() })
    try {
      expect((await ask(second.url, { table: 'items', ...pick(at) })).status).toBe(409)
    } finally {
      await second.stop()
    }
  } finally {
    await other.drop()
  }
})

test('E138 a second engine waits and takes over', async () => {
  const first = await startEngine(database.url)
  await readToEnd(first.url, { table: 'items' })
  const second = await start({ replicationId: first.replicationId, readinessMs: 0 })
  await until('it waits', async () => (await second.engine.health()) === 'waiting')
  const health = await fetch(`${second.origin}/v1/health`)
  expect([health.status, await health.json()]).toEqual([202, { status: 'waiting' }])
  const refused = await ask(second.url, { table: 'items', offset: -1 })
  expect([refused.status, refused.json]).toEqual([503, { message: 'Timeout waiting for Postgres lock acquisition' }])
  expect(refused.headers.get('retry-after')).toBe('5')
  await first.stop()
  await until('it takes over', async () => (await second.engine.health()) === 'active')
  expect((await ask(second.url, { table: 'items', offset: -1 })).status).toBe(200)
})

test('E130 E137 publications by hand, and a slot that keeps up in an idle time', async () => {
  const replicationId = uniqueId()
  const publicationName = `pub_${replicationId}`
  await db.query(`create publication ${publicationName}`)
  const running = await start({ publication: 'manual', publicationName, replicationId })
  const refused = await ask(running.url, { table: 'items', offset: -1 })
  expect([refused.status, refused.json]).toEqual([
    503,
    {
      message: `Database table "public.items" is missing from the publication "${publicationName}" and the ELECTRIC_MANUAL_TABLE_PUBLISHING setting prevents Electric from adding it`,
    },
  ])
  await db.query(`alter publication ${publicationName} add table items`)
  const half = await ask(running.url, { table: 'items', offset: -1 })
  expect(half.text).toContain('does not have its replica identity set to FULL')
  await db.query('alter table items replica identity full')
  expect((await ask(running.url, { table: 'items', offset: -1 })).status).toBe(200)
  const before = running.engine.confirmedLsn()
  await db.query('create table unrelated as select g from generate_series(1, 1000) g')
  await until('the slot follows', () => running.engine.confirmedLsn() > before)
  // Postgres writes down a little later what it was told
  await until('Postgres knows', async () => {
    const { rows } = await db.query<{ ahead: boolean }>(
      "select confirmed_flush_lsn > '0/0'::pg_lsn + $1::numeric as ahead from pg_replication_slots where slot_name = $2",
      [String(before), `skerry_slot_${replicationId}`],
    )
    return rows[0]?.ahead === true
  })
})

test('E74 a large transaction appears whole, in chunks', async () => {
  const running = await start({ chunkBytes: 1_000_000 })
  const at = await readToEnd(running.url, { table: 'items' })
  await db.query("insert into items select g, repeat('x', 500), g from generate_series(1, 40000) g")
  await settle(running)
  const after = await readToEnd(running.url, { table: 'items' }, at)
  const changes = changesOf(after.messages)
  expect(changes).toHaveLength(40_000)
  expect(changes.filter(change => change.headers['last'] === true)).toEqual([changes.at(-1)])
  expect(after.replies.length).toBeGreaterThan(20)
})

test('E141 E83 Postgres goes away: what is stored is read, the rest is refused, and all comes back', async () => {
  const cluster = await startCluster({ major: sharedMajor() })
  const running = await startEngine(cluster.url, { longPollMs: 500 })
  try {
    const there = new pg.Client({ connectionString: cluster.url })
    there.on('error', () => {})
    await there.connect()
    await there.query('create table items (id int primary key); insert into items values (1)')
    const at = await readToEnd(running.url, { table: 'items' })
    await there.end()
    const restarted = cluster.restart()
    await until('the outage is noticed', async () => (await running.engine.health()) !== 'active')
    expect((await ask(running.url, { table: 'items', offset: -1 })).messages).toHaveLength(2)
    const refused = await ask(running.url, { table: 'items', offset: -1, where: 'id > 5' })
    expect([200, 503]).toContain(refused.status)
    await restarted
    await until('it is back', async () => (await running.engine.health()) === 'active')
    const again = new pg.Client({ connectionString: cluster.url })
    await again.connect()
    await again.query('insert into items values (2)')
    await again.end()
    await until('the change arrives', async () => {
      const reply = await ask(running.url, { table: 'items', ...pick(at) })
      return changesOf(reply.messages).length === 1
    })
  } finally {
    await running.stop()
    await cluster.stop()
  }
})

test('shapes that end while they begin leave no folder', async () => {
  const running = await start()
  const shapes = join(running.folder, 'shapes')
  // one level at a time: a folder that goes while one looks is no concern of a listing of the level above it
  const folders = () => readdirSync(shapes).reduce((sum, half) => sum + readdirSync(join(shapes, half)).length, 0)
  for (let round = 0; round < 8; round += 1) {
    const asked = Array.from({ length: 12 }, (_, n) =>
      ask(running.url, { table: 'items', where: `n = ${round * 100 + n}`, offset: -1 }),
    )
    await db.query('truncate items')
    await Promise.all(asked)
  }
  await settle(running)
  await until('there is a folder for each shape', () => folders() === running.engine.shapeCount())
})

test('a small snapshot that was answered before it was on disk comes from memory afterwards', async () => {
  const running = await start()
  await db.query("insert into items values (1, 'a', 1)")
  const first = await ask(running.url, { table: 'items', offset: -1 })
  const written = () =>
    readdirSync(running.folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('snapshot.0.json'))
      .map(name => join(running.folder, name))
      .find(path => statSync(path).size > 0)
  await until('the snapshot is on disk', async () => written() !== undefined)
  await settle(running)
  rmSync(written() ?? '')
  const again = await ask(running.url, { table: 'items', offset: -1 })
  expect(again.status).toBe(200)
  expect(again.messages).toEqual(first.messages)
})
