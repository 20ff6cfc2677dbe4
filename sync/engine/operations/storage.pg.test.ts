// A storage that cannot be written: what is stored is served, the slot is told nothing, everybody can see why, and when
// there is room again nothing is missing. Writes fail at the named points of the files (crash-point.ts).
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, queryOnce, type TestDatabase, until } from '#server/testing/postgres.ts'
import { collectingLog } from '../../testing/collecting-log.ts'
import { startEngine, type TestEngine } from '../../testing/engine.ts'
import { ask, changesOf, materialise, readToEnd } from '../../testing/http.ts'
import { compareWithSql, followStrictly } from '../../testing/oracle.ts'
import type { CrashPoint } from '../crash-point.ts'

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

/** An engine whose writes at `points` fail with `code` while `broken` is set. */
const begin = async (code: string, points: readonly CrashPoint[], options: Parameters<typeof startEngine>[1] = {}) => {
  const fault = { broken: false }
  const passed = new Set<CrashPoint>()
  const log = collectingLog()
  const running = await startEngine(database.url, {
    longPollMs: 300,
    log,
    reach: point => {
      if (fault.broken && points.includes(point)) throw Object.assign(new Error(`${code}: ${point}`), { code })
      passed.add(point)
    },
    ...options,
  })
  cleanUp.push(() => running.stop())
  // what is served before it is recorded does not outlive its engine
  const stored = () => until('the first shape is durable', () => passed.has('snapshot.complete'))
  return { running, fault, log, stored }
}

/** What the slot has been told, as Postgres has it. */
const confirmed = async ({ replicationId }: TestEngine): Promise<bigint> => {
  const { rows } = await queryOnce(
    database.url,
    "select (confirmed_flush_lsn - '0/0')::text as lsn from pg_replication_slots where slot_name = $1",
    [`skerry_slot_${replicationId}`],
  )
  return BigInt(must(rows[0] as { lsn: string } | undefined).lsn)
}
const walEnd = async () =>
  BigInt(must((await sql("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")).rows[0] as { lsn: string }).lsn)

const places: readonly (readonly [string, string, readonly CrashPoint[]])[] = [
  ['a full disk', 'ENOSPC', ['log.before-write', 'catalog.before-write', 'position.before-sync']],
  ['a full disk that fails half-way', 'ENOSPC', ['log.after-write', 'catalog.before-sync', 'position.before-sync']],
  ['a read-only file system', 'EROFS', ['log.before-write', 'catalog.before-write', 'position.before-write']],
]

test.each(places)(
  'S-42 %s: what is stored is served, the slot waits, and nothing is lost',
  async (_name, code, points) => {
    const { running, fault, log, stored } = await begin(code, points)
    const reader = followStrictly(() => running.url, all.params)
    cleanUp.push(() => reader.stop())
    await until('the reader is there', () => reader.complete > 0n)
    await stored()
    fault.broken = true
    await sql("insert into items values (2, 'b')")
    const before = await walEnd()
    await until('it is known', () => running.engine.storageFailure() === code)
    const health = await fetch(`${running.origin}/v1/health`)
    expect([health.status, await health.json()]).toEqual([
      200,
      { status: 'active', problem: `the storage cannot be written (${code})` },
    ])
    await sql("insert into items values (3, 'c')")
    await until('the rows are served', () => reader.rows.size === 3)
    expect((await ask(running.url, { table: 'items', where: 'id > 7', offset: -1 })).status).toBe(503)
    // long enough for several attempts to write
    const attempts = running.engine.lastProcessedLsn()
    await sql("insert into items values (4, 'd')")
    await until('the stream goes on', () => running.engine.lastProcessedLsn() > attempts)
    expect(await confirmed(running)).toBeLessThan(before)
    expect(running.engine.confirmedLsn()).toBeLessThan(before)
    fault.broken = false
    await until('it is written', async () => (await confirmed(running)) > before)
    expect(running.engine.storageFailure()).toBeUndefined()
    await compareWithSql(database.url, reader, all)
    expect(reader.restarts).toBe(0)
    const said = log.lines.filter(({ message }) => message.startsWith('the storage'))
    expect(said.map(({ level }) => level)).toEqual(['error', 'info'])
    expect((await ask(running.url, { table: 'items', where: 'id > 7', offset: -1 })).status).toBe(200)
  },
)

