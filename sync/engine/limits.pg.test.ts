// What the engine refuses, throws out, or bounds: too many requests, too many shapes, readers that do not read, a slot
// that is not its own.
import { connect, type Socket } from 'node:net'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { createLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, until } from '#server/testing/postgres.ts'
import { type BedDatabase, makeBed } from '../testing/bed.ts'
import { uniqueId } from '../testing/engine.ts'
import { createEngineProcess } from '../testing/engine-process.ts'
import { ask, readToEnd } from '../testing/http.ts'
import { createEngine } from './service.ts'

const { open, start } = makeBed(emptyDatabase)
let database: BedDatabase
let db: pg.Client

beforeEach(async () => {
  ;({ database, db } = await open('create table items (id int primary key, title text, n int)'))
})

const pick = ({ handle, offset }: { handle: string; offset: string }) => ({ handle, offset })

test('E139 over the limit: 503, nothing is made, known shapes are served; slots come back', async () => {
  const running = await start({ admission: { initial: 2, existing: 2 }, longPollMs: 60_000 })
  await db.query('create table locked (id int primary key)')
  const known = await readToEnd(running.url, { table: 'items' })
  const other = new pg.Client({ connectionString: database.url })
  await other.connect()
  try {
    await other.query('begin; lock table locked in access exclusive mode')
    const waiting = ['id > 1', 'id > 2'].map(where => ask(running.url, { table: 'locked', where, offset: -1 }))
    await until('two shapes are being made', () => running.engine.shapeCount() === 3)
    const refused = await ask(running.url, { table: 'items', where: 'n = 1', offset: -1 })
    expect([refused.status, refused.json]).toEqual([
      503,
      {
        code: 'concurrent_request_limit_exceeded',
        message: 'Concurrent initial request limit exceeded (limit: 2), please retry',
      },
    ])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(6)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(10)
    expect(refused.headers.get('electric-internal-known-error')).toBe('true')
    expect(refused.headers.get('cache-control')).toBe('no-store')
    expect(refused.headers.get('surrogate-control')).toBe('no-store')
    expect(refused.headers.get('access-control-expose-headers')).toContain('retry-after')
    expect(running.engine.shapeCount()).toBe(3)
    expect((await ask(running.url, { table: 'items', ...pick(known) })).status).toBe(200)
    // a forged handle does not make a request one of a known shape
    expect((await ask(running.url, { table: 'items', offset: '0_0', handle: 'forged' })).status).toBe(503)
    await other.query('rollback')
    expect((await Promise.all(waiting)).map(reply => reply.status)).toEqual([200, 200])
    expect((await ask(running.url, { table: 'items', where: 'n = 1', offset: -1 })).status).toBe(200)
  } finally {
    await other.end()
  }
  const gone = new AbortController()
  const parked = [1, 2].map(() =>
    ask(running.url, { table: 'items', ...pick(known), live: true }, { signal: gone.signal }).catch(() => 'gone'),
  )
  await until('two readers are parked', () => running.engine.waiting() === 2)
  const third = await ask(running.url, { table: 'items', ...pick(known) })
  expect([third.status, third.text]).toEqual([
    503,
    expect.stringContaining('existing request limit exceeded (limit: 2)'),
  ])
  gone.abort()
  await Promise.all(parked)
  await until(
    'their places are free',
    async () => (await ask(running.url, { table: 'items', ...pick(known) })).status === 200,
  )
})

test('E140 a snapshot whose first row does not come in time is refused, and what comes meanwhile is not lost', async () => {
  const running = await start({ firstRowMs: 300 })
  await readToEnd(running.url, { table: 'items' })
  const other = new pg.Client({ connectionString: database.url })
  await other.connect()
  try {
    await other.query('begin; lock table items in access exclusive mode')
    const refused = await ask(running.url, { table: 'items', where: 'n = 1', offset: -1 })
    expect([refused.status, refused.json]).toEqual([
      503,
      expect.objectContaining({ message: 'Snapshot query took too long to return data (cancelled after 300ms)' }),
    ])
    await other.query("insert into items values (1, 'a', 1); commit")
    const { messages } = await readToEnd(running.url, { table: 'items', where: 'n = 1' })
    expect(messages.map(message => message.value?.['id'])).toContain('1')
  } finally {
    await other.end()
  }
})

