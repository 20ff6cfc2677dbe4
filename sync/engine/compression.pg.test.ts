// Content codings on the wire: negotiated, stored once, with headers that caches can rely on.
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { Shape, ShapeStream, type ShapeStreamInterface } from '@electric-sql/client'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { ask, readToEnd } from '../testing/http.ts'

let database: TestDatabase
let db: pg.Client
let running: TestEngine

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query('create table items (id int primary key, title text not null)')
  await db.query(`insert into items select n, 'the title of item ' || n from generate_series(1, 2000) n`)
  running = await startEngine(database.url, { longPollMs: 2000, chunkBytes: 100_000 })
})

afterEach(async () => {
  await running.stop()
  await db.end()
  await database.drop()
})

interface Raw {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
}

/** A request whose bytes nobody decodes. */
const raw = (query: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const sent = request(`${running.url}?${query}`, { method, headers, agent: false }, response => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          body: Buffer.concat(pieces),
        }),
      )
    })
    sent.on('error', reject)
    sent.end()
  })

const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  zstd: zstdDecompressSync,
  br: brotliDecompressSync,
  gzip: gunzipSync,
}

const text = ({ headers, body }: Raw): string => {
  const encoding = headers['content-encoding']
  return (encoding === undefined ? body : (decoders[encoding] as (bytes: Buffer) => Buffer)(body)).toString()
}

/** The log from the beginning to up-to-date, under one Accept-Encoding. */
const follow = async (accept: string | undefined): Promise<{ texts: string[]; answers: Raw[] }> => {
  const answers: Raw[] = []
  let position = 'offset=-1'
  do {
    const answer = await raw(`table=items&${position}`, accept === undefined ? {} : { 'accept-encoding': accept })
    expect(answer.status).toBe(200)
    answers.push(answer)
    position = `offset=${answer.headers['electric-offset']}&handle=${answer.headers['electric-handle']}`
  } while (answers.at(-1)?.headers['electric-up-to-date'] === undefined)
  return { texts: answers.map(text), answers }
}

const files = () =>
  readdirSync(join(running.folder, 'shapes'), { recursive: true })
    .map(String)
    .filter(name => /\.(zst|br|gz)$/.test(name))
    .map(name => name.replace(/.*\//, ''))

const walEnd = async (): Promise<bigint> => {
  const { rows } = await db.query<{ at: string }>(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as at`)
  return BigInt(rows[0]?.at ?? '')
}

/** Changes to several chunks of the log, and waits until they are in it. */
const changeALot = async () => {
  await db.query(`update items set title = title || ', changed'`)
  await db.query(`update items set title = title || ', and again' where id < 20`)
  const end = await walEnd()
  await running.engine.advance(end)
  return end
}

test('S-88 every coding gives the same bytes, from files that are made once', async () => {
  await readToEnd(running.url, { table: 'items' })
  const end = await changeALot()
  await until('the log is on disk', () => running.engine.confirmedLsn() >= end)
  const plain = await follow(undefined)
  expect(plain.answers.length).toBeGreaterThan(6)
  for (const encoding of ['zstd', 'br', 'gzip']) {
    for (let again = 0; again < 2; again++) {
      const coded = await follow(encoding)
      expect(coded.texts.slice(0, -1)).toEqual(plain.texts.slice(0, -1))
      for (const [index, { headers, body }] of coded.answers.slice(0, -1).entries()) {
        const other = plain.answers[index]
        expect(headers['content-encoding']).toBe(encoding)
        expect(headers['etag']).toBe(other?.headers['etag']?.replace(/"$/, `:${encoding}"`))
        expect(headers['vary']).toBe('accept-encoding')
        expect(other?.headers['vary']).toBe('accept-encoding')
        expect(body.length).toBeLessThan((other?.body.length ?? 0) / 4)
        if (again === 1) expect(headers['content-length']).toBe(String(body.length))
      }
    }
  }
  const made = files().sort()
  expect(made.filter(name => name.startsWith('snapshot.0.'))).toEqual([
    'snapshot.0.br',
    'snapshot.0.gz',
    'snapshot.0.zst',
  ])
  expect(made.some(name => name.startsWith('log.'))).toBe(true)
})

