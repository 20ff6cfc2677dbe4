// The engine behind nginx as sync/README.md recommends it: what readers have in common is asked for once. Requests are
// counted where the engine takes them.
import { once } from 'node:events'
import type { Server } from 'node:http'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { createHttpServer, listen } from '#sync/engine/http.ts'
import { startEngine, type TestEngine } from '#sync/testing/engine.ts'
import { ask } from '#sync/testing/http.ts'
import { createFollowers } from '#sync/testing/official-client.ts'
import type { ShapeUpstream } from '#sync/upstream.ts'
import { type Nginx, startNginx } from './testing/nginx.ts'

interface Asked {
  readonly query: URLSearchParams
  readonly method: string
  status?: number
}

describe.runIf(inject('missingPrograms').nginx === undefined)('behind nginx', () => {
  let database: TestDatabase
  let db: pg.Client
  let running: TestEngine
  let server: Server
  let nginx: Nginx
  let url = ''
  const asked: Asked[] = []
  const followers = createFollowers()

  const start = async (options: Parameters<typeof startEngine>[1] = {}) => {
    running = await startEngine(database.url, { chunkBytes: 10_000, ...options })
    const { engine } = running
    const upstream: ShapeUpstream = {
      health: () => engine.health(),
      handle: async request => {
        const one: Asked = { query: request.query, method: request.method }
        asked.push(one)
        const answer = await engine.handle(request)
        one.status = answer.status
        return answer
      },
    }
    server = createHttpServer({ upstream, secret: null, log: silentLog })
    nginx = await startNginx(await listen(server, 0, '127.0.0.1'))
    url = `${nginx.origin}/v1/shape`
  }

  beforeEach(async () => {
    database = await emptyDatabase()
    db = new pg.Client({ connectionString: database.url })
    await db.connect()
    await db.query(`create table items (id int primary key, title text not null);
      insert into items select g, repeat('x', 1000) from generate_series(1, 35) g`)
    asked.length = 0
  })

  afterEach(async () => {
    followers.stop()
    await nginx.stop()
    server.closeAllConnections()
    server.close()
    await running.stop()
    await db.end()
    await database.drop()
  })

  const follow = (options: { liveSse?: boolean; table?: string } = {}) =>
    followers.follow({ url, params: { table: options.table ?? 'items' }, liveSse: options.liveSse ?? false })

  /** A request through nginx and what its cache made of it. */
  const through = async (params: Record<string, string>) => {
    const reply = await ask(url, { table: 'items', ...params })
    return { ...reply, cache: reply.headers.get('x-cache') }
  }

  const liveOnes = () => asked.filter(({ query }) => query.get('live') === 'true')

  /** The handle, and the offset at the end of what there is. */
  const atEnd = async (): Promise<{ handle: string; offset: string }> => {
    let position = await through({ offset: '-1' })
    while (!position.headers.has('electric-up-to-date'))
      position = await through({ handle: position.handle, offset: position.offset })
    return { handle: position.handle, offset: position.offset }
  }

  test('E110 ten readers ask once, also for longer than nginx would wait by itself', async () => {
    await start()
    const readers = Array.from({ length: 10 }, () => follow())
    await Promise.all(readers.map(({ shape }) => shape.rows))
    await until('all wait', () => readers.every(({ exchanges }) => exchanges.at(-1)?.url.searchParams.has('live')))
    await until('one of them waits at the engine', () => running.engine.waiting() === 1)
    // nginx sends waiting requests on after five seconds, unless it is told otherwise
    await pause(7000)
    expect(liveOnes().length).toBe(1)
    expect(new Set(asked.map(({ query }) => query.toString())).size).toBe(asked.length)
    await db.query("insert into items values (100, 'new')")
    await until('all have the row', () => readers.every(({ rows }) => rows().length === 36))
    await until('all wait again', () => readers.every(({ exchanges }) => exchanges.at(-1)?.status === undefined))
    await until('one of them waits at the engine again', () => running.engine.waiting() === 1)
    expect(liveOnes().length).toBe(2)
  })

  test('E108 E110 catch-up is served from the cache', async () => {
    await start()
    const first = await atEnd()
    expect(asked.length).toBeGreaterThan(3)
    const before = asked.length
    expect(await atEnd()).toEqual(first)
    expect((await through({ offset: '-1' })).cache).toBe('HIT')
    expect(asked.length).toBe(before)
  })

  test('E106 E110 a live answer is a MISS, then a HIT with the same bytes', async () => {
    await start()
    const position = await atEnd()
    const live = { ...position, live: 'true', cursor: '' }
    const parked = through(live)
    await until('it waits', () => running.engine.waiting() === 1)
    await db.query("insert into items values (100, 'new')")
    const answered = await parked
    expect(answered.cache).toBe('MISS')
    expect(answered.messages.map(({ value }) => value?.['id'])).toContain('100')
    const again = await through(live)
    expect(again.cache).toBe('HIT')
    expect(again.text).toBe(answered.text)
    expect(again.headers.get('electric-cursor')).toBe(answered.headers.get('electric-cursor'))
    expect(liveOnes().length).toBe(1)
  })

  test('E105 E108 STALE after max-age, REVALIDATED with 304 after the stale window', async () => {
    await start({ maxAge: 1, staleAge: 2 })
    const { handle } = await through({ offset: '-1' })
    const chunk = { handle, offset: '0_0' }
    const fresh = await through(chunk)
    expect(fresh.cache).toBe('MISS')
    expect((await through(chunk)).cache).toBe('HIT')
    await pause(2100)
    const before = asked.length
    const stale = await through(chunk)
    expect(stale.cache).toBe('STALE')
    expect(stale.text).toBe(fresh.text)
    await until('it is fetched in the background', () => asked.at(-1)?.status === 304 && asked.length === before + 1)
    // beyond both windows, counted from that
    await pause(4100)
    const revalidated = await through(chunk)
    expect(revalidated.cache).toBe('REVALIDATED')
    expect(revalidated.text).toBe(fresh.text)
    expect(asked.slice(before).map(({ status }) => status)).toEqual([304, 304])
  })

  test('E105 the open end: what was up to date gets its news after the stale window', async () => {
    await start({ maxAge: 1, staleAge: 2 })
    const { handle, offset } = await atEnd()
    const end = { handle, offset }
    expect((await through(end)).messages.length).toBe(1)
    await db.query("insert into items values (100, 'new')")
    await pause(4100)
    const news = await through(end)
    expect(news.messages.map(({ value }) => value?.['id'])).toContain('100')
  })

  test('E94 E98 cached 409s lead to the shape of now, over two rotations', async () => {
    await start()
    const old = follow()
    await old.shape.rows
    const handles = [must(old.stream.shapeHandle, 'handle')]
    for (const round of [1, 2]) {
      const query = new URLSearchParams({ table: 'items', handle: must(handles.at(-1), 'handle') })
      expect((await fetch(`${url}?${query}`, { method: 'DELETE' })).status).toBe(202)
      await db.query(`insert into items values (${100 + round}, 'round ${round}')`)
      await until('the reader has the new shape', () => old.rows().length === 35 + round)
      handles.push(must(old.stream.shapeHandle, 'handle'))
      // -1 without a handle is still cached with the first shape: that one and the second one's 409 are passed through
      const fresh = follow()
      await until('a fresh reader gets there', () => fresh.shape.isUpToDate && fresh.rows().length === 35 + round)
      expect(fresh.stream.shapeHandle).toBe(handles.at(-1))
      expect(fresh.errors).toEqual([])
    }
    expect(new Set(handles).size).toBe(3)
    const [first = '', second = '', third] = handles
    const refused = { handle: first, offset: '0_inf' }
    expect([(await through(refused)).status, (await through(refused)).cache]).toEqual([409, 'HIT'])
    // the redirect of a shape that is no more is not kept for the one that took its place
    expect((await through({ handle: second, offset: '0_inf' })).handle).toBe(third)
  })

  test('E29 E107 errors, writes, subsets are never kept', async () => {
    await start()
    const twice: Record<string, string>[] = [
      { offset: '-1', where: 'nothing = 1' },
      { offset: '-1', subset__where: 'id < 3' },
    ]
    for (const params of twice) {
      const before = asked.length
      const [one, two] = [await through(params), await through(params)]
      expect(one.text.length).toBeGreaterThan(2)
      expect(two.status).toBe(one.status)
      expect(asked.length).toBe(before + 2)
      // subsets do not even wait for each other
      expect(two.cache).toBe('subset__where' in params ? 'BYPASS' : 'MISS')
    }
    for (let round = 0; round < 2; round++) {
      const answer = await ask(
        url,
        { table: 'items', offset: '-1' },
        { method: 'POST', body: JSON.stringify({ where: `id < ${3 + round}` }) },
      )
      expect((answer.json as { data: unknown[] }).data.length).toBe(2 + round)
    }
    await db.query('alter table items rename to moved')
    await running.engine.reconcile()
    expect((await through({ offset: '-1', columns: 'id' })).status).toBe(400)
    await db.query('alter table moved rename to items')
    expect((await through({ offset: '-1', columns: 'id' })).status).toBe(200)
  })

  test('E104 a fresh reader takes everything from the cache, with no engine behind it', async () => {
    await start()
    // changes after the snapshot, made before the cache has seen anything
    const { handle } = await ask(running.url, { table: 'items', offset: '-1' })
    await db.query("update items set title = 'changed' where id = 7; insert into items values (100, 'new')")
    await until('they are in the log', async () => {
      const reply = await ask(running.url, { table: 'items', handle, offset: '0_inf' })
      return reply.messages.length === 3
    })
    const first = follow()
    await first.shape.rows
    expect(first.rows().length).toBe(36)
    followers.stop()
    await until('nobody waits', () => running.engine.waiting() === 0)
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    const before = asked.length
    const fresh = follow()
    await fresh.shape.rows
    expect(fresh.rows()).toEqual(first.rows())
    expect(asked.length).toBe(before)
  })

  test('E88 E110 event streams flow, to each reader its own', async () => {
    await start()
    const readers = [follow({ liveSse: true }), follow({ liveSse: true }), follow({ liveSse: true })]
    await Promise.all(readers.map(({ shape }) => shape.rows))
    await until('all streams are open', () => liveOnes().length === 3)
    // through nginx's cache they would be let in one by one, every half second
    const abort = new AbortController()
    const { query } = must(liveOnes()[0], 'stream')
    const another = await fetch(`${url}?${query}`, { signal: abort.signal })
    expect(another.headers.get('content-type')).toBe('text/event-stream')
    expect(another.headers.get('x-cache')).toBe('BYPASS')
    abort.abort()
    for (let id = 100; id < 105; id++) {
      await db.query(`insert into items values (${id}, 'new')`)
      await until('all have the row', () => readers.every(({ rows }) => rows().some(row => row['id'] === id)))
    }
    // the same streams all along: the client would open others, or poll, if they were held back
    expect(liveOnes().every(({ query }) => query.get('live_sse') === 'true')).toBe(true)
    expect(liveOnes().length).toBe(4)
  })

  test('E50 a table with many columns, and a long filter', async () => {
    const columns = Array.from({ length: 150 }, (_, index) => `a_column_with_a_long_name_${index}`)
    await db.query(
      `create table wide (id int primary key, ${columns.map(column => `${column} varchar(100)`).join(', ')})`,
    )
    await db.query('insert into wide values (1)')
    await start()
    const wide = follow({ table: 'wide' })
    await wide.shape.rows
    expect(Object.keys(must(wide.rows()[0], 'row')).length).toBe(151)
    const many = Array.from({ length: 5000 }, (_, id) => id).join(',')
    const filtered = await through({ offset: '-1', where: `id in (${many})` })
    expect(filtered.status).toBe(200)
  })
})
