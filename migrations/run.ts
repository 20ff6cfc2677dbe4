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
}

const provider: MigrationProvider = { getMigrations: async () => migrations }

// a lock of our own around Kysely's: two starting servers queue up instead of racing for its tables
const lockKey = 736_379_211

/** Brings `url` up to date; answers the names of the migrations that ran. Throws with the failed one's name. */
export const migrate = async (url: string): Promise<string[]> => {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  // a lost connection fails the migration that uses it, not the process
  pool.on('connect', client => client.on('error', () => undefined))
  pool.on('error', () => undefined)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    return await db.connection().execute(async lock => {
      await sql`select pg_advisory_lock(${lockKey})`.execute(lock)
      try {
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
  } finally {
    await db.destroy()
  }
}

/** Names of all migrations, in order; the last one is what a ready database has. */
export const migrationNames: readonly string[] = Object.keys(migrations)
