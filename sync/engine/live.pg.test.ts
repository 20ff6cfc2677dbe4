// Readers that wait together: one cursor and one answer for those who ask alike, and event streams that are written to
// as fast as their reader takes them and no faster.
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pause } from '#server/kernel/lifecycle.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { ask, changesOf, type Message, readToEnd, type Reply } from '../testing/http.ts'

let database: TestDatabase
let db: pg.Client
let running: TestEngine
let at: { handle: string; offset: string }

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query('create table items (id int primary key, title text not null)')
  running = await startEngine(database.url, { longPollMs: 20_000, sseMs: 60_000 })
  at = await readToEnd(running.url, { table: 'items' })
})

afterEach(async () => {
  await running.stop()
  await db.end()
  await database.drop()
})

let written = 0
/** Parks `polls`, writes a row, and gives their answers. */
const answered = async (polls: readonly Record<string, string>[], headers: HeadersInit = {}): Promise<Reply[]> => {
  const parked = polls.map(poll => ask(running.url, { table: 'items', ...at, ...poll, live: true }, { headers }))
  await until('all wait', () => running.engine.waiting() === polls.length)
  written += 1
  await db.query('insert into items values ($1, $2)', [written, 'x'.repeat(20_000)])
  const replies = await Promise.all(parked)
  at = { handle: at.handle, offset: replies[0]?.offset ?? '' }
  return replies
}

const cursorsOf = (replies: readonly Reply[]): number[] =>
  replies.map(({ headers }) => Number(headers.get('electric-cursor')))

test('S-90 E85 readers of one shape get one cursor, also those that have left its window and those that lagged', async () => {
  const first = cursorsOf(await answered([{ cursor: '' }, { cursor: '' }]))
  expect(first[0]).toBe(first[1])
  const [seen = 0] = first
  const second = cursorsOf(await answered([{ cursor: String(seen) }, { cursor: String(seen + 1) }]))
  for (const [index, cursor] of second.entries()) expect(cursor).toBeGreaterThan(seen + index)
  // whoever was one answer behind is with the others again
  const ahead = String(Math.max(...second))
  const third = cursorsOf(await answered([{ cursor: ahead }, { cursor: String(seen) }]))
  expect(third[0]).toBeGreaterThan(Number(ahead))
  const fourth = cursorsOf(await answered(third.map(cursor => ({ cursor: String(cursor) }))))
  expect(new Set(fourth).size).toBe(1)
})

test('S-90 those who ask alike get the same answer, in the coding that each of them accepts', async () => {
  const polls = [{ cursor: '' }, { cursor: '' }]
  const plain = answered(polls, { 'accept-encoding': 'identity' })
  const [one, two] = await plain
  expect([one?.text, one?.headers.get('etag')]).toEqual([two?.text, two?.headers.get('etag')])
  expect(one?.headers.get('content-encoding')).toBeNull()
  expect(one?.headers.get('x-request-id')).not.toBe(two?.headers.get('x-request-id'))
  const coded = await answered([{ cursor: '' }], { 'accept-encoding': 'gzip' })
  expect(coded[0]?.headers.get('content-encoding')).toBe('gzip')
  expect(changesOf(coded[0]?.messages ?? [])).toHaveLength(1)
})

test('S-90 E81 who waits beyond the tail without `live` gets the headers of no live answer, and the other way round', async () => {
  const [tx = '0'] = at.offset.split('_')
  for (const order of [
    [true, false],
    [false, true],
  ]) {
    const offset = `${BigInt((await readToEnd(running.url, { table: 'items' })).offset.split('_')[0] ?? tx) + 1n}_0`
    const parked: Promise<Reply>[] = []
    for (const [index, live] of order.entries()) {
      parked.push(
        ask(running.url, { table: 'items', handle: at.handle, offset, cursor: '100', ...(live ? { live } : {}) }),
      )
      await until('it waits', () => running.engine.waiting() === index + 1)
    }
    written += 1
    await db.query('insert into items values ($1, $2)', [written, 'x'])
    const replies = await Promise.all(parked)
    for (const [index, live] of order.entries()) {
      const headers = replies[index]?.headers
      expect([live, headers?.has('electric-cursor'), headers?.has('electric-schema')]).toEqual([live, live, !live])
    }
  }
})

test('E89 S-91 a stream that has just said something does not say that it lives', async () => {
  const short = await startEngine(database.url, { sseMs: 4000, sseKeepAliveMs: 2000 })
  try {
    const shape = await readToEnd(short.url, { table: 'items' })
    const response = await fetch(
      `${short.url}?table=items&handle=${shape.handle}&offset=${shape.offset}&live=true&live_sse=true`,
    )
    await until('it waits', () => short.engine.waiting() === 1)
    const began = Date.now()
    const writing = (async () => {
      while (Date.now() - began < 2500) {
        written += 1
        await db.query('insert into items values ($1, $2)', [written, 'x'])
        await pause(100)
      }
    })()
    const text = await response.text()
    await writing
    expect(changesOf(eventsIn(text)).length).toBeGreaterThan(5)
    expect(text).not.toContain('keep-alive')
  } finally {
    await short.stop()
  }
})

