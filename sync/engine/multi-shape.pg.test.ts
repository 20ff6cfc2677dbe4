// MultiShapeStream: transactions over several shapes are put together by LSN, which needs every shape to say how far it
// is, also those that have nothing to say.
import { isChangeMessage, isControlMessage, type Row, ShapeStream } from '@electric-sql/client'
import { type MultiShapeMessages, MultiShapeStream, TransactionalMultiShapeStream } from '@electric-sql/experimental'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'

type Shapes = { a: Row; b: Row; c: Row }
type Messages = MultiShapeMessages<Shapes>[]

let database: TestDatabase
let db: pg.Client
let running: TestEngine
let abort: AbortController

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  for (const table of ['a', 'b', 'c']) await db.query(`create table ${table} (id int primary key, n int)`)
  await db.query('insert into a values (1, 1); insert into b values (1, 1)')
  running = await startEngine(database.url)
  abort = new AbortController()
})

afterEach(async () => {
  abort.abort()
  await running.stop()
  await db.end()
  await database.drop()
})

/** When it is ended while it refreshes, the official one rejects with nothing, and MultiShapeStream does not look. */
class EndingStream extends ShapeStream {
  override async forceDisconnectAndRefresh() {
    try {
      await super.forceDisconnectAndRefresh()
    } catch (error) {
      if (this.options.signal?.aborted !== true) throw error
    }
  }
}

const shapeOptions = (liveSse: boolean) => {
  const of = (table: string) => new EndingStream({ url: running.url, params: { table }, signal: abort.signal, liveSse })
  return { shapes: { a: of('a'), b: of('b'), c: of('c') } }
}

const changesOf = (batch: Messages) =>
  batch.flatMap(message => (isChangeMessage(message) ? [{ shape: message.shape, value: message.value }] : []))

for (const liveSse of [false, true]) {
  const mode = liveSse ? 'SSE' : 'long poll'

  test(`E152 a transaction of two shapes comes in one piece, a third shape idle (${mode})`, async () => {
    const stream = new TransactionalMultiShapeStream<Shapes>(shapeOptions(liveSse))
    const batches: Messages[] = []
    const errors: Error[] = []
    stream.subscribe(
      messages => {
        batches.push(messages)
      },
      error => errors.push(error),
    )
    await until('the snapshots are there', () => batches.flatMap(changesOf).length === 2 && stream.isUpToDate)
    for (let round = 2; round < 12; round++) {
      const before = batches.length
      await db.query('begin')
      await db.query(`insert into a values (${round}, 0)`)
      await db.query(`insert into b values (${round}, 0)`)
      await db.query(`update a set n = ${round} where id = ${round}`)
      await db.query('commit')
      await until(`round ${round} is there`, () => batches.length > before)
      expect(changesOf(must(batches[before], 'batch'))).toEqual([
        { shape: 'a', value: { id: round, n: 0 } },
        { shape: 'b', value: { id: round, n: 0 } },
        { shape: 'a', value: { id: round, n: round } },
      ])
      expect(batches.length).toBe(before + 1)
    }
    expect(errors).toEqual([])
  })

  test(`E69 E152 transactions in a row keep their order and are never split (${mode})`, async () => {
    const stream = new TransactionalMultiShapeStream<Shapes>(shapeOptions(liveSse))
    const batches: Messages[] = []
    stream.subscribe(messages => {
      batches.push(messages)
    })
    await until('the snapshots are there', () => batches.flatMap(changesOf).length === 2 && stream.isUpToDate)
    const before = batches.length
    for (let n = 101; n <= 150; n++) await db.query(`begin; update b set n = ${n}; update a set n = ${n}; commit`)
    await until('all are there', () => batches.slice(before).flatMap(changesOf).length === 100)
    const seen = batches.slice(before).flatMap(changesOf)
    expect(seen.map(({ shape, value }) => `${shape}${value['n'] as number}`)).toEqual(
      Array.from({ length: 50 }, (_, index) => [`b${index + 101}`, `a${index + 101}`]).flat(),
    )
    for (const batch of batches.slice(before)) expect(changesOf(batch).length % 2).toBe(0)
  })

  test(`E152 MultiShapeStream hears of all its shapes, and again after a rotation (${mode})`, async () => {
    const stream = new MultiShapeStream<Shapes>(shapeOptions(liveSse))
    const rows = new Set<string>()
    const controls: string[] = []
    stream.subscribe(messages => {
      for (const message of messages) {
        if (isControlMessage(message)) controls.push(`${message.shape} ${message.headers.control}`)
        else if (isChangeMessage(message)) rows.add(`${message.shape} ${Number(message.value['id'])}`)
      }
    })
    await until('all are up to date', () => stream.isUpToDate && rows.size === 2)
    expect(stream.isConnected()).toBe(true)
    expect(stream.isLoading()).toBe(false)
    await db.query('insert into c values (1, 1)')
    await until('the third has a row', () => rows.has('c 1'))
    await db.query('truncate b; insert into b values (7, 7)')
    await until('b is read again', () => rows.has('b 7'))
    expect(controls).toContain('b must-refetch')
    expect(controls).not.toContain('a must-refetch')
  })
}
