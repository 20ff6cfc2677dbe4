// Shapes that begin on what was read of their table earlier, while its table changes.
import { readdirSync } from 'node:fs'
import type pg from 'pg'
import { beforeEach, expect, test } from 'vitest'
import { emptyDatabase, until } from '#server/testing/postgres.ts'
import { makeBed } from '../testing/bed.ts'
import type { TestEngine } from '../testing/engine.ts'
import { ask, changesOf, readToEnd } from '../testing/http.ts'

const { open, start } = makeBed(emptyDatabase)
let db: pg.Client
let running: TestEngine

beforeEach(async () => {
  ;({ db } = await open('create table items (id int primary key, n int)'))
  running = await start()
  await db.query('insert into items select g, g from generate_series(1, 20) g')
  // from here on the engine has read the table
  await readToEnd(running.url, { table: 'items', where: 'n = 0' })
})

const board = (n: number) => ({ table: 'items', where: `n = ${n}` })
const first = (n: number) => ask(running.url, { ...board(n), offset: -1 })
const columnsIn = (reply: { headers: Headers }) =>
  Object.keys(JSON.parse(reply.headers.get('electric-schema') ?? '{}') as object)

test('S-93 a column that has just come is in the next shape, and one that has just gone is not', async () => {
  for (let n = 1; n <= 6; n += 1) {
    await db.query(`alter table items add column c${n} int default ${n}`)
    const reply = await first(n)
    expect([n, reply.status, columnsIn(reply).at(-1)]).toEqual([n, 200, `c${n}`])
    expect(changesOf(reply.messages)[0]?.value).toMatchObject({ id: String(n), [`c${n}`]: String(n) })
  }
  for (let n = 7; n <= 12; n += 1) {
    await db.query(`alter table items drop column c${n - 6}`)
    const reply = await first(n)
    expect([n, reply.status, columnsIn(reply).includes(`c${n - 6}`)]).toEqual([n, 200, false])
  }
})

test('S-93 a table made anew under the same name is the new one; one that is gone is a 400', async () => {
  await db.query('drop table items; create table items (id text primary key, n int, note text)')
  await db.query(`insert into items values ('new', 3, 'here')`)
  const reply = await first(3)
  expect([reply.status, columnsIn(reply)]).toEqual([200, ['id', 'n', 'note']])
  expect(changesOf(reply.messages).map(message => message.value)).toEqual([{ id: 'new', n: '3', note: 'here' }])
  await db.query('drop table items')
  const gone = await first(4)
  expect([gone.status, gone.text]).toEqual([400, expect.stringContaining('does not exist')])
})

test('S-93 what the clause may say follows the table of now, in both directions', async () => {
  await db.query('alter table items add column kind text')
  expect((await ask(running.url, { table: 'items', where: `kind = 'x'`, offset: -1 })).status).toBe(200)
  await db.query('alter table items drop column kind')
  const refused = await ask(running.url, { table: 'items', where: `kind = 'y'`, offset: -1 })
  expect(refused.status).toBe(400)
})

test('S-93 shapes that were begun for nothing leave nothing behind, and changes reach those that stay', async () => {
  const at = await readToEnd(running.url, board(1))
  for (let n = 2; n <= 8; n += 1) {
    await db.query(`alter table items alter column n set default ${n}, add column d${n} int`)
    await Promise.all([first(n), first(n), first(n + 10)])
  }
  const live = await readToEnd(running.url, board(9))
  await db.query('insert into items (id, n) values (100, 9)')
  const more = await ask(running.url, { ...board(9), handle: live.handle, offset: live.offset, live: true })
  expect(changesOf(more.messages).map(message => message.value?.['id'])).toEqual(['100'])
  const folders = () =>
    readdirSync(running.folder, { recursive: true, withFileTypes: true }).filter(
      entry => entry.isDirectory() && /^\d+-\d+$/.test(entry.name),
    ).length
  await until('folders are those of shapes that live', () => folders() === running.engine.shapeCount())
  expect((await ask(running.url, { ...board(1), handle: at.handle, offset: at.offset })).status).toBe(409)
})
