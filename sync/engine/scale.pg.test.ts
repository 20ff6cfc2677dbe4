// Sizes: a transaction of many rows, and many shapes of one table. The suite runs them small;
// SKERRY_TRANSACTION_ROWS=1000000 and SKERRY_SHAPES=10000 are what has to hold.
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, queryOnce, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine } from '../testing/engine.ts'
import { createEngineProcess } from '../testing/engine-process.ts'
import { ask, changesOf, type Message, readToEnd } from '../testing/http.ts'
import { Router } from './shapes/router.ts'

const rowCount = Number(process.env['SKERRY_TRANSACTION_ROWS'] ?? 20_000)
const shapeCount = Number(process.env['SKERRY_SHAPES'] ?? 300)
const isLarge = rowCount > 20_000 || shapeCount > 300

let database: TestDatabase

beforeEach(async () => {
  database = await emptyDatabase()
  await queryOnce(database.url, 'create table items (id int primary key, n int not null, title text)')
})
afterEach(async () => {
  vi.restoreAllMocks()
  await database.drop()
})

/** Most bytes that the process had in memory at once. */
const peak = (pid: number): number =>
  1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

/** A million rows are more than twice the limit of memory below. */
const titleBytes = 400

const timeout = isLarge ? 1_800_000 : 120_000

test(`E74 S-83 a transaction of ${rowCount} rows: bounded memory, chunks, one up-to-date`, { timeout }, async () => {
  const chunkBytes = 1_000_000
  const engine = createEngineProcess(database.url, { longPollMs: 1000, chunkBytes })
  await engine.start()
  try {
    const { handle, offset } = await readToEnd(engine.url, { table: 'items' })
    const pid = must(engine.pid())
    const before = peak(pid)
    await queryOnce(
      database.url,
      `insert into items select g, g % 10, repeat('x', ${titleBytes}) from generate_series(1, ${rowCount}) g`,
    )
    let position = offset
    let rows = 0
    let chunks = 0
    let last = 0
    let current = 0
    let largest = 0
    const count = (messages: readonly Message[]) => {
      rows += changesOf(messages).length
      last += messages.filter(({ headers }) => headers['last'] === true).length
      current += messages.filter(({ headers }) => headers['control'] === 'up-to-date').length
    }
    await until(
      'the transaction has come',
      async () => {
        const reply = await ask(engine.url, { table: 'items', handle, offset: position, live: true })
        if (reply.status === 503) return false
        expect(reply.status).toBe(200)
        // nothing is seen of it before all of it is there
        if (rows === 0 && changesOf(reply.messages).length === 0) return false
        position = reply.offset
        chunks += 1
        largest = Math.max(largest, reply.text.length)
        count(reply.messages)
        return reply.headers.has('electric-up-to-date')
      },
      timeout,
    )
    const grown = peak(pid) - before
    process.stdout.write(`${rowCount} rows, ${chunks} chunks, memory grew by ${Math.round(grown / 1e6)} MB\n`)
    expect({ rows, last, current }).toEqual({ rows: rowCount, last: 1, current: 1 })
    expect(chunks).toBeGreaterThanOrEqual(Math.floor((rowCount * titleBytes) / chunkBytes))
    expect(largest).toBeLessThan(chunkBytes + 4000)
    expect(grown).toBeLessThan(200_000_000)
  } finally {
    await engine.destroy()
  }
})

test(`S-87 of ${shapeCount} shapes of a table a change looks at those that it may concern`, { timeout }, async () => {
  const running = await startEngine(database.url, { longPollMs: 60_000 })
  try {
    const asked = vi.spyOn(Router.prototype, 'apply')
    const shapes: { handle: string; offset: string }[] = []
    const begin = process.memoryUsage()
    for (let n = 0; n < shapeCount; n++)
      shapes.push(await readToEnd(running.url, { table: 'items', where: `n = ${n}` }))
    const made = process.memoryUsage()
    const waiting = shapes
      .map((at, n) => ({ n, at }))
      .filter(({ n }) => n % 10 === 0)
      .map(async ({ n, at: { handle, offset } }) => ({
        n,
        reply: await ask(running.url, { table: 'items', where: `n = ${n}`, handle, offset, live: true }),
      }))
    await until('readers wait', () => running.engine.waiting() === Math.ceil(shapeCount / 10))
    await queryOnce(database.url, `insert into items select g, g, 'x' from generate_series(0, ${shapeCount - 1}) g`)
    await until('all have theirs', () => running.engine.changeCount() === shapeCount)
    expect(asked).toHaveBeenCalledTimes(shapeCount)
    for (const { n, reply } of await Promise.all(waiting))
      expect(changesOf(reply.messages).map(({ value }) => value?.['id'])).toEqual([String(n)])
    // from one shape to another: both are looked at, nobody else
    asked.mockClear()
    await queryOnce(database.url, 'update items set n = 1 where id = 0')
    await until('both know', () => running.engine.changeCount() === shapeCount + 2)
    expect(asked).toHaveBeenCalledTimes(2)
    // and what no shape wants is looked at by none
    await queryOnce(database.url, "insert into items values (-1, -1, 'x')")
    await queryOnce(database.url, 'update items set n = 2 where id = 1')
    await until('the next is there', () => running.engine.changeCount() === shapeCount + 4)
    expect(asked).toHaveBeenCalledTimes(4)
    const perShape = (made.rss - begin.rss) / shapeCount
    process.stdout.write(`${shapeCount} shapes, ${Math.round(perShape)} bytes of memory each\n`)
  } finally {
    await running.stop()
  }
})
