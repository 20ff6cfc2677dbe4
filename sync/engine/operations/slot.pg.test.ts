// The replication slot and whatever may happen to it: lost, dropped, recreated, in use, slow to be made; and who takes over.
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import {
  emptyDatabase,
  queryOnce,
  sharedMajor,
  startCluster,
  type TestDatabase,
  until,
} from '#server/testing/postgres.ts'
import { collectingLog } from '../../testing/collecting-log.ts'
import { startEngine, type TestEngine, uniqueId } from '../../testing/engine.ts'
import { createEngineProcess, type EngineProcess } from '../../testing/engine-process.ts'
import { ask, changesOf, readToEnd } from '../../testing/http.ts'
import { compareWithSql, followStrictly } from '../../testing/oracle.ts'
import { connectReplication } from '../replication/connection.ts'

let database: TestDatabase
const cleanUp: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  database = await emptyDatabase()
  await queryOnce(database.url, 'create table items (id int primary key, title text)')
})
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
  await database.drop()
})

const start = async (options: Parameters<typeof startEngine>[1] = {}): Promise<TestEngine> => {
  const engine = await startEngine(database.url, { longPollMs: 500, ...options })
  cleanUp.push(() => engine.stop())
  return engine
}
const process_ = (options: Parameters<typeof createEngineProcess>[1] = {}, url = database.url): EngineProcess => {
  const engine = createEngineProcess(url, { longPollMs: 500, ...options })
  cleanUp.push(() => engine.destroy())
  return engine
}
const health = async ({ origin }: { origin: string }): Promise<[number, unknown]> => {
  const answer = await fetch(`${origin}/v1/health`)
  return [answer.status, await answer.json()]
}
const isActive = (engine: { origin: string }) =>
  health(engine).then(
    ([status]) => status === 200,
    () => false,
  )
const waits = async (engine: { origin: string }) => JSON.stringify(await health(engine)).includes('waiting')
const all = { params: { table: 'items' }, sql: 'select * from items' }

test('S-41 a slot that falls behind max_slot_wal_keep_size while the engine hangs: every shape ends, nothing is missing', async () => {
  const cluster = await startCluster({
    major: sharedMajor(),
    settings: { max_slot_wal_keep_size: '16MB', max_wal_size: '48MB', min_wal_size: '32MB' },
  })
  cleanUp.push(() => cluster.stop())
  await queryOnce(cluster.url, "create table items (id int primary key, title text); insert into items values (1, 'a')")
  const engine = process_({}, cluster.url)
  await engine.start()
  const reader = followStrictly(() => engine.url, all.params)
  cleanUp.push(() => reader.stop())
  await until('the reader is there', () => reader.complete > 0n)
  process.kill(must(engine.pid()), 'SIGSTOP')
  const slot = `skerry_slot_${engine.replicationId}`
  let next = 2
  await until('the slot is lost', async () => {
    await queryOnce(
      cluster.url,
      `insert into items select g, repeat('x', 500) from generate_series(${next}, ${next + 999}) g`,
    )
    next += 1000
    await queryOnce(cluster.url, 'select pg_switch_wal()')
    await queryOnce(cluster.url, 'checkpoint')
    const { rows } = await queryOnce(cluster.url, 'select wal_status from pg_replication_slots where slot_name = $1', [
      slot,
    ])
    return (rows[0] as { wal_status: string }).wal_status === 'lost'
  })
  process.kill(must(engine.pid()), 'SIGCONT')
  await compareWithSql(cluster.url, reader, all)
  expect(reader.restarts).toBe(1)
})

