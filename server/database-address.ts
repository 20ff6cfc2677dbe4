// DATABASE_URL before anything stands on it: does the server there let us in? And how it is called towards people.
import pg from 'pg'
import type { Config } from '#server/kernel/config.ts'
import { ConfigError } from '#server/kernel/config-error.ts'
import { connectionProblem } from '#sync/engine/doctor/checks.ts'

type DatabaseSettings = Pick<Config, 'databaseUrl' | 'dataDir'>

/** Connects once. Throws ConfigError with the cause and its remedy when that fails. */
export const requireDatabase = async ({ databaseUrl }: DatabaseSettings): Promise<void> => {
  if (databaseUrl === 'embedded') return
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new ConfigError([{ name: 'DATABASE_URL', ...connectionProblem(error) }])
  } finally {
    await client.end()
  }
}

/** Where the database is, without its password. */
export const databasePlace = ({ databaseUrl, dataDir }: DatabaseSettings): string => {
  if (databaseUrl === 'embedded') return `the database of ${dataDir} (DATA_DIR)`
  const { host, pathname } = new URL(databaseUrl)
  return `the database ${host}${pathname} (DATABASE_URL)`
}
