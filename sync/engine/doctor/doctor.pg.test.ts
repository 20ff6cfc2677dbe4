// The doctor on real databases, in order and not.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, queryOnce, type TestDatabase } from '#server/testing/postgres.ts'
import { type DoctorOptions, examine } from './doctor.ts'
import type { Finding } from './findings.ts'

let database: TestDatabase
let folder: string
let name: string

beforeEach(async () => {
  database = await emptyDatabase()
  folder = mkdtempSync(join(tmpdir(), 'skerry-doctor-'))
  name = `doctor_${Math.random().toString(36).slice(2, 10)}`
})
afterEach(async () => {
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

const sql = (text: string) => queryOnce(database.url, text)
const run = (more: Partial<DoctorOptions> = {}): Promise<Finding[]> =>
  examine({ databaseUrl: database.url, storageDir: folder, publication: name, slot: name, mode: 'automatic', ...more })
// a cluster made for tests bounds nothing and is shared with others
const own = (findings: readonly Finding[]) =>
  findings.filter(
    ({ level, check }) => level !== 'ok' && !['max_slot_wal_keep_size', 'old transaction', 'idle slot'].includes(check),
  )

test('a fresh database is fit for the automatic mode, and wants a publication for the manual one', async () => {
  expect(own(await run())).toEqual([])
  expect((await run()).map(({ check }) => check)).toContain('replication connection')
  expect(own(await run({ mode: 'manual' })).map(({ check }) => check)).toEqual(['publication'])
})

test('tables of the publication are looked at one by one', async () => {
  await sql(`create table good (id int primary key); alter table good replica identity full;
    create table plain (id int primary key); create table keyless (id int); alter table keyless replica identity full;
    create publication ${name} for table good, plain, keyless with (publish = 'insert, update')`)
  const found = own(await run({ mode: 'manual' }))
  expect(found.map(({ level, check, found: text }) => [level, check, text])).toEqual([
    ['fail', 'publication', `${name} leaves out delete, truncate`],
    ['fail', 'replica identity', 'not FULL: public.plain'],
    ['warn', 'primary keys', 'none: public.keyless'],
  ])
})

test('a role without rights hears which it lacks', async () => {
  await sql(`create role ${name}_role login password 'x'; create table t (id int primary key);
    alter table t replica identity full; create publication ${name} for table t`)
  const url = new URL(database.url)
  url.username = `${name}_role`
  url.password = 'x'
  try {
    const found = own(await run({ databaseUrl: url.href }))
    expect(found.map(({ check, remedy }) => `${check}: ${remedy}`)).toEqual([
      `role: run ALTER ROLE "${name}_role" REPLICATION as a superuser`,
      `publication: run ALTER PUBLICATION "${name}" OWNER TO "${name}_role", or start with --manual`,
      `table rights: run GRANT SELECT ON … TO "${name}_role"`,
      'replication connection: give the role REPLICATION and a direct connection',
    ])
  } finally {
    await sql(`drop owned by ${name}_role; drop role ${name}_role`)
  }
})

test('slots: of another plugin, of another database, and forgotten ones', async () => {
  await sql(`select pg_create_logical_replication_slot('${name}', 'test_decoding')`)
  await sql(`select pg_create_logical_replication_slot('skerry_slot_${name}', 'pgoutput')`)
  const other = await emptyDatabase()
  try {
    expect(own(await run()).map(({ found }) => found)).toEqual([`${name} uses test_decoding`])
    expect((await run()).filter(({ check }) => check === 'idle slot').map(({ found }) => found)).toEqual([
      expect.stringMatching(`^skerry_slot_${name} keeps `),
    ])
    const [elsewhere] = own(await run({ databaseUrl: other.url }))
    expect(elsewhere?.found).toMatch(/belongs to the database t_/)
  } finally {
    await other.drop()
    await sql(`select pg_drop_replication_slot('${name}'), pg_drop_replication_slot('skerry_slot_${name}')`)
  }
})

test('no database, and no folder', async () => {
  const nowhere = new URL(database.url)
  nowhere.port = '9'
  const wrong = new URL(database.url)
  wrong.pathname = '/no_such_database'
  expect(await run({ databaseUrl: nowhere.href, storageDir: undefined })).toMatchObject([
    { level: 'fail', check: 'connection', remedy: 'start Postgres, or correct host and port in the URL' },
  ])
  expect(await run({ databaseUrl: wrong.href, storageDir: undefined })).toMatchObject([
    { level: 'fail', check: 'connection', remedy: 'create the database, or correct its name in the URL' },
  ])
  const found = await run({ storageDir: '/dev/null/shapes' })
  expect(found.at(-1)).toMatchObject({ level: 'fail', check: 'storage' })
  expect((await run({ storageDir: join(folder, 'not', 'yet') })).at(-1)).toMatchObject({
    level: 'ok',
    check: 'storage',
  })
})
