// Commands on a database that no Skerry has been in: they leave it alone, unless making one is what they are for.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ConfigError } from '#server/kernel/config-error.ts'
import { emptyDatabase, queryOnce, type TestDatabase } from '#server/testing/postgres.ts'
import { migrateCommand } from './database.ts'
import { disableUser } from './user.ts'

let database: TestDatabase
let folder = ''

beforeEach(async () => {
  database = await emptyDatabase()
  folder = mkdtempSync(join(tmpdir(), 'skerry-session-'))
  vi.stubEnv('DATABASE_URL', database.url)
  vi.stubEnv('DATA_DIR', folder)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

const tables = async (): Promise<unknown[]> =>
  (await queryOnce(database.url, `select tablename from pg_tables where schemaname = 'public'`)).rows

test('a database without Skerry is refused as it is, until migrate has made one there', async () => {
  await queryOnce(database.url, 'create table somebody_elses (id int)')
  const refused = disableUser('ann@example.com', () => undefined)
  await expect(refused).rejects.toThrow(ConfigError)
  await expect(refused).rejects.toThrow(
    /DATABASE_URL: there is no Skerry in the database .*\n {4}→ correct DATABASE_URL; or make one there: skerry migrate/,
  )
  expect(await tables()).toEqual([{ tablename: 'somebody_elses' }])
  let said = ''
  await migrateCommand(text => (said += text))
  expect(said).toContain('up to date')
  await expect(disableUser('ann@example.com', () => undefined)).rejects.toThrow('There is no account ann@example.com')
})
