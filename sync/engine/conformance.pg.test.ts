// Statements of the public conformance checklist that need several actors: caches in front, writers beside, readers that
// follow more than one shape. Numbers are those of the checklist.
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import {
  ShapeStream,
  type ShapeStreamInterface,
  Shape as ClientShape,
  type Message as ClientMessage,
  type Row,
} from '@electric-sql/client'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, until } from '#server/testing/postgres.ts'
import { startSharedBed } from '../testing/bed.ts'
import { ask, askRaw, changesOf, type RawReply, readToEnd } from '../testing/http.ts'
import { listen } from './http.ts'

const { database, db, running, settle } = await startSharedBed(emptyDatabase, {
  longPollMs: 2000,
  chunkBytes: 10_000,
  maxAge: 1,
  staleAge: 3,
})
let tables = 0

const table = async (): Promise<string> => {
  tables += 1
  await db.query(`create table t_${tables} (id int primary key, title text not null, n int)`)
  return `t_${tables}`
}

const get = (params: Record<string, string | number | boolean>, init?: RequestInit) => ask(running.url, params, init)
const pick = ({ handle, offset }: { handle: string; offset: string }) => ({ handle, offset })

describe('the log', () => {
  test('E71 an offset that was never given out is a position like any other', async () => {
    const name = await table()
    const at = await readToEnd(running.url, { table: name })
    for (const id of [1, 2, 3]) await db.query(`insert into ${name} values (${id}, 'x', 1)`)
    await settle()
    const { messages } = await readToEnd(running.url, { table: name }, at)
    const lsns = changesOf(messages).map(message => BigInt(String(message.headers['lsn'])))
    const after = async (offset: string) =>
      changesOf((await get({ table: name, handle: at.handle, offset })).messages).map(message => message.value?.['id'])
    expect(await after(`${must(lsns[1]) - 1n}_7`)).toEqual(['2', '3'])
    expect(await after(`${must(lsns[1])}_1`)).toEqual(['3'])
    expect(await after(`${must(lsns[0]) - 1n}_inf`)).toEqual(['1', '2', '3'])
  })

  test('E77 finished chunks are read before the snapshot is', async () => {
    const name = await table()
    await db.query(`insert into ${name} select g, repeat('x', 200), g from generate_series(1, 60000) g`)
    const first = await get({ table: name, offset: -1 })
    expect(first.status).toBe(200)
    expect(first.text.length).toBeLessThan(12_000)
    const second = await get({ table: name, handle: first.handle, offset: first.offset })
    expect([second.offset, second.headers.has('electric-up-to-date')]).toEqual(['0_1', false])
    // only complete shapes are in the catalog
    const catalog = () => readFileSync(join(running.folder, 'shapes.jsonl'), 'utf8')
    expect(catalog()).not.toContain(first.handle)
    expect(changesOf([...first.messages, ...second.messages]).length).toBeGreaterThan(20)
    await until('the snapshot is complete', () => catalog().includes(first.handle))
  })

  test('E84 a commit between the look at the shape and the wait for it is not missed', async () => {
    const name = await table()
    let at = pick(await readToEnd(running.url, { table: name }))
    for (let id = 1; id <= 60; id++) {
      const asked = get({ table: name, ...at, live: true })
      await db.query(`insert into ${name} values (${id}, 'x', 1)`)
      const reply = await asked
      expect([id, reply.headers.get('electric-has-data'), changesOf(reply.messages).length]).toEqual([id, 'true', 1])
      at = pick(reply)
    }
  })

  test('E126 a row that is written while a shape begins again is there once, after TRUNCATE and after DELETE', async () => {
    const name = await table()
    const writer = new pg.Client({ connectionString: database.url })
    await writer.connect()
    try {
      for (const [id, end] of [
        [1, () => db.query(`truncate ${name}`)],
        [2, () => get({ table: name }, { method: 'DELETE' })],
        [3, () => db.query(`truncate ${name}`)],
      ] as const) {
        await readToEnd(running.url, { table: name })
        await end()
        await writer.query(`begin; insert into ${name} values (${id}, 'open', 1)`)
        await settle()
        const again = await readToEnd(running.url, { table: name })
        await writer.query('commit')
        await settle()
        const after = await readToEnd(running.url, { table: name }, again)
        const seen = changesOf([...again.messages, ...after.messages]).map(message => message.value?.['id'])
        const { rows } = await db.query<{ id: string }>(`select id::text from ${name} order by 1`)
        expect(seen).toEqual(rows.map(row => row.id))
      }
    } finally {
      await writer.end()
    }
  })
})

