import { expect, test } from 'vitest'
import { databasePlace, requireDatabase } from './database-address.ts'

const dataDir = '/data'

test('a database that does not answer is said with setting, cause and remedy', async () => {
  await requireDatabase({ databaseUrl: 'embedded', dataDir })
  // nobody listens on port 1
  await expect(requireDatabase({ databaseUrl: 'postgres://u:p@127.0.0.1:1/x', dataDir })).rejects.toThrow(
    'DATABASE_URL: connect ECONNREFUSED 127.0.0.1:1\n    → start Postgres, or correct host and port in the URL',
  )
})

test('where the database is, without its password', () => {
  expect(databasePlace({ databaseUrl: 'embedded', dataDir })).toBe('the database of /data (DATA_DIR)')
  const databaseUrl = 'postgres://ann:secret@db.example.com:6432/boards?sslmode=require'
  expect(databasePlace({ databaseUrl, dataDir })).toBe('the database db.example.com:6432/boards (DATABASE_URL)')
})
