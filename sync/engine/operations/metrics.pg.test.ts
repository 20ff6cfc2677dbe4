// The engine's figures, on an engine that works.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '#server/kernel/log.ts'
import { emptyDatabase, queryOnce, type TestDatabase, until } from '#server/testing/postgres.ts'
import { uniqueId } from '../../testing/engine.ts'
import type { Engine } from '../engine.ts'
import { createEngine } from '../service.ts'
import { engineMetrics, folderBytes } from './metrics.ts'

let database: TestDatabase
let engine: Engine
let folder: string
let time = 0

beforeEach(async () => {
  database = await emptyDatabase()
  folder = mkdtempSync(join(tmpdir(), 'skerry-metrics-'))
  await queryOnce(database.url, 'create table items (id int primary key, title text)')
  engine = createEngine({
    databaseUrl: database.url,
    storageDir: folder,
    publication: 'automatic',
    replicationId: uniqueId(),
    longPollMs: 60_000,
    log: silentLog,
  })
  await engine.start()
  await until('it streams', async () => (await engine.health()) === 'active')
})
afterEach(async () => {
  await engine.stop()
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

const read = async (registry: Registry): Promise<Record<string, number>> => {
  // beyond every memory of a value
  time += 100_000
  const text = await registry.metrics()
  return Object.fromEntries(
    [...text.matchAll(/^(skerry_\w+) ([-\d.e+]+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  )
}

test('shapes, changes, waiting readers, lag, retained WAL and bytes on disk', async () => {
  const registry = new Registry()
  engineMetrics(registry, engine, folder, () => time)
  expect(await read(registry)).toMatchObject({
    skerry_sync_active: 1,
    skerry_sync_waiting: 0,
    skerry_sync_starting: 0,
    skerry_sync_shapes: 0,
    skerry_sync_waiting_requests: 0,
    skerry_sync_slot_lost: 0,
  })
  const ask = (query: string, signal = new AbortController().signal) =>
    engine.handle({ method: 'GET', query: new URLSearchParams(`table=items&${query}`), headers: {}, signal })
  const first = await ask('offset=-1')
  const handle = first.headers['electric-handle']
  await queryOnce(database.url, `insert into items select n, 'x' from generate_series(1, 10) n`)
  await until('the rows are in the shape', () => engine.changeCount() === 10)
  const gone = new AbortController()
  const poll = ask(`offset=now&handle=${handle}`).then(now =>
    ask(`offset=${now.headers['electric-offset']}&handle=${handle}&live=true`, gone.signal),
  )
  await until('a reader waits', () => engine.waiting() === 1)
  const figures = await read(registry)
  expect(figures).toMatchObject({ skerry_sync_shapes: 1, skerry_sync_changes: 10, skerry_sync_waiting_requests: 1 })
  expect(figures['skerry_sync_storage_bytes']).toBeGreaterThan(100)
  expect(figures['skerry_sync_replication_lag_bytes']).toBeGreaterThanOrEqual(0)
  expect(figures['skerry_sync_retained_wal_bytes']).toBeGreaterThan(0)
  gone.abort()
  await poll
})

test('what Postgres does not say is left out', async () => {
  const registry = new Registry()
  engineMetrics(registry, { ...engine, replicationStatus: async () => undefined }, folder)
  const figures = await read(registry)
  expect(figures['skerry_sync_active']).toBe(1)
  for (const name of ['replication_lag_bytes', 'retained_wal_bytes', 'slot_lost'])
    expect(figures).not.toHaveProperty(`skerry_sync_${name}`)
})

test('the bytes of a folder are those of all its files', async () => {
  const before = await folderBytes(folder)
  writeFileSync(join(folder, 'one'), Buffer.alloc(1000))
  expect(await folderBytes(folder)).toBe(before + 1000)
  expect(await folderBytes(join(folder, 'none'))).toBe(0)
})