describe('caches in front', () => {
  /** A cache like nginx with proxy_cache_lock and proxy_cache_revalidate: one request per URL, fresh for max-age. */
  const startCache = async () => {
    const hits: string[] = []
    const stored = new Map<string, { reply: RawReply; until: number }>()
    const inFlight = new Map<string, Promise<RawReply>>()
    const fetchOnce = async (path: string): Promise<RawReply> => {
      const known = stored.get(path)
      if (known !== undefined && known.until > Date.now()) return known.reply
      hits.push(path)
      const headers: Record<string, string> =
        known === undefined ? {} : { 'if-none-match': must(known.reply.headers['etag']) }
      const fresh = await askRaw(running.origin, { method: 'GET', path, headers })
      const reply = fresh.status === 304 && known !== undefined ? known.reply : fresh
      const age = Number(/max-age=(\d+)/.exec(fresh.headers['cache-control'] ?? '')?.[1] ?? 0)
      if (reply.status === 200) stored.set(path, { reply, until: Date.now() + age * 1000 })
      return { ...reply, headers: { ...reply.headers, 'x-upstream-status': String(fresh.status) } }
    }
    const server = createServer((request, response: ServerResponse) => {
      const path = request.url ?? '/'
      const shared = inFlight.get(path) ?? fetchOnce(path).finally(() => inFlight.delete(path))
      inFlight.set(path, shared)
      void shared.then(reply => {
        const { 'transfer-encoding': _coding, ...headers } = reply.headers
        response.writeHead(reply.status, headers).end(reply.text)
      })
    })
    const port = await listen(server, 0, '127.0.0.1')
    return {
      url: `http://127.0.0.1:${port}/v1/shape`,
      hits,
      stop: () => {
        server.closeAllConnections()
        server.close()
      },
    }
  }

  test('E110 E105 E108 ten identical live requests reach the engine once; what is stale is revalidated', async () => {
    const cache = await startCache()
    try {
      const name = await table()
      const at = await readToEnd(cache.url, { table: name })
      const parked = Array.from({ length: 10 }, () =>
        ask(cache.url, { table: name, ...pick(at), live: true, cursor: '' }),
      )
      await until('the request waits', () => running.engine.waiting() === 1)
      await db.query(`insert into ${name} values (1, 'a', 1)`)
      const replies = await Promise.all(parked)
      expect(new Set(replies.map(reply => reply.text)).size).toBe(1)
      expect(changesOf(must(replies[0]).messages)).toHaveLength(1)
      expect(new Set(replies.map(reply => reply.headers.get('electric-cursor'))).size).toBe(1)
      expect(cache.hits.filter(path => path.includes('live=true'))).toHaveLength(1)
      const catchUp = { table: name, ...pick(at) }
      const first = await ask(cache.url, catchUp)
      await until('it is stale', async () => {
        const reply = await ask(cache.url, catchUp)
        return reply.headers.get('x-upstream-status') === '304' && reply.text === first.text
      })
    } finally {
      cache.stop()
    }
  })

  test('E111 nothing that would split or poison a cache', async () => {
    const name = await table()
    const at = await readToEnd(running.url, { table: name })
    for (const params of [
      { table: name, offset: -1 },
      { table: name, ...pick(at) },
      { table: name, offset: 'now' },
      { table: name, offset: '0_0', handle: 'other' },
      { table: 'nope', offset: -1 },
      { table: name, offset: -1, subset__where: 'true' },
    ]) {
      const { headers } = await get(params, { headers: { origin: 'https://a.example', cookie: 'a=b' } })
      expect(headers.has('set-cookie')).toBe(false)
      const vary = (headers.get('vary') ?? '').split(',').filter(word => word.trim() !== '')
      expect(vary.every(word => ['origin', 'accept-encoding'].includes(word.trim().toLowerCase()))).toBe(true)
    }
  })
})

