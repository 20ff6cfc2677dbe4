// The shared cluster of a vitest project: started once, migrated into a template, stopped at the end.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { TestProject } from 'vitest/node'
import { EmbeddedPostgres } from '#server/embedded/postgres.ts'
import { silentLog } from '#server/kernel/log.ts'
import { queryOnce } from './postgres-query.ts'

const migrations = fileURLToPath(new URL('../../migrations/run.ts', import.meta.url))

/** Starts PostgreSQL `major` for `project`; returns what stops it. */
export const startShared = async (project: TestProject, major: number): Promise<() => Promise<void>> => {
  const folder = mkdtempSync(join(tmpdir(), `skerry-pg${major}-`))
  const server = new EmbeddedPostgres({
    folder,
    log: silentLog,
    major,
    durable: false,
    settings: { max_connections: '400', max_wal_senders: '100', max_replication_slots: '100' },
  })
  await server.start()
  const admin = server.url.replace(/\/skerry$/, '/postgres')
  await queryOnce(admin, 'create database skerry_template')
  if (existsSync(migrations)) {
    const { migrate } = (await import(pathToFileURL(migrations).href)) as {
      migrate: (url: string) => Promise<unknown>
    }
    await migrate(server.url.replace(/\/skerry$/, '/skerry_template'))
  }
  project.provide('postgresUrl', server.url)
  project.provide('postgresMajor', major)
  return async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
