// Real PostgreSQL for tests: one shared cluster per vitest project (global-postgres-*.ts), a database of its own per
// test, and private clusters where a test wants to kill or configure the server.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { EmbeddedPostgres } from '#server/embedded/postgres.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { setNextXid } from './next-xid.ts'
import { queryOnce } from './postgres-query.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    postgresMajor: number
  }
}

export interface TestDatabase {
  readonly url: string
  /** Ends every connection and removes the database. */
  drop(): Promise<void>
}

export { queryOnce }

let counter = 0

const databaseFrom = async (template: string, more = ''): Promise<TestDatabase> => {
  const server = inject('postgresUrl')
  counter += 1
  const name = `t_${process.pid}_${counter}_${Math.random().toString(36).slice(2, 8)}`
  const admin = server.replace(/\/skerry$/, '/postgres')
  await queryOnce(admin, `create database ${name} template ${template}${more}`)
  return {
    url: server.replace(/\/skerry$/, `/${name}`),
    drop: async () => {
      const { rows } = await queryOnce(admin, 'select slot_name from pg_replication_slots where database = $1', [name])
      await queryOnce(admin, `drop database if exists ${name} with (force)`).catch(async () => {
        for (const { slot_name: slot } of rows as { slot_name: string }[]) await dropSlot(admin, slot)
        await queryOnce(admin, `drop database if exists ${name} with (force)`)
      })
    },
  }
}

const dropSlot = async (url: string, slot: string): Promise<void> => {
  await until(`slot ${slot} is gone`, async () => {
    await queryOnce(
      url,
      'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active',
      [slot],
    )
    const { rows } = await queryOnce(url, 'select active from pg_replication_slots where slot_name = $1', [slot])
    if (rows.length === 0) return true
    if ((rows[0] as { active: boolean }).active) return false
    await queryOnce(url, 'select pg_drop_replication_slot($1)', [slot])
    return true
  })
}

/** An empty database on the project's shared cluster (wal_level=logical, fsync off). */
export const emptyDatabase = (): Promise<TestDatabase> => databaseFrom('template1')

/** An empty database whose default collation is C, where only ASCII letters have a case. */
export const emptyDatabaseInC = (): Promise<TestDatabase> =>
  databaseFrom('template0', " locale_provider libc locale 'C'")

/** A database with all migrations applied, cloned from the project's template. */
export const migratedDatabase = (): Promise<TestDatabase> => databaseFrom('skerry_template')

/** The major version of the shared cluster: 18, or 16 in the project `pg16`. */
export const sharedMajor = (): number => inject('postgresMajor')

export interface TestCluster {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
  /** SIGKILL of the postmaster; the supervisor starts it again, `until` it answers. */
  kill9(): Promise<void>
  /** A clean stop and start on the same port. */
  restart(): Promise<void>
}

/** A cluster of one test's own, in a temporary directory that goes with `stop`. */
export const startCluster = async (
  options: {
    major?: number
    settings?: Record<string, string>
    durable?: boolean
    /** The id of the next transaction, epoch included; autovacuum has to be off. */
    nextXid?: bigint
  } = {},
): Promise<TestCluster> => {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-test-'))
  // below the ports that outgoing connections take
  const port = 20_000 + Math.floor(Math.random() * 12_000)
  const server = new EmbeddedPostgres({
    folder,
    log: silentLog,
    port,
    durable: options.durable ?? false,
    ...(options.major === undefined ? {} : { major: options.major }),
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  })
  await server.start()
  if (options.nextXid !== undefined) {
    for (const name of ['skerry', 'postgres', 'template1'])
      await queryOnce(server.url.replace(/\/skerry$/, `/${name}`), 'vacuum freeze')
    await server.stop()
    setNextXid(join(folder, 'postgres'), options.nextXid)
    await server.start()
  }
  const answers = async () =>
    queryOnce(server.url, 'select 1').then(
      () => true,
      () => false,
    )
  return {
    url: server.url,
    port,
    stop: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
    kill9: async () => {
      process.kill(must(server.pid, 'pid of the postmaster'), 'SIGKILL')
      await until('PostgreSQL is down', async () => !(await answers()))
      await until('PostgreSQL answers again', answers, 60_000)
    },
    restart: async () => {
      await server.stop()
      await server.start()
    },
  }
}

/** Waits until `condition` holds; throws, naming it, after `deadlineMs`. */
export const until = async (
  what: string,
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 20_000,
): Promise<void> => {
  const deadline = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`)
    await pause(10)
  }
}
