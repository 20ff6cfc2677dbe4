// Migrations as a whole: they run once, also when several servers start together, and the database guards the rules.
import { expect, test } from 'vitest'
import { emptyDatabase, migratedDatabase, queryOnce } from '#server/testing/postgres.ts'
import { migrate, migrationNames } from './run.ts'

test('three servers starting at once migrate exactly once; a later start finds nothing to do', async () => {
  const database = await emptyDatabase()
  const runs = await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)])
  expect(runs.map(run => run.length).sort((a, b) => a - b)).toEqual([0, 0, migrationNames.length])
  expect(await migrate(database.url)).toEqual([])
  await database.drop()
})

test('every published table has replica identity full, every synced row its scope, and no column of a kind that cannot sync', async () => {
  const database = await migratedDatabase()
  const { rows } = await queryOnce(
    database.url,
    `select c.relname, c.relreplident,
            array_agg(a.attname::text) filter (where a.attgenerated <> '' or t.typname in ('bytea', 'tsvector')) as unsyncable,
            bool_or(a.attname in ('application_id', 'user_id')) as scoped
       from pg_publication_tables p
       join pg_class c on c.relname = p.tablename
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       join pg_type t on t.oid = a.atttypid
      where p.pubname = 'electric_publication_default'
      group by 1, 2`,
  )
  expect(rows.length).toBe(23)
  for (const row of rows as { relname: string; relreplident: string; unsyncable: unknown; scoped: boolean }[]) {
    expect(row).toMatchObject({ relreplident: 'f', unsyncable: null })
    if (!['users', 'applications'].includes(row.relname)) expect(row).toMatchObject({ scoped: true })
  }
  await database.drop()
})

test('every foreign key column is indexed: a cascade never scans a table', async () => {
  const database = await migratedDatabase()
  const { rows } = await queryOnce(
    database.url,
    `select conrelid::regclass::text || '.' || a.attname as col
       from pg_constraint c
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'f' and c.connamespace = 'public'::regnamespace and c.confdeltype <> 'a'
        and not exists (select 1 from pg_index i where i.indrelid = c.conrelid and i.indpred is null and i.indkey[0] = any(c.conkey))`,
  )
  expect(rows.map(row => (row as { col: string }).col).filter(col => !col.endsWith('application_id'))).toEqual([])
  await database.drop()
})
