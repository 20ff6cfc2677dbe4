// Reading a real table for the tests of the where language: its columns as the engine would describe them, its rows as
// PostgreSQL's text output under the settings that where.ts asks for. Used by tests only.

import pg from 'pg'
import { Unanswered, type WhereColumn } from './where.ts'

/** A row as text, by column position. */
export type TextRow = readonly (string | null)[]

/** A connection whose every value is text, under the settings of the log. */
export const connectAsText = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (value: string) => value } })
  await client.connect()
  await client.query(
    "set datestyle = 'ISO'; set timezone = 'UTC'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1; " +
      "set bytea_output = 'hex'; set client_min_messages = 'error'",
  )
  return client
}

/** A table's columns. Test clusters have C.UTF-8 as their default: bytewise, but with case beyond ASCII. */
export const describeColumns = async (client: pg.Client, table: string): Promise<readonly WhereColumn[]> => {
  const { rows } = await client.query(
    `select a.attname, t.typname, t.oid::text, a.atttypmod::text, coalesce(e.typtype, t.typtype)::text as kind,
            coalesce(c.collname, 'C') in ('C', 'POSIX', 'ucs_basic', 'default') as safe,
            coalesce(c.collname, 'C') in ('C', 'POSIX', 'ucs_basic') as ascii,
            coalesce(c.collisdeterministic, true) as deterministic,
            quote_ident(n.nspname) || '.' || quote_ident(c.collname) as collation
     from pg_attribute a join pg_type t on t.oid = a.atttypid
          left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
          left join pg_collation c on c.oid = a.attcollation
          left join pg_namespace n on n.oid = c.collnamespace
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [table],
  )
  return (rows as Record<string, string | null>[]).map(row => ({
    name: row['attname'] ?? '',
    typeName: row['typname'] ?? '',
    typeOid: Number(row['oid']),
    typmod: Number(row['atttypmod']),
    typeKind: row['kind'] ?? '',
    collationSafe: row['safe'] === 't',
    collationAscii: row['ascii'] === 't',
    collationDeterministic: row['deterministic'] === 't',
    ...(row['collation'] == null ? {} : { collation: row['collation'] }),
  }))
}

/** All rows by id, which is the first column. */
export const readRows = async (client: pg.Client, table: string): Promise<ReadonlyMap<number, TextRow>> => {
  const { rows } = await client.query({ text: `select * from ${table} order by id`, rowMode: 'array' })
  return new Map((rows as TextRow[]).map(row => [Number(row[0]), row]))
}

/** The ids that a condition selects, or PostgreSQL's error. */
export const selectIds = async (client: pg.Client, table: string, condition: string): Promise<number[] | string> => {
  try {
    const { rows } = await client.query(`select id from ${table} where (${condition}) order by id`)
    return (rows as { id: string }[]).map(row => Number(row.id))
  } catch (error) {
    return error instanceof pg.DatabaseError ? `${error.code ?? ''} ${error.message}` : String(error)
  }
}

/** Whether a row is in, with every question put to PostgreSQL as the engine would. */
export const decide = async (client: pg.Client, matches: (row: TextRow) => boolean, row: TextRow): Promise<boolean> => {
  for (;;) {
    try {
      return matches(row)
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error
      const { sql, values, settle } = error.question
      try {
        const { rows } = await client.query({ text: sql, values: [...values], rowMode: 'array' })
        settle((rows as TextRow[])[0]?.[0] ?? null)
      } catch (refused) {
        if (!(refused instanceof pg.DatabaseError)) throw refused
        settle(undefined)
      }
    }
  }
}

/** The ids of the rows that a predicate selects. */
export const decideAll = async (
  client: pg.Client,
  matches: (row: TextRow) => boolean,
  rows: ReadonlyMap<number, TextRow>,
): Promise<number[]> => {
  const ids: number[] = []
  for (const [id, row] of rows) if (await decide(client, matches, row)) ids.push(id)
  return ids
}