test('S-90 E85 a cursor is that of its own window, also for who asks what was asked in an earlier one', async () => {
  const short = await startEngine(database.url, { longPollMs: 1000 })
  try {
    const { handle, offset } = await readToEnd(short.url, { table: 'items' })
    await db.query(`insert into items values (1, 'a')`)
    // behind, and in the same words each time: nothing has to be waited for
    const cursor = async (): Promise<number> => {
      const reply = await ask(short.url, { table: 'items', handle, offset, live: true })
      expect(changesOf(reply.messages).map(({ value }) => value?.['id'])).toEqual(['1'])
      return Number(reply.headers.get('electric-cursor'))
    }
    const first = await cursor()
    await pause(1100)
    const second = await cursor()
    expect(second).toBeGreaterThan(first)
  } finally {
    await short.stop()
  }
})

test('S-91 a reader of HTTP/1.0 gets the events as they are, keep-alives included', async () => {
  const short = await startEngine(database.url, { sseMs: 2000, sseKeepAliveMs: 300 })
  try {
    const { handle, offset } = await readToEnd(short.url, { table: 'items' })
    const { hostname, port, pathname } = new URL(short.url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    socket.write(
      `GET ${pathname}?table=items&handle=${handle}&offset=${offset}&live=true&live_sse=true HTTP/1.0\r\n\r\n`,
    )
    await until('it waits', () => short.engine.waiting() === 1)
    await db.query(`insert into items values (1, 'a')`)
    await once(socket, 'close')
    const [head = '', body = ''] = text.split('\r\n\r\n', 2)
    expect(head).toMatch(/^HTTP\/1.1 200 /)
    expect(head.toLowerCase()).not.toContain('transfer-encoding')
    const lines = body.split('\n\n').filter(line => line !== '')
    expect(lines.filter(line => line !== ': keep-alive' && !line.startsWith('data: {'))).toEqual([])
    expect(lines.filter(line => line === ': keep-alive').length).toBeGreaterThan(1)
    expect(changesOf(eventsIn(body)).map(({ value }) => value?.['id'])).toEqual(['1'])
  } finally {
    await short.stop()
  }
})

/** The events of which all is there. */
const eventsIn = (text: string): Message[] =>
  [...text.matchAll(/^data: (.*)\n\n/gm)].map(match => JSON.parse(match[1] ?? '') as Message)

test('S-91 an event stream whose reader stops and goes on has everything once, in order; another one is not held up', async () => {
  const path = `${running.url}?table=items&handle=${at.handle}&offset=${at.offset}&live=true&live_sse=true`
  const open = (): Promise<{ text: () => string; pause: () => void; resume: () => void; end: () => void }> =>
    new Promise((resolve, reject) => {
      const sent = request(path, { agent: false }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (piece: string) => (text += piece))
        response.on('error', () => undefined)
        resolve({
          text: () => text,
          pause: () => void response.pause(),
          resume: () => void response.resume(),
          end: () => void sent.destroy(),
        })
      })
      sent.on('error', reject)
      sent.end()
    })
  const slow = await open()
  const quick = await open()
  await until('both wait', () => running.engine.waiting() === 2)
  const rows = 60
  const insert = async (from: number, to: number) => {
    for (let id = from; id < to; id += 1)
      await db.query('insert into items values ($1, $2)', [1000 + id, 'y'.repeat(400_000)])
  }
  await insert(0, 5)
  await until('both have the first', () => [slow, quick].every(({ text }) => eventsIn(text()).length >= 10))
  slow.pause()
  await insert(5, rows - 5)
  await until('the quick one has them', () => quick.text().includes(`"${1000 + rows - 6}"`))
  slow.resume()
  await insert(rows - 5, rows)
  const wanted = Array.from({ length: rows }, (_, id) => String(1000 + id))
  for (const { text } of [quick, slow]) {
    await until('everything is there', () => changesOf(eventsIn(text())).length >= rows)
    expect(changesOf(eventsIn(text())).map(({ value }) => value?.['id'])).toEqual(wanted)
  }
  // gone while the stream is written to: nothing is left of them
  slow.pause()
  await insert(rows, rows + 10)
  slow.end()
  quick.end()
  await until('nobody waits', () => running.engine.waiting() === 0)
  await insert(rows + 10, rows + 11)
  expect(await running.engine.health()).toBe('active')
})
