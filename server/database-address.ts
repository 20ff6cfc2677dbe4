// The database of the settings before anything stands on it: brought up to date, or why it cannot be. And how it is called
// towards people.
import { migrate, type MigrateOptions, NeverMigratedError, UnreachableError } from '#migrations/run.ts'
import type { Config } from '#server/kernel/config.ts'
import { ConfigError } from '#server/kernel/config-error.ts'
import { connectionProblem } from '#sync/engine/doctor/checks.ts'

type DatabaseSettings = Pick<Config, 'databaseUrl' | 'dataDir'>

/** Where the database is, without its password. */
export const databasePlace = ({ databaseUrl, dataDir }: DatabaseSettings): string => {
  if (databaseUrl === 'embedded') return `the database of ${dataDir} (DATA_DIR)`
  const { host, pathname } = new URL(databaseUrl)
  return `the database ${host}${pathname} (DATABASE_URL)`
}

/**
 * Migrates the database of these settings, which is at `url`; answers the names of the migrations that ran. Throws
 * ConfigError with cause and remedy where nobody is let in, and where there is no Skerry yet and `create` is false.
 */
export const migrateDatabase = async (
  settings: DatabaseSettings,
  url: string,
  options: MigrateOptions = {},
): Promise<string[]> => {
  const name = settings.databaseUrl === 'embedded' ? 'DATA_DIR' : 'DATABASE_URL'
  try {
    return await migrate(url, options)
  } catch (error) {
    // our own server is up by then: what it says is no matter of settings
    if (error instanceof UnreachableError)
      throw name === 'DATA_DIR' ? error.cause : new ConfigError([{ name, ...connectionProblem(error.cause) }])
    if (!(error instanceof NeverMigratedError)) throw error
    const cause = `there is no Skerry in ${databasePlace(settings)}`
    throw new ConfigError([{ name, cause, remedy: `correct ${name}; or make one there: skerry migrate` }])
  }
}
