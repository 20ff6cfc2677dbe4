// Runs the migrations, forward only, under an advisory lock: any number of servers may start at once.
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Migrator, type Migration, type MigrationProvider } from 'kysely/migration'
import pg from 'pg'
import * as people from './0001_people.ts'
import * as boards from './0002_boards.ts'
import * as kernel from './0003_kernel.ts'
import * as publication from './0004_publication.ts'
import * as documents from './0005_documents.ts'
import * as notifications from './0006_notifications.ts'
import * as apiTokens from './0007_api_tokens.ts'
import * as documentComments from './0008_document_comments.ts'
import * as documentTemplates from './0009_document_templates.ts'
import * as commentBytes from './0010_comment_bytes.ts'
import * as importSources from './0011_import_sources.ts'
import * as importFields from './0012_import_fields.ts'
import * as documentSizes from './0013_document_sizes.ts'
import * as documentContributors from './0014_document_contributors.ts'

const migrations: Record<string, Migration> = {
  '0001_people': people,
  '0002_boards': boards,
  '0003_kernel': kernel,
  '0004_publication': publication,
  '0005_documents': documents,
  '0006_notifications': notifications,
  '0007_api_tokens': apiTokens,
  '0008_document_comments': documentComments,
  '0009_document_templates': documentTemplates,
  '0010_comment_bytes': commentBytes,
  '0011_import_sources': importSources,
  '0012_import_fields': importFields,
  '0013_document_sizes': documentSizes,
  '0014_document_contributors': documentContributors,
}

const provider: MigrationProvider = { getMigrations: async () => migrations }

// a lock of our own around Kysely's: two starting servers queue up instead of racing for its tables
const lockKey = 736_379_211

/** Whether anybody has ever migrated this database: one row, `there`. */
export const everMigrated = `select to_regclass('kysely_migration') is not null as there`

/** Nobody was let in; `cause` says why. */
export class UnreachableError extends Error {
  override name = 'UnreachableError'
}

/** No Skerry has ever been in this database, and none was to be made. */
export class NeverMigratedError extends Error {
  override name = 'NeverMigratedError'
}

export interface MigrateOptions {
  /** false: a database without our tables is left alone, and refused. */
  readonly create?: boolean
  /** Milliseconds until a server that does not answer is given up. */
  readonly connectMs?: number
}

/**
 * Brings `url` up to date; answers the names of the migrations that ran. Throws UnreachableError, NeverMigratedError, or
 * an error with the failed migration's name.
 */
export const migrate = async (
  url: string,
  { create = true, connectMs = 10_000 }: MigrateOptions = {},
): Promise<string[]> => {
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: connectMs })
  let isReached = false
  pool.on('connect', client => {
    isReached = true
    // a lost connection fails the migration that uses it, not the process
    client.on('error', () => undefined)
  })
  pool.on('error', () => undefined)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    return await db.connection().execute(async lock => {
      await sql`select pg_advisory_lock(${lockKey})`.execute(lock)
      try {
        if (!create) {
          const { rows } = await sql.raw<{ there: boolean }>(everMigrated).execute(lock)
          if (rows[0]?.there !== true) throw new NeverMigratedError('the database has no tables of Skerry')
        }
        const { error, results } = await new Migrator({ db, provider }).migrateToLatest()
        const failed = results?.find(result => result.status === 'Error')
        if (error !== undefined) {
          throw new Error(
            `migration ${failed?.migrationName ?? '(none)'} failed: ${error instanceof Error ? error.message : 'unknown error'}`,
            { cause: error },
          )
        }
        return (results ?? []).map(result => result.migrationName)
      } finally {
        await sql`select pg_advisory_unlock(${lockKey})`.execute(lock)
      }
    })
  } catch (error) {
    throw isReached ? error : new UnreachableError('the database cannot be reached', { cause: error })
  } finally {
    await db.destroy()
  }
}

/** Names of all migrations, in order; the last one is what a ready database has. */
export const migrationNames: readonly string[] = Object.keys(migrations)
