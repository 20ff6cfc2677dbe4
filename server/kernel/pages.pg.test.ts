// Keyset pagination against PostgreSQL (domain rules, section 1.4): D11 and D12 for random rows and every sort.
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, queryOnce, type TestDatabase } from '#server/testing/postgres.ts'
import { runs, seed } from '#server/testing/random.ts'
import { type Database, openDatabase } from './database.ts'
import { uuid7 } from './ids.ts'
import { silentLog } from './log.ts'
import { likePattern, page, type SortKey } from './pages.ts'

let own: TestDatabase
let database: Database
beforeAll(async () => {
  own = await emptyDatabase()
  await queryOnce(own.url, 'create table things (id uuid primary key, name text, n int, at timestamptz)')
  database = openDatabase(own.url, 2, silentLog)
})
afterAll(async () => {
  await database.close()
  await own.drop()
})
beforeEach(() => queryOnce(own.url, 'truncate things'))

interface Thing {
  readonly id: string
  readonly name: string | null
  readonly n: number | null
  readonly at: Date | null
}
const insert = async (things: readonly Thing[]) => {
  for (const { id, name, n, at } of things) {
    await queryOnce(own.url, 'insert into things values ($1, $2, $3, $4)', [id, name, n, at])
  }
}

const keys: Readonly<Record<string, SortKey>> = {
  name: { by: sql`name`, type: 'text collate "C"' },
  n: { by: sql`n`, type: 'int' },
  at: { by: sql`at`, type: 'timestamptz' },
}

interface Request {
  readonly sort: readonly SortKey[]
  readonly limit: number
  readonly cursor?: string | undefined
  readonly filters?: unknown
  readonly include_total?: boolean
}
const read = ({ sort, limit, cursor, filters = null, include_total = false }: Request) =>
  database.read(reader =>
    page(reader.selectFrom(sql<{ id: string }>`things`.as('things')).select('id'), {
      sort,
      id: sql`id`,
      request: { limit, cursor, include_total },
      filters,
    }),
  )

const walk = async (sort: readonly SortKey[], limit: number): Promise<string[]> => {
  const found: string[] = []
  let cursor: string | undefined
  do {
    const answer = await read({ sort, limit, cursor })
    expect(answer.data.length).toBeLessThanOrEqual(limit)
    found.push(...answer.data.map(row => row.id))
    cursor = answer.next_cursor ?? undefined
  } while (cursor !== undefined)
  return found
}

const value = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const thing = fc.record({
  // few values, so that many rows share them
  name: value(fc.constantFrom('', 'a', 'b', 'ä', 'B')),
  n: value(fc.integer({ min: -1, max: 1 })),
  at: value(fc.constantFrom(new Date(0), new Date(1), new Date('2026-11-25T10:00:00.123Z'))),
})

test(`D11 a walk returns each row exactly once, in order, nulls last (SKERRY_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(thing, { maxLength: 12 }),
      fc.array(fc.tuple(fc.constantFrom('name', 'n', 'at'), fc.boolean()), { maxLength: 2 }),
      fc.integer({ min: 1, max: 5 }),
      async (list, chosen, limit) => {
        await queryOnce(own.url, 'truncate things')
        await insert(list.map(one => ({ id: uuid7(), ...one })))
        const sort = chosen.map(([name, descending]) => ({ ...(keys[name] as SortKey), descending }))
        const order = chosen.map(
          ([name, descending]) =>
            `${name === 'name' ? 'name collate "C"' : name} ${descending ? 'desc' : 'asc'} nulls last`,
        )
        const idOrder = chosen[0]?.[1] === true ? 'id desc' : 'id asc'
        const { rows } = await queryOnce(own.url, `select id from things order by ${[...order, idOrder].join(', ')}`)
        expect(await walk(sort, limit)).toEqual(rows.map((row: { id: string }) => row.id))
      },
    ),
    { numRuns: runs(40), seed },
  )
})

const sort = [keys.n as SortKey]
const three = [1, 2, 3].map(n => ({ id: uuid7(), name: null, n, at: null }))

test('D12 a deleted anchor loses no row; rows that come in behind it are found', async () => {
  await insert(three)
  const first = await read({ sort, limit: 1 })
  await queryOnce(own.url, 'delete from things where id = $1', [three[0]?.id])
  const next = await read({ sort, limit: 5, cursor: first.next_cursor ?? '' })
  expect(next.data.map(row => row.id)).toEqual(three.slice(1).map(row => row.id))
})

test('D12 a cursor of other filters, another order or damaged is invalid_cursor', async () => {
  await insert(three)
  const cursor = (await read({ sort, limit: 1, filters: { a: 1 } })).next_cursor ?? ''
  const [digest] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [string]
  const forged = (...values: unknown[]) => Buffer.from(JSON.stringify([digest, ...values])).toString('base64url')
  const wrong: Request[] = [
    { sort, limit: 1, cursor, filters: { a: 2 } },
    { sort: [{ ...(keys.n as SortKey), descending: true }], limit: 1, cursor, filters: { a: 1 } },
    ...['', 'x', forged('1'), forged('one', uuid7()), forged('1', 'x'), forged(1, uuid7()), forged({}, uuid7())].map(
      text => ({ sort, limit: 1, cursor: text, filters: { a: 1 } }),
    ),
  ]
  for (const request of wrong) await expect(read(request)).rejects.toMatchObject({ code: 'invalid_cursor' })
  expect((await read({ sort, limit: 1, cursor, filters: { a: 1 } })).data).toEqual([{ id: three[1]?.id }])
})

test('the total counts all rows, on every page', async () => {
  await insert(three)
  const first = await read({ sort, limit: 2, include_total: true })
  expect(first).toMatchObject({ total: 3, next_cursor: expect.any(String) })
  expect(await read({ sort, limit: 2, include_total: true, cursor: first.next_cursor ?? '' })).toMatchObject({
    total: 3,
    next_cursor: null,
  })
})

test('search patterns are taken literally', async () => {
  expect(likePattern('50%_\\')).toBe('%50\\%\\_\\\\%')
})
