// The visibility trap: Postgres sends a commit to the stream before new snapshots can see it; for ever, while it waits
// for a standby that does not exist.
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { sharedMajor, startCluster, type TestCluster, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { ask, changesOf, readToEnd } from '../testing/http.ts'

let cluster: TestCluster
let db: pg.Client
let engineUrl: string

beforeAll(async () => {
  cluster = await startCluster({ major: sharedMajor() })
  // Everything but the commits under test is content with the local disk.
  engineUrl = `${cluster.url}?options=${encodeURIComponent('-c synchronous_commit=local')}`
  db = new pg.Client({ connectionString: engineUrl })
  await db.connect()
  await db.query("alter system set synchronous_standby_names = 'nobody'")
  await db.query('select pg_reload_conf()')
  await until('the standby is missed', async () => {
    const { rows } = await db.query<{ synchronous_standby_names: string }>('show synchronous_standby_names')
    return rows[0]?.synchronous_standby_names === 'nobody'
  })
  await db.query('create table items (id int primary key, n int); create table others (id int primary key)')
})

afterAll(async () => {
  await db.end()
  await cluster.stop()
})

/** A commit that Postgres has sent to the stream and that no snapshot sees until `release`. */
const hangingCommit = async (sql: string, dispatched: () => boolean | Promise<boolean>) => {
  const writer = new pg.Client({ connectionString: cluster.url, options: '-c synchronous_commit=on' })
  writer.on('error', () => {})
  await writer.connect()
  const { rows } = await writer.query<{ pid: number }>('select pg_backend_pid() as pid')
  const done = writer.query(sql).catch(() => {})
  await until('the commit is dispatched', dispatched)
  return async () => {
    await db.query('select pg_cancel_backend($1)', [rows[0]?.pid])
    await done
    await writer.end()
  }
}

const rowsOf = async (running: TestEngine, params: Record<string, string>) =>
  changesOf((await readToEnd(running.url, params)).messages)
    .map(message => message.value?.['id'] ?? '')
    .sort((a, b) => a.localeCompare(b))

test('S-21 a shape waits for a dispatched commit that is not visible, and refuses after a while', async () => {
  const running = await startEngine(engineUrl, { visibilityMs: 300 })
  try {
    await readToEnd(running.url, { table: 'items' })
    await readToEnd(running.url, { table: 'others' })
    await db.query('insert into items values (1, 1)')
    const before = running.engine.lastProcessedLsn()
    const release = await hangingCommit('insert into items values (2, 2)', () => {
      return running.engine.lastProcessedLsn() > before && changed(running) >= 2
    })
    const refused = await ask(running.url, { table: 'items', offset: -1, where: 'n > 0' })
    expect([refused.status, refused.json]).toEqual([
      503,
      { message: 'Snapshot timed out while waiting for a commit to become visible' },
    ])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    const subset = await ask(running.url, { table: 'items', offset: 'now', subset__where: 'n > 0' })
    expect(subset.status).toBe(503)
    // A table that the commit did not touch is not held up.
    expect((await ask(running.url, { table: 'others', offset: -1, replica: 'full' })).status).toBe(200)
    await release()
    expect(await rowsOf(running, { table: 'items', where: 'n > 0' })).toEqual(['1', '2'])
    expect(await rowsOf(running, { table: 'items' })).toEqual(['1', '2'])
  } finally {
    await running.stop()
  }
})

test('S-21 the trap is remembered over a restart', async () => {
  await db.query('truncate items')
  const first = await startEngine(engineUrl, { visibilityMs: 300 })
  const id = first.replicationId
  let release: (() => Promise<void>) | undefined
  try {
    await readToEnd(first.url, { table: 'items' })
    const before = first.engine.lastProcessedLsn()
    release = await hangingCommit(
      'insert into items values (7, 7)',
      () => first.engine.lastProcessedLsn() > before && changed(first) >= 1,
    )
    await until('the position is durable', () => first.engine.confirmedLsn() > before)
  } finally {
    await first.stop({ keep: true })
  }
  const second = await startEngine(engineUrl, { visibilityMs: 300, storageDir: first.folder, replicationId: id })
  try {
    expect((await ask(second.url, { table: 'items', offset: -1, where: 'n > 0' })).status).toBe(503)
    await release?.()
    expect(await rowsOf(second, { table: 'items', where: 'n > 0' })).toEqual(['7'])
    expect(await rowsOf(second, { table: 'items' })).toEqual(['7'])
  } finally {
    await second.stop()
  }
})

/** Changes that the engine has put into shapes since it started. */
const changed = (running: TestEngine) => running.engine.changeCount()

test('S-25 a column that was exchanged is noticed once the catalogs show it, however late that is', async () => {
  await db.query('create table columns (id int primary key, k int, n int); insert into columns values (1, 1, 1)')
  const running = await startEngine(engineUrl)
  try {
    const { handle, offset } = await readToEnd(running.url, { table: 'columns' })
    const before = running.engine.lastProcessedLsn()
    const release = await hangingCommit(
      'alter table columns drop k; alter table columns add k int; update columns set n = 2',
      () => running.engine.lastProcessedLsn() > before,
    )
    // long enough for a look at catalogs that do not show it yet
    await pause(500)
    await release()
    const status = async () => (await ask(running.url, { table: 'columns', handle, offset })).status
    await until('the shape ends', async () => (await status()) === 409, 5000)
  } finally {
    await running.stop()
  }
})

const isHanging = async () => {
  const { rows } = await db.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'")
  return rows.length > 0
}

describe('partitions', () => {
  beforeEach(async () => {
    await db.query(`drop table if exists parted; create table parted (id int primary key, n int) partition by range (id);
      create table parted_1 partition of parted for values from (0) to (10); insert into parted values (1, 1)`)
  })

  const appear = () =>
    hangingCommit(
      `create table parted_2 partition of parted for values from (10) to (20);
       alter table parted_2 replica identity full; insert into parted values (11, 1)`,
      isHanging,
    )

  test('E131 one that appears with its first rows is followed, however late the catalogs show it', async () => {
    const running = await startEngine(engineUrl)
    try {
      const at = await readToEnd(running.url, { table: 'parted' })
      const release = await appear()
      // long enough for a look at catalogs that do not show it yet
      await pause(500)
      await release()
      await until('the row is there', async () => (await rowsOf(running, { table: 'parted' })).includes('11'), 5000)
      const all = changesOf((await readToEnd(running.url, { table: 'parted' }, at)).messages)
      expect(all.map(({ value }) => value?.['id'])).toEqual(['11'])
    } finally {
      await running.stop()
    }
  })

  test('E131 one that stays invisible for too long ends the shapes that its rows may belong to', async () => {
    const running = await startEngine(engineUrl, { visibilityMs: 300 })
    try {
      const { handle, offset } = await readToEnd(running.url, { table: 'parted' })
      const release = await appear()
      const status = async () => (await ask(running.url, { table: 'parted', handle, offset })).status
      await until('the shape ends', async () => (await status()) === 409, 5000)
      await release()
      expect(await rowsOf(running, { table: 'parted' })).toEqual(['1', '11'])
    } finally {
      await running.stop()
    }
  })
})