test('S-42 S-83 with a full disk memory stays bounded: the stream stands still, and goes on when there is room', async () => {
  const { running, fault } = await begin('ENOSPC', ['log.before-write'])
  const reader = followStrictly(() => running.url, all.params)
  cleanUp.push(() => reader.stop())
  await until('the reader is there', () => reader.complete > 0n)
  fault.broken = true
  for (let part = 0; part < 5; part++)
    await sql(
      `insert into items select g, repeat('x', 10000) from generate_series(${10 + part * 1000}, ${9 + part * 1000 + 1000}) g`,
    )
  const end = await walEnd()
  await until('it is known', () => running.engine.storageFailure() === 'ENOSPC')
  await until('it has stopped', async () => {
    const first = reader.rows.size
    await new Promise(resolve => setTimeout(resolve, 500))
    return first > 1 && reader.rows.size === first
  })
  expect(running.engine.lastProcessedLsn()).toBeLessThan(end)
  // 10 MB a transaction, 16 MiB at most in memory, and one of them may be on its way
  expect(reader.rows.size).toBeLessThanOrEqual(3001)
  fault.broken = false
  await compareWithSql(database.url, reader, all)
  expect(reader.rows.size).toBe(5001)
  expect(reader.restarts).toBe(0)
})

test('S-42 S-40 an engine that ends with a full disk loses nothing: the slot repeats what was not stored', async () => {
  const { running, fault, stored } = await begin('ENOSPC', ['log.before-write', 'position.before-sync'])
  const at = await readToEnd(running.url, all.params)
  await stored()
  fault.broken = true
  await sql("insert into items values (2, 'b')")
  const served = await ask(running.url, { ...all.params, handle: at.handle, offset: at.offset, live: true })
  expect(changesOf(served.messages)).toHaveLength(1)
  await running.stop({ keep: true })
  const again = await startEngine(database.url, { storageDir: running.folder, replicationId: running.replicationId })
  cleanUp.push(() => again.stop())
  await sql("insert into items values (3, 'c')")
  const rows = materialise([...at.messages, ...served.messages])
  await until('the rest is there', async () => {
    const next = await ask(again.url, { ...all.params, handle: served.handle, offset: served.offset })
    expect([200, 503]).toContain(next.status)
    return changesOf(next.messages).length === 1 && materialise(next.messages, rows).size === 3
  })
})

test('S-1 S-42 the end of a shape that cannot be stored is told to nobody, and then to everybody', async () => {
  const { running, fault, stored } = await begin('ENOSPC', ['catalog.before-sync'])
  const at = await readToEnd(running.url, all.params)
  await stored()
  const old = { ...all.params, handle: at.handle, offset: at.offset }
  fault.broken = true
  await sql('truncate items')
  await until('it is refused', async () => (await ask(running.url, old)).status === 503)
  const live = await ask(running.url, { ...old, live: true })
  expect([live.status, live.json]).toEqual([503, { message: 'The storage of the server cannot be written' }])
  fault.broken = false
  await until('it has ended', async () => (await ask(running.url, old)).status === 409)
  await running.stop({ keep: true })
  const again = await startEngine(database.url, { storageDir: running.folder, replicationId: running.replicationId })
  cleanUp.push(() => again.stop())
  expect((await ask(again.url, old)).status).toBe(409)
})

test('S-34 a log that cannot be written where others can ends its shape, and holds nobody back', async () => {
  const { running, log } = await begin('none', [])
  const at = await readToEnd(running.url, all.params)
  const other = await readToEnd(running.url, { ...all.params, where: 'id > 0' })
  const shapes = join(running.folder, 'shapes')
  const logFile = () =>
    readdirSync(shapes, { recursive: true, encoding: 'utf8' }).find(path => path.endsWith(`${at.handle}/log`))
  // a shape is served before it is recorded, and the first flush after that makes its log
  await until('the log is there', () => logFile() !== undefined)
  const file = join(shapes, must(logFile()))
  rmSync(file)
  mkdirSync(file)
  await sql("insert into items values (2, 'b')")
  const end = await walEnd()
  await until('the slot goes on', async () => {
    await sql("select pg_logical_emit_message(false, 'test', '')")
    return (await confirmed(running)) > end
  })
  expect((await ask(running.url, { ...all.params, handle: at.handle, offset: at.offset })).status).toBe(409)
  const next = await ask(running.url, { table: 'items', where: 'id > 0', handle: other.handle, offset: other.offset })
  expect(changesOf(next.messages)).toHaveLength(1)
  expect(log.lines.map(({ message }) => message)).toContain('a log could not be written')
  expect(running.engine.storageFailure()).toBeUndefined()
})

test('S-34 a log whose sync failed once is never trusted again', async () => {
  const { running, fault } = await begin('EIO', ['log.after-sync'])
  const at = await readToEnd(running.url, all.params)
  fault.broken = true
  await sql("insert into items values (2, 'b')")
  await until('its shape ends', async () => {
    return (await ask(running.url, { ...all.params, handle: at.handle, offset: at.offset })).status === 409
  })
})