test('S-88 304 for what the reader has, in the coding that it would get', async () => {
  const ask = (headers: Record<string, string>) => raw('table=items&offset=-1', headers)
  const gzip = await ask({ 'accept-encoding': 'gzip' })
  const plain = await ask({})
  const [coded = '', bare = ''] = [gzip.headers['etag'], plain.headers['etag']]
  expect(coded).not.toBe(bare)
  const again = await ask({ 'accept-encoding': 'gzip', 'if-none-match': coded })
  expect([again.status, again.headers['etag'], again.body.length]).toEqual([304, coded, 0])
  expect(again.headers['vary']).toBe('accept-encoding')
  expect(again.headers['content-encoding']).toBeUndefined()
  expect((await ask({ 'accept-encoding': 'gzip', 'if-none-match': `W/${bare}` })).headers['etag']).toBe(bare)
  expect((await ask({ 'accept-encoding': 'br', 'if-none-match': coded })).status).toBe(200)
  expect((await ask({ 'if-none-match': coded })).status).toBe(200)
})

test('S-88 HEAD says what GET would, and POST subsets and short answers stay plain', async () => {
  const get = await raw('table=items&offset=-1', { 'accept-encoding': 'gzip' })
  const head = await raw('table=items&offset=-1', { 'accept-encoding': 'gzip' }, 'HEAD')
  for (const name of ['content-encoding', 'etag', 'vary', 'electric-offset'])
    expect(head.headers[name]).toBe(get.headers[name])
  expect(head.body.length).toBe(0)
  const short = await raw(`table=items&offset=-1&where=${encodeURIComponent('id < 12')}`, { 'accept-encoding': 'gzip' })
  expect(JSON.parse(short.body.toString())).toHaveLength(12)
  expect(short.headers['content-encoding']).toBeUndefined()
})

test('S-88 a short answer stays plain, whether it comes from memory or from disk', async () => {
  const { handle, offset } = await readToEnd(running.url, { table: 'items' })
  await db.query(`update items set title = 'short' where id = 1`)
  const end = await walEnd()
  const query = `table=items&handle=${handle}&offset=${offset}`
  await running.engine.advance(end)
  const recent = await raw(query, { 'accept-encoding': 'gzip' })
  await until('the log is on disk', () => running.engine.confirmedLsn() >= end)
  const stored = await raw(query, { 'accept-encoding': 'gzip' })
  for (const { headers, body } of [recent, stored]) {
    expect(headers['content-encoding']).toBeUndefined()
    expect(body.toString()).toContain('"title":"short"')
  }
})

test('S-88 a catch-up from the middle and a large live answer are compressed as well', async () => {
  const { handle, offset } = await readToEnd(running.url, { table: 'items' })
  const live = raw(`table=items&handle=${handle}&offset=${offset}&live=true`, { 'accept-encoding': 'br' })
  await until('the reader waits', () => running.engine.waiting() === 1)
  await changeALot()
  const first = await live
  expect(first.headers['content-encoding']).toBe('br')
  expect(text(first)).toContain('the title of item 1, changed')
  const middle = JSON.parse(text(first)) as { headers: { lsn: string; op_position: number } }[]
  const { lsn, op_position: op } = middle[20]?.headers ?? { lsn: '', op_position: 0 }
  const query = `table=items&handle=${handle}&offset=${lsn}_${op}`
  await until('the log is on disk', () => running.engine.confirmedLsn() > BigInt(lsn))
  const coded = await raw(query, { 'accept-encoding': 'zstd' })
  expect(coded.headers['content-encoding']).toBe('zstd')
  expect(text(coded)).toBe((await raw(query)).body.toString())
})

test('S-88 a shape that ends takes its compressed files along', async () => {
  await follow('gzip')
  expect(files().length).toBeGreaterThan(0)
  await ask(running.url, { table: 'items' }, { method: 'DELETE' })
  await until('the files are gone', () => files().length === 0)
  expect((await follow('gzip')).texts.join('')).toContain('item 2000')
})

test('S-88 the official client decodes what it asks for', async () => {
  const abort = new AbortController()
  const stream = new ShapeStream({ url: running.url, params: { table: 'items' }, signal: abort.signal })
  const shape = new Shape(stream as ShapeStreamInterface)
  expect(await shape.rows).toHaveLength(2000)
  await changeALot()
  await until('the changes are there', () =>
    shape.currentRows.every(row => (row['title'] as string).includes('changed')),
  )
  abort.abort()
  expect(files().length).toBeGreaterThan(0)
})
