import { CompiledQuery, sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, queryOnce, type TestDatabase } from '#server/testing/postgres.ts'
import { type Database, openDatabase } from './database.ts'
import { silentLog } from './log.ts'

let own: TestDatabase
let database: Database

beforeEach(async () => {
  own = await emptyDatabase()
  await queryOnce(
    own.url,
    'create table notes (id int primary key, pair int unique deferrable initially deferred, body text)',
  )
  database = openDatabase(own.url, 2, silentLog)
})
afterEach(async () => {
  await database.close()
  await own.drop()
})

const text = (statement: string) => ({ compile: () => CompiledQuery.raw(statement) })
const insert = (id: number, pair = id) => text(`insert into notes values (${id}, ${pair}, 'x')`)
const stored = async () => (await queryOnce(own.url, 'select id from notes order by id')).rows.map(row => row.id)

test('what is sent without waiting takes effect in order, and is there after the commit', async () => {
  const seen = await database.write(async (tx, { later }) => {
    later(insert(1))
    later(text(`update notes set body = 'later' where id = 1`))
    const { rows } = await sql<{ body: string }>`select body from notes`.execute(tx)
    later(insert(2))
    return rows
  })
  expect(seen).toEqual([{ body: 'later' }])
  expect(await stored()).toEqual([1, 2])
})

test('what comes last is sent behind everything, is committed with it, and can fail it', async () => {
  await database.write(async (tx, { later, last }) => {
    last(() => later(text(`update notes set body = body || ' last'`)))
    later(insert(1))
    await sql`insert into notes values (2, 2, 'y')`.execute(tx)
  })
  const { rows } = await queryOnce(own.url, 'select body from notes order by id')
  expect(rows.map(row => row.body as string)).toEqual(['x last', 'y last'])
  const failing = database.write(async (_tx, { later, last }) => {
    last(() => later(insert(1)))
    later(insert(3))
  })
  await expect(failing).rejects.toMatchObject({ code: '23505', constraint: 'notes_pkey' })
  expect(await stored()).toEqual([1, 2])
})

test('a statement that fails unwatched is the reason given, not what failed after it, and nothing stays', async () => {
  await database.write(async (_tx, { later }) => later(insert(1)))
  const last = database.write(async (_tx, { later }) => {
    later(insert(2))
    later(insert(1))
  })
  await expect(last).rejects.toMatchObject({ code: '23505', constraint: 'notes_pkey' })
  const before = database.write(async (tx, { later }) => {
    later(insert(2))
    later(insert(1))
    await sql`select 1`.execute(tx)
  })
  await expect(before).rejects.toMatchObject({ code: '23505' })
  const wrapped = database.write(async (tx, { later }) => {
    later(insert(1))
    await sql`select 1`.execute(tx).catch((cause: unknown) => {
      throw new Error('the command says more', { cause })
    })
  })
  await expect(wrapped).rejects.toMatchObject({ code: '23505' })
  expect(await stored()).toEqual([1])
})

test('an error of the work itself takes back what was sent', async () => {
  const refused = database.write(async (_tx, { later }) => {
    later(insert(1))
    throw new RangeError('refused')
  })
  await expect(refused).rejects.toThrow(RangeError)
  expect(await stored()).toEqual([])
})

test('a failure that the work has swallowed does not pass for a commit', async () => {
  const swallowed = database.write(async tx => {
    await sql`insert into notes values (1, 1, 'x')`.execute(tx)
    await sql`select 1 / 0`.execute(tx).catch(() => undefined)
    return 'done'
  })
  await expect(swallowed).rejects.toThrow('The transaction had failed before its commit.')
  expect(await stored()).toEqual([])
})

test('a constraint that speaks at the commit rejects', async () => {
  const twice = database.write(async (_tx, { later }) => {
    later(insert(1, 7))
    later(insert(2, 7))
  })
  await expect(twice).rejects.toMatchObject({ code: '23505', constraint: 'notes_pair_key' })
  expect(await stored()).toEqual([])
})

test('a connection that breaks rejects its transaction, and the pool goes on with new ones', async () => {
  for (let round = 0; round < 4; round += 1) {
    const broken = database.write(async (tx, { later }) => {
      later(insert(1))
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)
    })
    await expect(broken).rejects.toThrow()
  }
  expect(await stored()).toEqual([])
  await database.write(async (_tx, { later }) => later(insert(1)))
  expect(await stored()).toEqual([1])
})

test('transactions side by side keep their connections apart, also with prepared statements', async () => {
  const ids = Array.from({ length: 60 }, (_, n) => n)
  await Promise.all(
    ids.map(id =>
      database
        .write(async (tx, { later }) => {
          await sql`insert into notes values (${id}, ${id}, 'x')`.execute(tx)
          later(text(`update notes set body = 'y${id}' where id = ${id}`))
          const { rows } = await sql<{ body: string }>`select body from notes where id = ${id}`.execute(tx)
          expect(rows).toEqual([{ body: `y${id}` }])
          if (id % 3 === 0) throw new Error('taken back')
        })
        .catch((error: unknown) => expect(error).toMatchObject({ message: 'taken back' })),
    ),
  )
  expect(await stored()).toEqual(ids.filter(id => id % 3 !== 0))
})

test('statements that are started together arrive in that order', async () => {
  await database.write(async tx => {
    await sql`create temporary sequence turns`.execute(tx)
    const ask = (n: number) =>
      n % 2 === 0
        ? sql<{ turn: string }>`select nextval('turns') as turn`.execute(tx).then(({ rows }) => rows[0]?.turn)
        : tx
            .selectNoFrom(sql<string>`nextval('turns')`.as('turn'))
            .executeTakeFirst()
            .then(row => row?.turn)
    expect(await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n)))).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
  })
})

test('the id of a transaction is asked once and is that of its rows', async () => {
  await database.write(async (tx, { later, xid }) => {
    const [first, second] = await Promise.all([xid(), xid()])
    later(insert(1))
    const { rows } = await sql<{ xmin: string }>`select xmin::text from notes`.execute(tx)
    expect([first, second, rows[0]?.xmin]).toEqual([first, first, String(first)])
  })
})
