// Prints a database's schema from pg_catalog, in a stable order: the reviewable form of what the migrations made.
import pg from 'pg'

const relations = `
  select c.relname as name,
         (select string_agg('  ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                  || case when a.attcollation <> t.typcollation then ' collate ' || quote_ident(co.collname) else '' end
                  || case when a.attnotnull then ' not null' else '' end
                  || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), E',\\n' order by a.attnum)
            from pg_attribute a
            join pg_type t on t.oid = a.atttypid
            left join pg_collation co on co.oid = a.attcollation
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
         c.relreplident = 'f' as full_identity
    from pg_class c
   where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname not like 'kysely%'
   order by 1`

const details = `
  select conrelid::regclass::text as name, 1 as kind,
         'alter table ' || conrelid::regclass || ' add constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid) as text
    from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n' and contype <> 't'
     and conrelid::regclass::text not like 'kysely%'
  union all
  select tablename, 2, indexdef from pg_indexes i
   where schemaname = 'public' and tablename not like 'kysely%'
     and not exists (select 1 from pg_constraint k where k.conname = i.indexname and k.connamespace = 'public'::regnamespace)
  union all
  select tgrelid::regclass::text, 3, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
  order by 1, 2, 3`

const functions = `
  select pg_get_functiondef(oid) as text from pg_proc
   where pronamespace = 'public'::regnamespace order by proname, oidvectortypes(proargtypes)`

const publications = `
  select pubname as name, string_agg(tablename, ', ' order by tablename) as tables
    from pg_publication_tables group by 1 order by 1`

/** The schema of `url` as text: tables with their constraints, indexes and triggers, then functions and publications. */
export const printSchema = async (url: string): Promise<string> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const ask = async <Row>(sql: string): Promise<Row[]> => (await client.query(sql)).rows as Row[]
    const parts = await ask<{ name: string; text: string }>(details)
    const out = ['-- Printed from pg_catalog by `npm run generate`; CI compares. Do not edit.']
    for (const table of await ask<{ name: string; columns: string; full_identity: boolean }>(relations)) {
      out.push(`create table ${table.name} (\n${table.columns}\n);`)
      if (table.full_identity) out.push(`alter table ${table.name} replica identity full;`)
      out.push(...parts.filter(part => part.name === table.name).map(part => `${part.text};`), '')
    }
    for (const { text } of await ask<{ text: string }>(functions)) out.push(`${text.trimEnd()};\n`)
    for (const { name, tables } of await ask<{ name: string; tables: string }>(publications)) {
      out.push(`create publication ${name} for table ${tables};`)
    }
    return `${out.join('\n')}\n`
  } finally {
    await client.end()
  }
}
