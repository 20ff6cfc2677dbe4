// Kept tables against the catalogs: whatever alters what a shape is made of is noticed, and what does not is not.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, sharedMajor, type TestDatabase } from '#server/testing/postgres.ts'
import { createKeptTables, type KeptTables } from './kept-tables.ts'
import { parseSnapshot } from './pg-snapshot.ts'
import { readTable } from './tables.ts'

let database: TestDatabase
let pool: pg.Pool
let kept: KeptTables
const items = { schema: 'public', name: 'items' }

beforeAll(async () => {
  database = await emptyDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  kept = createKeptTables(pool, 'kept')
  await pool.query(`create type mood as enum ('a', 'b'); create schema held;
    create collation held.folded (provider = icu, locale = 'und');
    create publication kept`)
})

afterAll(async () => {
  await pool.end()
  await database.drop()
})

const make = `drop table if exists parent, child, things, items cascade; drop type if exists feeling;
  create table items (id int primary key, title varchar(20) not null, m mood, ms mood[], c text collate held.folded, n int);
  alter table items replica identity full; insert into items values (1, 'x'); alter publication kept add table items`

/** All that a shape could be made of, but for when it was read and from which rows. */
const meaning = async () => {
  const table = await readTable(pool, items, 'kept')
  return table && { ...table, readAt: 0, versions: null, asOf: '' }
}

const alterations = [
  'alter table items add column more int',
  'alter table items drop column n',
  'alter table items rename column n to m2',
  'alter table items alter column title type varchar(30)',
  'alter table items alter column n type bigint',
  'alter table items alter column title drop not null',
  'alter table items alter column c type text collate "C"',
  'alter table items drop constraint items_pkey',
  'alter table items drop constraint items_pkey; alter table items add primary key (id, title)',
  'alter table items replica identity default',
  'alter table items rename to things',
  'alter table items rename to things; create table items (id int primary key)',
  'drop table items',
  'alter publication kept drop table items; alter table items set unlogged',
  'alter publication kept drop table items',
  'alter publication kept drop table items; alter publication kept add table items',
  'alter publication kept set table items (id)',
  'alter publication kept set table items where (id > 0)',
  'drop publication kept; create publication kept for table items',
  'create table child () inherits (items)',
]

/** Alterations of what the tests share, each with its way back. */
const undone: readonly (readonly [sql: string, back: string])[] = [
  ['alter type mood rename to feeling', 'alter type feeling rename to mood'],
  ['alter collation held.folded rename to other', 'alter collation held.other rename to folded'],
  ['alter schema held rename to owned', 'alter schema owned rename to held'],
  // publish_generated_columns is of 18
  ...(sharedMajor() < 18
    ? []
    : [
        [
          'alter publication kept set (publish_generated_columns = stored)',
          'alter publication kept set (publish_generated_columns = none)',
        ] as const,
      ]),
  [
    "alter publication kept set (publish = 'insert')",
    "alter publication kept set (publish = 'insert, update, delete, truncate')",
  ],
  ['alter schema public rename to was', 'alter schema was rename to public'],
]

describe('alterations are noticed', () => {
  test.each(alterations)('%s', async sql => {
    await pool.query(make)
    await kept.read(items)
    const table = must(kept.kept(items))
    const before = await meaning()
    expect(await kept.isStillSo(table)).toBe(true)
    await pool.query(sql)
    expect(await meaning()).not.toEqual(before)
    expect(await kept.isStillSo(table)).toBe(false)
  })

  test.each(undone)('%s', async (sql, back) => {
    await pool.query(make)
    await kept.read(items)
    const table = must(kept.kept(items))
    const before = await meaning()
    await pool.query(sql)
    try {
      expect(await meaning()).not.toEqual(before)
      expect(await kept.isStillSo(table)).toBe(false)
    } finally {
      await pool.query(back)
    }
  })

  test('a schema that is published', async () => {
    await pool.query(make)
    await pool.query('alter publication kept drop table items; alter publication kept add tables in schema public')
    await kept.read(items)
    const table = must(kept.kept(items))
    expect(await kept.isStillSo(table)).toBe(true)
    await pool.query('alter publication kept drop tables in schema public')
    expect(await kept.isStillSo(table)).toBe(false)
  })

  test('an heir after one that is gone: Postgres notes the first alone in the row of the table', async () => {
    await pool.query(make)
    await pool.query('create table child () inherits (items); drop table child')
    await kept.read(items)
    const table = must(kept.kept(items))
    await pool.query('create table child () inherits (items)')
    expect(await kept.isStillSo(table)).toBe(false)
  })

  test('becoming a partition', async () => {
    await pool.query(make)
    await kept.read(items)
    const table = must(kept.kept(items))
    await pool.query(`create table parent (like items) partition by list (id);
      alter table parent attach partition items for values in (1)`)
    expect(await kept.isStillSo(table)).toBe(false)
  })
})

test('rows, statistics and indexes leave it as it is', async () => {
  await pool.query(make)
  await kept.read(items)
  const table = must(kept.kept(items))
  await pool.query("insert into items values (2, 'y'); update items set title = 'z'; delete from items where id = 1")
  for (const sql of [
    'analyze items',
    'vacuum items',
    'vacuum freeze items',
    'vacuum pg_class',
    'vacuum freeze pg_attribute',
  ])
    await pool.query(sql)
  await pool.query('create index on items (n)')
  expect(await kept.isStillSo(table)).toBe(true)
})

test('in the snapshot of the last look it is still so without a question; in any other Postgres is asked', async () => {
  await pool.query(make)
  await kept.read(items)
  const table = must(kept.kept(items))
  const snapshot = async () => parseSnapshot((await pool.query('select pg_current_snapshot()::text as s')).rows[0].s)
  let asked = 0
  const counting = { query: (...args: [never]) => ((asked += 1), pool.query(...args)) } as unknown as pg.Pool
  const counted = createKeptTables(counting, 'kept')
  await counted.read(items)
  const again = must(counted.kept(items))
  asked = 0
  expect(await counted.isStillSo(again, await snapshot())).toBe(true)
  expect(asked).toBe(0)
  await pool.query("insert into items values (3, 'y')")
  expect(await counted.isStillSo(again, await snapshot())).toBe(true)
  expect(asked).toBe(1)
  expect(await counted.isStillSo(again, await snapshot())).toBe(true)
  expect(asked).toBe(1)
  // what another session has begun is in no snapshot before it ends
  const client = await pool.connect()
  await client.query('begin; alter table items add column late int')
  const during = await snapshot()
  expect(await counted.isStillSo(again, during)).toBe(true)
  await client.query('commit')
  client.release()
  expect(await counted.isStillSo(again, await snapshot())).toBe(false)
  expect(await kept.isStillSo(table, during)).toBe(false)
})

test('only what is ready to be followed is kept: no partitions, nothing that is yet to be published', async () => {
  await pool.query(make)
  await pool.query(`drop table if exists parted; create table parted (id int primary key) partition by list (id);
    create table part_1 partition of parted for values in (1); alter table part_1 replica identity full;
    create table loose (id int primary key); alter publication kept add table parted`)
  for (const name of ['parted', 'part_1', 'loose', 'nothing']) {
    const table = await kept.read({ schema: 'public', name })
    expect(table?.name).toBe(name === 'nothing' ? undefined : name)
    expect(kept.kept({ schema: 'public', name })).toBeUndefined()
  }
})

test('what is no longer there is not kept either', async () => {
  await pool.query(make)
  await kept.read(items)
  await pool.query('drop table items')
  expect(await kept.read(items)).toBeNull()
  expect(kept.kept(items)).toBeUndefined()
})
