// The doctor before a database has its tables: what the migrations make is not missing yet.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { emptyDatabase } from '#server/testing/postgres.ts'
import { doctorCommand } from './doctor.ts'

afterEach(() => vi.unstubAllEnvs())

test('on an empty database the remedy is to migrate, and nothing has failed', async () => {
  const database = await emptyDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'skerry-doctor-'))
  vi.stubEnv('DATABASE_URL', database.url)
  vi.stubEnv('DATA_DIR', folder)
  try {
    let out = ''
    await doctorCommand(text => (out += `${text}\n`))
    expect(out).toMatch(/ok +publication +electric_publication_default will be made/)
    expect(out).toMatch(/WARN +schema +empty\n +→ run skerry migrate/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await database.drop()
  }
})