describe('subsets', () => {
  test('E121 a subset with an old handle: 409 with the new one, by GET and by POST', async () => {
    const name = await table()
    const shape = { table: name, log: 'changes_only' }
    const { handle } = await readToEnd(running.url, shape)
    await get(shape, { method: 'DELETE' })
    const asked = { ...shape, handle, offset: '0_inf' }
    const byGet = await get({ ...asked, subset__where: 'true = true' })
    const byPost = await get(asked, { method: 'POST', body: '{"where":"true = true"}' })
    for (const reply of [byGet, byPost]) {
      expect([reply.status, reply.text]).toEqual([409, '[{"headers":{"control":"must-refetch"}}]'])
      expect([reply.handle === '', reply.handle === handle]).toEqual([false, false])
    }
    expect(byPost.handle).toBe(byGet.handle)
    expect(byPost.headers.get('cache-control')).toBe('no-cache')
  })

  test('E122 writes around requestSnapshot: what the reader has is what the table has', async () => {
    const name = await table()
    await db.query(`insert into ${name} select g, 'start', 0 from generate_series(1, 50) g`)
    const abort = new AbortController()
    const stream = new ShapeStream({
      url: running.url,
      params: { table: name },
      log: 'changes_only',
      offset: 'now',
      signal: abort.signal,
    })
    const shape = new ClientShape(stream as ShapeStreamInterface)
    const end = new AbortController()
    const writer = new pg.Client({ connectionString: database.url })
    await writer.connect()
    const writes = (async () => {
      for (let n = 1; !end.signal.aborted; n++) {
        const id = 1 + ((n * 7) % 50)
        if (n % 5 === 0) await writer.query(`delete from ${name} where id = ${id}`)
        else
          await writer.query(
            `insert into ${name} values (${id}, 'w', ${n}) on conflict (id) do update set n = excluded.n`,
          )
      }
    })()
    try {
      await until('it is up to date', () => stream.isUpToDate)
      for (let turn = 0; turn < 10; turn++) {
        const [low, high] = [turn * 5 + 1, turn * 5 + 5]
        await stream.requestSnapshot({ where: `id between ${low} and ${high}`, orderBy: 'id', limit: 100 })
      }
      end.abort()
      await writes
      const { rows } = await db.query<{ id: number; n: number }>(`select id, n from ${name} order by id`)
      await until('the reader has the same', () => {
        const have = shape.currentRows.map(row => ({ id: Number(row['id']), n: Number(row['n']) }))
        return JSON.stringify(have.sort((a, b) => a.id - b.id)) === JSON.stringify(rows)
      })
    } finally {
      end.abort()
      await writes
      await writer.end()
      abort.abort()
    }
  })
})

describe('several shapes, and their writers', () => {
  const follow = (name: string) => {
    const abort = new AbortController()
    const seen: ClientMessage<Row>[] = []
    const stream = new ShapeStream({ url: running.url, params: { table: name }, signal: abort.signal })
    stream.subscribe(messages => void seen.push(...messages))
    const lsnOf = (message: ClientMessage<Row>) => (message.headers as Record<string, unknown>)['global_last_seen_lsn']
    const lastLsn = () => seen.map(lsnOf).findLast(lsn => typeof lsn === 'string')
    return { stream, seen, lastLsn, stop: () => abort.abort() }
  }

  test('E152 three streams and a transaction that touches two of them: all come up to its LSN', async () => {
    const names = [await table(), await table(), await table()]
    const streams = names.map(follow)
    try {
      await until('all are up to date', () => streams.every(({ lastLsn }) => lastLsn() !== undefined))
      await db.query(`insert into ${names[0]} values (1, 'a', 1); insert into ${names[1]} values (1, 'a', 1)`)
      const lsns = () =>
        streams.flatMap(({ seen }) => seen.map(message => (message.headers as Record<string, unknown>)['lsn']))
      await until('two have the change', () => lsns().filter(lsn => typeof lsn === 'string').length === 2)
      const newest = lsns().reduce<bigint>(
        (most, lsn) => (typeof lsn === 'string' && BigInt(lsn) > most ? BigInt(lsn) : most),
        0n,
      )
      // as MultiShapeStream does with a shape that lags behind
      await must(streams[2]).stream.forceDisconnectAndRefresh()
      await until('each is up to date with it', () => streams.every(({ lastLsn }) => BigInt(lastLsn() ?? -1) >= newest))
    } finally {
      for (const { stop } of streams) stop()
    }
  })

  test('E153 E129 a transaction is found by its id: insert, update, delete, and in the snapshot', async () => {
    const name = await table()
    const write = async (sql: string): Promise<number> => {
      const results = (await db.query(
        `begin; ${sql}; select pg_current_xact_id()::xid::text as xid; commit`,
      )) as unknown
      const found = (results as { rows: { xid?: string }[] }[]).find(({ rows }) => rows[0]?.xid !== undefined)
      return Number(must(found?.rows[0]?.xid))
    }
    const before = await write(`insert into ${name} values (1, 'a', 1)`)
    const { seen, stop } = follow(name)
    const has = (xid: number) =>
      seen.some(({ headers }) => {
        const { txids, control, xmin, xmax, xip_list: open } = headers as Record<string, unknown>
        if (Array.isArray(txids)) return txids.includes(xid)
        if (control !== 'snapshot-end') return false
        const known = BigInt(xid)
        return (
          known < BigInt(String(xmin)) || (known < BigInt(String(xmax)) && !(open as string[]).includes(String(xid)))
        )
      })
    try {
      await until('the snapshot says so', () => has(before))
      for (const sql of [
        `insert into ${name} values (2, 'b', 2)`,
        `update ${name} set n = 3 where id = 2`,
        `delete from ${name} where id = 2`,
      ]) {
        const xid = await write(sql)
        await until(`${sql} arrives`, () => has(xid))
      }
    } finally {
      stop()
    }
  })
})