test('S-41 a slot that is dropped under the stream, and one that somebody makes again, end every shape', async () => {
  const running = await start()
  const slot = `skerry_slot_${running.replicationId}`
  for (const remake of [false, true]) {
    const at = await readToEnd(running.url, all.params)
    await until('it can be dropped', async () => {
      await queryOnce(
        database.url,
        'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active',
        [slot],
      )
      return queryOnce(database.url, 'select pg_drop_replication_slot($1)', [slot]).then(
        () => true,
        () => false,
      )
    })
    await queryOnce(database.url, `insert into items values (${remake ? 2 : 1}, 'while there was none')`)
    if (remake)
      await queryOnce(database.url, `select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]).catch(() => {
        // the engine was quicker, which is the other case once more
      })
    await until('the old handle is refused', async () => {
      const { status } = await ask(running.url, { ...all.params, handle: at.handle, offset: at.offset })
      return status === 409
    })
    expect(changesOf((await readToEnd(running.url, all.params)).messages)).toHaveLength(remake ? 2 : 1)
  }
})

test('S-81 while somebody else reads the slot the engine says so, is not active, and goes on when he has left', async () => {
  const first = await start()
  await readToEnd(first.url, all.params)
  await first.stop({ keep: true })
  cleanUp.pop()
  const other = await connectReplication(database.url, () => undefined)
  const slot = `skerry_slot_${first.replicationId}`
  const streaming = other.stream(slot, `electric_publication_${first.replicationId}`, {
    onData: () => undefined,
    onStart: () => undefined,
    onKeepalive: () => undefined,
  })
  streaming.catch(() => undefined)
  await until('he reads it', async () => {
    const { rows } = await queryOnce(database.url, 'select active from pg_replication_slots where slot_name = $1', [
      slot,
    ])
    return (rows[0] as { active: boolean }).active
  })
  const log = collectingLog()
  const second = await start({ storageDir: first.folder, replicationId: first.replicationId, log, readinessMs: 0 })
  await until('it says so', () => log.lines.some(({ message }) => message === 'replication cannot begin'))
  expect(await health(second)).toEqual([202, { status: 'starting' }])
  expect(log.lines.find(({ level }) => level === 'error')?.fields['remedy']).toContain('end that process')
  expect(log.lines.map(({ message }) => message)).not.toContain('streaming')
  other.close()
  await until('it streams', () => isActive(second))
})

test('S-81 a standby takes over from an engine that is killed, and from one whose network hangs, and has the right rows', {
  timeout: 120_000,
}, async () => {
  const first = process_()
  const second = process_({ replicationId: first.replicationId })
  await first.start()
  await until('the first streams', () => isActive(first))
  await second.start()
  await until('the second waits', () => waits(second))
  expect(await health(second)).toEqual([202, { status: 'waiting' }])
  let serving = first
  const reader = followStrictly(() => serving.url, all.params)
  cleanUp.push(() => reader.stop())
  await until('the reader is there', () => reader.complete > 0n)
  await first.kill()
  await queryOnce(database.url, "insert into items values (1, 'in between')")
  const { written } = (await queryOnce(database.url, 'select pg_current_wal_lsn()::text as written')).rows[0] as {
    written: string
  }
  await until('the second streams', () => isActive(second), 10_000)
  serving = second
  await compareWithSql(database.url, reader, all)
  // until then the slot would give it all to the first once more, whose shapes could rightly go on under their old handles
  await until('the slot has been told', async () => {
    const { rows } = await queryOnce(
      database.url,
      'select confirmed_flush_lsn >= $2::pg_lsn as told from pg_replication_slots where slot_name = $1',
      [`skerry_slot_${first.replicationId}`, written],
    )
    return (rows[0] as { told: boolean }).told
  })
  await first.start()
  await until('the first waits', () => waits(first))
  // As if its packets went nowhere: Postgres sees an open connection and hears nothing.
  process.kill(must(second.pid()), 'SIGSTOP')
  await queryOnce(database.url, "insert into items values (2, 'again')")
  await until('the first streams', () => isActive(first), 25_000)
  serving = first
  process.kill(must(second.pid()), 'SIGCONT')
  await compareWithSql(database.url, reader, all)
  await until('the second waits again', () => waits(second), 25_000)
})

test('a slot that waits for an open transaction is no silence, and does not outlive its engine', async () => {
  const writer = new pg.Client({ connectionString: database.url })
  await writer.connect()
  cleanUp.push(() => writer.end())
  await writer.query('begin; select pg_current_xact_id()')
  const { rows } = await writer.query<{ pid: number }>('select pg_backend_pid() as pid')
  const replicationId = uniqueId()
  const killed = process_({ replicationId })
  await killed.start()
  await until('Postgres makes the slot', async () => {
    const found = await queryOnce(database.url, 'select 1 from pg_replication_slots where slot_name = $1', [
      `skerry_slot_${replicationId}`,
    ])
    return found.rows.length === 1
  })
  await killed.kill()
  const log = collectingLog()
  const running = await start({ replicationId, log, readinessMs: 0 })
  await until(
    'it says what it waits for',
    () => log.lines.some(({ message }) => /waits for open/.test(message)),
    15_000,
  )
  expect(log.lines.find(({ message }) => /waits for open/.test(message))?.fields['processes']).toContain(rows[0]?.pid)
  const refused = await ask(running.url, { table: 'items', offset: -1 })
  expect(refused.status).toBe(503)
  expect(refused.text).toContain('waits for transactions that are open')
  await writer.query('commit')
  await until('it streams', () => isActive(running))
})