test('E142 above max shapes the longest unused ones end, and their readers start again', async () => {
  const running = await start({ maxShapes: 2 })
  const read = (n: number) => readToEnd(running.url, { table: 'items', where: `n = ${n}` })
  const waited = await read(1)
  await pause(5)
  const oldest = await read(2)
  await pause(5)
  const kept = await read(3)
  const parked = ask(running.url, { table: 'items', where: 'n = 1', ...pick(waited), live: true })
  await until('it is parked', () => running.engine.waiting() === 1)
  await running.engine.reconcile()
  expect(running.engine.shapeCount()).toBe(2)
  expect((await ask(running.url, { table: 'items', where: 'n = 3', ...pick(kept) })).status).toBe(200)
  expect((await parked).status).toBe(200)
  const again = await ask(running.url, { table: 'items', where: 'n = 2', ...pick(oldest) })
  expect(again.status).toBe(409)
  expect([again.handle === '', again.handle === oldest.handle]).toEqual([false, false])
  expect((await ask(running.url, { table: 'items', where: 'n = 2', offset: -1 })).handle).toBe(again.handle)
  // all of them are waited for: one has to go, and its reader is told
  const readers = [1, 2, 3].map(async n => {
    const at = await read(n)
    return ask(running.url, { table: 'items', where: `n = ${n}`, ...pick(at), live: true })
  })
  await until('all are parked', () => running.engine.waiting() === 3)
  await running.engine.reconcile()
  expect((await Promise.all(readers)).filter(reply => reply.status === 409)).toHaveLength(1)
})

const memoryOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024

test('E144 readers that do not read cost no memory and hold nobody up', async () => {
  await db.query(`insert into items select g, repeat('x', 4000), g from generate_series(1, 12000) g`)
  const engine = createEngineProcess(database.url, { chunkBytes: 100_000_000 })
  const sockets: Socket[] = []
  try {
    await engine.start()
    await until('it is active', async () => (await fetch(`${engine.origin}/v1/health`)).status === 200)
    const { handle } = await readToEnd(engine.url, { table: 'items' })
    await db.query(`update items set title = repeat('y', 4000)`)
    await until('the log has it', async () => {
      const reply = await ask(engine.url, { table: 'items', handle, offset: '0_inf' }, { method: 'HEAD' })
      return reply.offset !== '0_inf'
    })
    const before = memoryOf(must(engine.pid()))
    // 20 readers of 50 MB each, half of the snapshot and half of the log, all of them asleep
    for (const offset of ['-1', '0_inf'])
      for (let n = 0; n < 10; n++) {
        const socket = connect(Number(new URL(engine.origin).port), '127.0.0.1')
        socket.on('error', () => {})
        socket.write(`GET /v1/shape?table=items&offset=${offset}&handle=${handle} HTTP/1.1\r\nHost: x\r\n\r\n`)
        socket.pause()
        sockets.push(socket)
      }
    for (let turn = 0; turn < 10; turn++) {
      const began = await ask(engine.url, { table: 'items', where: `n = ${turn}`, offset: -1 })
      expect(began.status).toBe(200)
      await pause(100)
    }
    expect(memoryOf(must(engine.pid())) - before).toBeLessThan(150_000_000)
  } finally {
    for (const socket of sockets) socket.destroy()
    await engine.destroy()
  }
})

test('a slot of another database is said to be one, and does not stay a mystery', async () => {
  const replicationId = uniqueId()
  await start({ replicationId })
  const other = await emptyDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'skerry-slot-'))
  const lines: string[] = []
  const told: { message: string; remedy: string }[] = []
  const engine = createEngine({
    databaseUrl: other.url,
    storageDir: folder,
    publication: 'automatic',
    replicationId,
    readinessMs: 300,
    log: createLog('info', line => lines.push(line)),
    onMisconfigured: error => told.push(error),
  })
  try {
    await engine.start()
    await until('it says so', () => told.length > 0)
    const name = new URL(database.url).pathname.slice(1)
    expect(told[0]?.message).toBe(
      `the replication slot "skerry_slot_${replicationId}" belongs to the database "${name}" of the same cluster`,
    )
    expect(told[0]?.remedy).toContain('ELECTRIC_REPLICATION_STREAM_ID')
    expect(lines.filter(line => line.includes('belongs to the database'))).toHaveLength(1)
    const answer = await engine.handle({
      method: 'GET',
      query: new URLSearchParams('table=items&offset=-1'),
      headers: {},
      signal: new AbortController().signal,
    })
    expect([answer.status, Buffer.from(answer.body as Uint8Array).toString()]).toEqual([
      503,
      '{"message":"The engine cannot stream: the replication slot cannot be used, see the log of the server: give each engine of a cluster a name of its own: --replication-id, ELECTRIC_REPLICATION_STREAM_ID"}',
    ])
  } finally {
    await engine.stop()
    await other.drop()
    rmSync(folder, { recursive: true, force: true })
  }
})
