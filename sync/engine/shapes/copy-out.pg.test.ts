// Rows of COPY and the row before them, from a real server over one connection.
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { CopyOut } from './copy-out.ts'

let database: TestDatabase
let client: pg.Client
let pid: number

beforeAll(async () => {
  database = await emptyDatabase()
  client = new pg.Client({ connectionString: database.url })
  client.on('error', () => {})
  await client.connect()
  pid = must((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]).pid
})

afterAll(async () => {
  await client.end()
  await database.drop()
})

const whole = async (pieces: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

const works = async () => (await client.query<{ one: number }>('select 1 as one')).rows[0]?.one === 1

// lengths that put the heads of messages everywhere in what the socket reads
const rows = "select n, repeat(chr(97 + n % 26), (n * 7919) % 900), E'a\\tb' from generate_series(1, 30000) n"

test('the bytes are those of COPY, and the row before them comes along', async () => {
  const peer = await whole(client.query(copyTo(`copy (${rows}) to stdout`)))
  const out = client.query(new CopyOut("begin; select 'x' as a, null::text, 7", `copy (${rows}) to stdout; commit`))
  expect(await out.row).toEqual(['x', null, '7'])
  expect((await whole(out)).equals(peer)).toBe(true)
  expect(out.over).toBe(true)
  expect(await works()).toBe(true)
})

test('several on one connection wait for each other, empty ones too', async () => {
  const outs = [10, 0, 3].map(count => {
    const copy = `copy (select n from generate_series(1, ${count}) n) to stdout`
    return client.query(new CopyOut(`select '${count}'`, copy))
  })
  const texts = await Promise.all(outs.map(async out => [await out.row, String(await whole(out))]))
  expect(texts).toEqual([
    [['10'], '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n'],
    [['0'], ''],
    [['3'], '1\n2\n3\n'],
  ])
})

test('what raises before, or in the middle, rejects as Postgres says, and the connection goes on', async () => {
  const early = client.query(new CopyOut('select 1 / 0', `copy (${rows}) to stdout; commit`, 'select 2 / 0'))
  await expect(early.row).rejects.toMatchObject({ code: '22012' })
  await expect(whole(early)).rejects.toMatchObject({ code: '22012' })
  const late = client.query(new CopyOut('select 1', `copy (select 1 / (20000 - n) from (${rows}) x) to stdout`))
  expect(await late.row).toEqual(['1'])
  let bytes = 0
  const reading = async () => {
    for await (const piece of late) bytes += piece.length
  }
  await expect(reading()).rejects.toMatchObject({ code: '22012' })
  expect(bytes).toBeGreaterThan(10_000)
  expect(await works()).toBe(true)
})

test('the row is there while COPY still waits', async () => {
  const other = new pg.Client({ connectionString: database.url })
  await other.connect()
  await other.query('select pg_advisory_lock(1)')
  const out = client.query(new CopyOut('select 1', 'copy (select pg_advisory_lock(1)) to stdout'))
  expect(await out.row).toEqual(['1'])
  expect(out.over).toBe(false)
  await other.end()
  expect(String(await whole(out))).toBe('\n')
})

test('a text without a row says so', async () => {
  const out = client.query(new CopyOut('copy (select 1) to stdout'))
  await expect(out.row).rejects.toThrow('there was no row')
  expect(String(await whole(out))).toBe('1\n')
})

const endless = "copy (select repeat('x', 1000) from generate_series(1, 300000)) to stdout"

test('rows that nobody takes hold Postgres up; discarded ones let it end', async () => {
  const out = client.query(new CopyOut('select 1', endless))
  await out.row
  const watch = new pg.Client({ connectionString: database.url })
  await watch.connect()
  await until('Postgres waits for the reader', async () => {
    const { rows: found } = await watch.query<{ wait_event: string | null }>(
      'select wait_event from pg_stat_activity where pid = $1',
      [pid],
    )
    return found[0]?.wait_event === 'ClientWrite'
  })
  await watch.end()
  expect(out.over).toBe(false)
  out.discard()
  expect(await works()).toBe(true)
  expect(out.over).toBe(true)
})

test('who leaves early discards the others', async () => {
  const out = client.query(new CopyOut('select 1', endless))
  for await (const _ of out) break
  expect(await works()).toBe(true)
})

test('a connection that ends on the way rejects', async () => {
  const own = new pg.Client({ connectionString: database.url })
  own.on('error', () => {})
  await own.connect()
  const out = own.query(new CopyOut('select pg_backend_pid()', endless))
  const [backend] = await out.row
  await client.query('select pg_terminate_backend($1)', [backend])
  await expect(whole(out)).rejects.toThrow(/terminat/)
})
