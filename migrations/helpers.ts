// Pieces that several migrations are made of. Changing one here changes history: add a new one instead.
import { type Kysely, sql } from 'kysely'

/** Runs each statement as it stands. */
export const runAll = async (db: Kysely<unknown>, statements: readonly string[]): Promise<void> => {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/** id, version and times: what domain rows have in common. */
export const std = `
  id uuid primary key,
  version int not null default 1 check (version >= 1),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()`

/** A row of an application. */
export const app = `application_id uuid not null references applications on delete cascade`

/**
 * The trigger that moves `version` and `updated_at` with each real change: those of `columns`, which leaves out the
 * database's own (★) ones. Commands never set either.
 */
export const versionTrigger = (table: string, columns: readonly string[]): string => {
  const list = (row: string) => columns.map(column => `${row}.${column}`).join(', ')
  return `create trigger ${table}_version before update on ${table} for each row
    when (row(${list('old')}) is distinct from row(${list('new')}))
    execute function skerry_bump_version()`
}

/** Puts synced tables into the publication, with whole old rows in the WAL. */
export const publish = (tables: readonly string[]): string[] =>
  tables.flatMap(table => [
    `alter table ${table} replica identity full`,
    `alter publication electric_publication_default add table ${table}`,
  ])
