// Values of many types as the official client parses them, from the snapshot and from the stream. The same type names
// stand for other types the second time, so nothing may be remembered by name.
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { createFollowers } from '../testing/official-client.ts'

let database: TestDatabase
let db: pg.Client
let running: TestEngine
const followers = createFollowers()

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  running = await startEngine(database.url)
})

afterEach(async () => {
  followers.stop()
  await running.stop()
  await db.end()
  await database.drop()
})

const drop =
  'drop table if exists many; drop type if exists mood; drop type if exists pair; drop domain if exists small'

const create = `
  create type mood as enum ('sad', 'ok', 'happy');
  create type pair as (x float8, y float8);
  create domain small as int check (value > 0);
  create table many (
    txt varchar, i2 int2 primary key, i4 int4, i8 int8, f8 float8, b boolean, json json, jsonb jsonb, num numeric,
    ints8 int8[], ints8_2 int8[][], ints4 int4[], floats float8[], bools bool[], moods mood[], moods2 mood[][],
    pairs pair[], smalls small[], jsonbs jsonb[], texts text[], mood mood, pair pair, small small, value json
  )`

const insert = `insert into many values (
  'test', 1, 2147483647, 9223372036854775807, 4.5, true, '{"foo": "bar"}', '{"foo": "bar"}', 12345678901234567890.50,
  '{1,2,3}', '{{1,2},{9223372036854775807,-5}}', '{1,2,3}', '{1.5,2.5,Infinity,-Infinity,NaN}', '{true,false,null}',
  '{sad,happy}', '{{sad,happy},{happy,ok}}', array[(1.1,2.2),(3,4)]::pair[], '{5,6}',
  array['{"a": 1}', 'null', '"x,\\"y"']::jsonb[], '{"it''s \\"q\\", {x}",NULL,"NULL",""}', 'happy', (1.1,2.2), 7,
  '{"a":[1,null]}')`

const inserted = {
  txt: 'test',
  i2: 1,
  i4: 2_147_483_647,
  i8: 9_223_372_036_854_775_807n,
  f8: 4.5,
  b: true,
  json: { foo: 'bar' },
  jsonb: { foo: 'bar' },
  num: '12345678901234567890.50',
  ints8: [1n, 2n, 3n],
  ints8_2: [
    [1n, 2n],
    [9_223_372_036_854_775_807n, -5n],
  ],
  ints4: [1, 2, 3],
  floats: [1.5, 2.5, Infinity, -Infinity, Number.NaN],
  bools: [true, false, null],
  moods: ['sad', 'happy'],
  moods2: [
    ['sad', 'happy'],
    ['happy', 'ok'],
  ],
  pairs: ['(1.1,2.2)', '(3,4)'],
  smalls: ['5', '6'],
  jsonbs: [{ a: 1 }, null, 'x,"y'],
  texts: [`it's "q", {x}`, null, 'NULL', ''],
  mood: 'happy',
  pair: '(1.1,2.2)',
  small: '7',
  value: { a: [1, null] },
}

const update = `update many set txt = 'changed', i8 = -9223372036854775808, f8 = 'NaN', b = false, json = '{"bar": "foo"}',
  jsonb = '[1,2]', ints8 = '{-9223372036854775808}', ints8_2 = '{{1},{2}}', floats = '{-Infinity}', bools = '{f}',
  moods = '{ok}', moods2 = '{{ok}}', pairs = array[(-1.5,2)]::pair[], smalls = '{9}', jsonbs = array['[]']::jsonb[],
  texts = '{}', mood = 'sad', pair = (0,-1), small = 8, value = '"new"'`

const updated = {
  ...inserted,
  txt: 'changed',
  i8: -9_223_372_036_854_775_808n,
  f8: Number.NaN,
  b: false,
  json: { bar: 'foo' },
  jsonb: [1, 2],
  ints8: [-9_223_372_036_854_775_808n],
  ints8_2: [[1n], [2n]],
  floats: [-Infinity],
  bools: [false],
  moods: ['ok'],
  moods2: [['ok']],
  pairs: ['(-1.5,2)'],
  smalls: ['9'],
  jsonbs: [[]],
  texts: [],
  mood: 'sad',
  pair: '(0,-1)',
  small: '8',
  value: 'new',
}

for (const liveSse of [false, true])
  test(`E38 E40 E51 E53 all kinds of types, twice (${liveSse ? 'SSE' : 'long poll'})`, async () => {
    const follow = () => followers.follow({ url: running.url, params: { table: 'many' }, liveSse })
    const before: string[] = []
    for (const round of [1, 2]) {
      // other OIDs for the same names, and a column less the first time
      await db.query(`${drop}; ${create}`)
      await db.query(insert)
      // the engine hears of the new table at the latest by its own look
      await running.engine.reconcile()
      const first = follow()
      await until(`the row is there, round ${round}`, () => first.shape.isUpToDate && first.rows().length === 1)
      expect(first.rows()).toEqual([inserted])
      expect(before).not.toContain(first.stream.shapeHandle)
      before.push(String(first.stream.shapeHandle))
      await db.query(update)
      await until('the update arrives', () => first.rows()[0]?.['txt'] === 'changed')
      expect(first.rows()).toEqual([updated])
      // and read from the start
      const second = follow()
      await second.shape.rows
      expect(second.rows()).toEqual([updated])
      followers.stop()
    }
  })

test('E39 nulls, and a column that was made NOT NULL after the log had nulls', async () => {
  await db.query('create table items (id int primary key, n int)')
  await db.query('insert into items values (1, null)')
  const first = followers.follow({ url: running.url, params: { table: 'items' } })
  await first.shape.rows
  expect(first.rows()).toEqual([{ id: 1, n: null }])
  await db.query('insert into items values (2, null)')
  await until('the null arrives', () => first.rows().length === 2)
  await db.query('update items set n = 5; alter table items alter n set not null; insert into items values (3, 3)')
  await until('the last row arrives', () => first.rows().length === 3)
  // a reader from the start gets along with the nulls of the log
  const second = followers.follow({ url: running.url, params: { table: 'items' } })
  await until('it has the rows', () => second.errors.length > 0 || second.rows().length === 3)
  expect(second.errors).toEqual([])
  expect(second.rows()).toEqual([
    { id: 1, n: 5 },
    { id: 2, n: 5 },
    { id: 3, n: 3 },
  ])
})
