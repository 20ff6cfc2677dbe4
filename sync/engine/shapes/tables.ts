// What Postgres says about a table: columns, key, partitions, publication. Nothing of it counts for a new shape unless
// it was read, or found to be still so, after the shape was asked for (kept-tables.ts).
import type { Pool, PoolClient } from 'pg'
import { must } from '#server/kernel/must.ts'
import { quoteRelation, type RelationName } from '../identifiers.ts'
import type { WhereColumn } from './where/where.ts'

/** A column, as the row filter language and the schema header need it. */
export interface Column extends WhereColumn {
  readonly elementTypeName: string | null
  readonly dims: number
  readonly notNull: boolean
  /** '' no, 's' stored, 'v' virtual. */
  readonly generated: string
  /** pg_attribute.attnum */
  readonly number: number
  /** pg_attribute.attcollation; 0 for types without one. */
  readonly collationOid: number
}

export interface Table extends RelationName {
  /** When reading it began, by the clock of performance.now(): what was known before is in it. */
  readonly readAt: number
  readonly oid: number
  readonly partitioned: boolean
  readonly columns: readonly Column[]
  /** Names of the primary key's columns in index order; empty without one. */
  readonly primaryKey: readonly string[]
  /** The relations whose changes belong to this table: its leaves, or itself. */
  readonly sources: readonly number[]
  /** Sources that existed before they became partitions, and may have brought rows along. */
  readonly attached: readonly number[]
  /** Every source is in the publication, whole, with all four operations. */
  readonly published: boolean
  /**
   * What makes the table part of the publication: another text later means that it was out of it in between, and that
   * changes are missing. Null when it is not published.
   */
  readonly publishedAs: string | null
  /** Every source has REPLICA IDENTITY FULL. */
  readonly fullIdentity: boolean
  /** Stored generated columns travel in the stream. */
  readonly publishesGenerated: boolean
  /**
   * Which versions of rows of the catalogs all this was read from: while they are those, it is still so. Null for a table
   * that is, or has, a partition: what is said of those is of whole trees.
   */
  readonly versions: string | null
  /** `pg_current_snapshot()` of the reading: a later reader with the same snapshot would read the same. */
  readonly asOf: string
  /** Generated columns that would make Postgres refuse every UPDATE and DELETE under REPLICA IDENTITY FULL. */
  readonly unidentified: readonly string[]
  /** Other tables inherit from it: their rows are in its SELECT and not in its stream. */
  readonly inherited: boolean
  /** The database's own collation, which text from no column has. */
  readonly defaults: { readonly defaultCollationSafe: boolean; readonly defaultCollationAscii: boolean }
}

// libc locales whose order is that of the bytes
const bytewiseLocales = `'C', 'POSIX', 'C.UTF-8', 'C.utf8'`

// A table that was made as a partition has columns as old as its row type; attaching a table writes all of them anew. The
// root itself, and what is above it, does not count.
const wasAttached = (leaf: string, root: string) => `exists (
  select 1 from pg_partition_ancestors(${leaf}) a join pg_class c on c.oid = a.relid join pg_type y on y.oid = c.reltype
  where a.relid not in (select relid from pg_partition_ancestors(${root}))
    and not exists (select 1 from pg_attribute b
      where b.attrelid = a.relid and b.attnum > 0 and b.xmin = y.xmin and b.cmin = y.cmin))`

/** The partitioned tables above `oid`, and whether the way there was made by attaching. */
export const partitionedAbove = async (
  db: Pool,
  oid: number,
): Promise<readonly { readonly oid: number; readonly attached: boolean }[]> => {
  const { rows } = await db.query<{ oid: string; attached: boolean }>(
    `select up.relid::oid::int8::text as oid, ${wasAttached('$1::oid', 'up.relid')} as attached
     from pg_partition_ancestors($1::oid) up where up.relid <> $1::oid`,
    [oid],
  )
  return rows.map(row => ({ oid: Number(row.oid), attached: row.attached }))
}

// A row that is written anew has another xmin, and another place when one transaction writes it twice.
const versionOf = (row: string) => `${row}.xmin, ${row}.ctid`

const versions = `(select concat_ws(' ', c.oid, ${versionOf('c')}, c.relnamespace,
    (select concat_ws(' ', i.indexrelid, ${versionOf('i')}) from pg_index i where i.indrelid = c.oid and i.indisprimary),
    (select string_agg(concat_ws(' ', ${versionOf('a')}, ${versionOf('ty')}, el.xmin, co.xmin, cn.xmin), ',' order by a.attnum)
      from pg_attribute a left join pg_type ty on ty.oid = a.atttypid left join pg_type el on el.oid = ty.typelem
        left join pg_collation co on co.oid = a.attcollation left join pg_namespace cn on cn.oid = co.collnamespace
      where a.attrelid = c.oid and a.attnum > 0),
    (select string_agg(h.inhrelid::text, ',' order by h.inhrelid) from pg_inherits h where h.inhparent = c.oid),
    (select concat_ws(' ', p.oid, ${versionOf('p')},
        (select string_agg(concat_ws(' ', r.oid, ${versionOf('r')}), ',' order by r.oid)
          from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = c.oid),
        (select string_agg(concat_ws(' ', x.oid, ${versionOf('x')}), ',' order by x.oid)
          from pg_publication_namespace x where x.pnpubid = p.oid and x.pnnspid = c.relnamespace))
      from pg_publication p where p.pubname = $3))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind = 'r' and not c.relispartition)`

const sql = `
with standard as (
  select case coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
           when 'b' then true when 'c' then d.datcollate in (${bytewiseLocales}) else false end as safe,
         case coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
           when 'b' then to_jsonb(d) ->> 'datlocale' = 'C' when 'c' then d.datctype in ('C', 'POSIX') else false end as ascii
    from pg_database d where d.datname = current_database()
), t as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relnamespace from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p') and c.relpersistence = 'p'
    and n.nspname not in ('pg_catalog', 'information_schema')
), sources as (
  select t.oid from t where t.relkind = 'r'
  union all select p.relid from t, pg_partition_tree(t.oid) p where t.relkind = 'p' and p.isleaf
), pub as (
  select p.*, to_jsonb(p) ->> 'pubgencols' = 's' as gencols from pg_publication p
  where p.pubname = $3 and pubinsert and pubupdate and pubdelete and pubtruncate and not pubviaroot
)
select (select safe from standard) as default_safe, (select ascii from standard) as default_ascii,
  t.oid::int8::text as oid, t.nspname as schema, t.relname as name, t.relkind = 'p' as partitioned,
  (select coalesce(json_agg(oid::int8), '[]') from sources) as sources,
  (select coalesce(json_agg(s.oid::int8), '[]') from sources s where t.relkind = 'p' and ${wasAttached('s.oid', 't.oid')}) as attached,
  exists (select 1 from pub) and not exists (
    select 1 from (select oid from sources union select t.oid) s
    where not exists (
      select 1 from pub where puballtables
        or exists (select 1 from pg_publication_namespace x where x.pnpubid = pub.oid and x.pnnspid = t.relnamespace)
        or exists (select 1 from pg_publication_rel r where r.prpubid = pub.oid and r.prattrs is null and r.prqual is null
          and (r.prrelid = s.oid or r.prrelid in (select relid from pg_partition_ancestors(s.oid))))
    )) as published,
  (select concat_ws(' ', pub.oid, pub.puballtables,
      (select string_agg(x.oid::text, ' ') from pg_publication_namespace x where x.pnpubid = pub.oid and x.pnnspid = t.relnamespace),
      (select string_agg(r.oid::text, ' ' order by r.oid) from pg_publication_rel r where r.prpubid = pub.oid
         and (r.prrelid = t.oid or r.prrelid in (select relid from pg_partition_ancestors(t.oid))))) from pub) as published_as,
  not exists (select 1 from sources s join pg_class c on c.oid = s.oid where c.relreplident <> 'f') as full_identity,
  coalesce((select bool_or(gencols) from pub), false) as publishes_generated,
  ${versions} as versions, pg_current_snapshot()::text as as_of,
  coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = t.oid and not a.attisdropped
    and (a.attgenerated = 'v' or (a.attgenerated = 's' and exists (select 1 from pub where not gencols)))), '[]') as unidentified,
  t.relkind = 'r' and exists (select 1 from pg_inherits h where h.inhparent = t.oid) as inherited,
  coalesce((select json_agg(a.attname order by k.n) from pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, n), pg_attribute a
    where i.indrelid = t.oid and i.indisprimary and a.attrelid = t.oid and a.attnum = k.attnum), '[]') as primary_key,
  coalesce((select json_agg(json_build_object(
      'name', a.attname, 'number', a.attnum, 'typeName', ty.typname, 'typeOid', ty.oid::int8, 'typmod', a.atttypmod, 'typeKind', coalesce(case when el.typarray = ty.oid then el.typtype end, ty.typtype),
      'elementTypeName', case when el.typarray = ty.oid then el.typname end,
      'dims', case when el.typarray = ty.oid then greatest(a.attndims, 1) else 0 end,
      'notNull', a.attnotnull, 'generated', a.attgenerated,
      'collationOid', a.attcollation::int8,
      'collationDeterministic', coalesce(co.collisdeterministic, true),
      'collation', quote_ident(co.collnamespace::regnamespace::text) || '.' || quote_ident(co.collname),
      'collationSafe', case
        when a.attcollation = 0 then true
        when co.collprovider = 'd' then (select safe from standard)
        else co.collprovider = 'b' or (co.collprovider = 'c' and co.collcollate = any (array[${bytewiseLocales}])) end,
      'collationAscii', case
        when a.attcollation = 0 then true
        when co.collprovider = 'd' then (select ascii from standard)
        when co.collprovider = 'b' then to_jsonb(co) ->> 'colllocale' = 'C'
        else co.collprovider = 'c' and co.collctype in ('C', 'POSIX') end
    ) order by a.attnum)
    from pg_attribute a join pg_type ty on ty.oid = a.atttypid
      left join pg_type el on el.oid = ty.typelem
      left join pg_collation co on co.oid = a.attcollation
    where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns
from t`

interface Row {
  default_safe: boolean
  default_ascii: boolean
  oid: string
  schema: string
  name: string
  partitioned: boolean
  sources: number[]
  attached: number[]
  published: boolean
  published_as: string | null
  full_identity: boolean
  publishes_generated: boolean
  versions: string | null
  as_of: string
  unidentified: string[]
  inherited: boolean
  primary_key: string[]
  columns: (Omit<Column, 'collation'> & { collation: string | null })[]
}

/** The table, or null when there is none of that name. */
export const readTable = async (
  db: Pool | PoolClient,
  relation: RelationName,
  publication: string,
): Promise<Table | null> => {
  const readAt = performance.now()
  const { rows } = await db.query<Row>({
    name: 'skerry_table',
    text: sql,
    values: [relation.schema, relation.name, publication],
  })
  const row = rows[0]
  if (row === undefined) return null
  return {
    readAt,
    schema: row.schema,
    name: row.name,
    oid: Number(row.oid),
    partitioned: row.partitioned,
    columns: row.columns.map(({ collation, ...column }) => ({
      ...column,
      ...(collation === null ? {} : { collation }),
    })),
    primaryKey: row.primary_key,
    sources: row.sources,
    attached: row.attached,
    published: row.published,
    publishedAs: row.published ? row.published_as : null,
    fullIdentity: row.full_identity,
    publishesGenerated: row.publishes_generated,
    versions: row.versions,
    asOf: row.as_of,
    unidentified: row.unidentified,
    inherited: row.inherited,
    defaults: { defaultCollationSafe: row.default_safe, defaultCollationAscii: row.default_ascii },
  }
}

/** `Table.versions` and `Table.asOf` as they are now: a third of what reading the table takes. */
export const readVersions = async (
  db: Pool | PoolClient,
  relation: RelationName,
  publication: string,
): Promise<Pick<Table, 'versions' | 'asOf'>> => {
  const { rows } = await db.query<{ versions: string | null; as_of: string }>({
    name: 'skerry_table_versions',
    text: `select ${versions} as versions, pg_current_snapshot()::text as as_of`,
    values: [relation.schema, relation.name, publication],
  })
  const row = must(rows[0], 'versions')
  return { versions: row.versions, asOf: row.as_of }
}

/** Why no shape can follow the table, as the reader is told; null when one can. */
export const obstacleOf = (table: Table): string | null => {
  const name = `Table ${quoteRelation(table)} cannot be followed`
  if (table.inherited) return `${name}: other tables inherit from it`
  // Who publishes such a table by hand has accepted it.
  if (table.unidentified.length === 0 || (table.published && table.fullIdentity)) return null
  return `${name}: Postgres would refuse to update it because of its generated columns: ${table.unidentified.join(', ')}`
}

/** The columns that the stream carries: those that a row filter may look at. */
export const streamedColumns = (table: Table): readonly Column[] =>
  table.columns.filter(({ generated }) => generated === '' || (generated === 's' && table.publishesGenerated))

const intervalFields = [
  [4, 'YEAR'],
  [2, 'MONTH'],
  [8, 'DAY'],
  [1024, 'HOUR'],
  [2048, 'MINUTE'],
  [4096, 'SECOND'],
] as const

const intervalModifier = (typmod: number): Record<string, unknown> => {
  const mask = (typmod >> 16) & 0x7fff
  const precision = typmod & 0xffff
  const units = intervalFields.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name)
  const fields = mask === 0x7fff || units.length === 0 ? undefined : [units[0], units.at(-1)]
  return {
    ...(fields === undefined ? {} : { fields: units.length === 1 ? fields[0] : fields.join(' TO ') }),
    ...(precision === 0xffff ? {} : { precision }),
  }
}

const modifier = (type: string, typmod: number): Record<string, unknown> => {
  switch (type) {
    case 'varchar':
    case 'text':
      return typmod > 0 ? { max_length: typmod - 4 } : {}
    case 'bpchar':
      return typmod > 0 ? { length: typmod - 4 } : {}
    case 'bit':
    case 'varbit':
      return { length: typmod }
    case 'numeric': {
      if (typmod < 0) return {}
      const packed = typmod - 4
      // The scale is an 11-bit signed number since Postgres 15.
      return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 }
    }
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return typmod > 0 ? { precision: typmod } : typmod === 0 ? { type_mod: 0 } : {}
    case 'interval':
      return typmod >= 0 ? intervalModifier(typmod) : {}
    default:
      return typmod > -1 ? { type_mod: typmod } : {}
  }
}

/** `electric-schema` of the selected columns, safe to send as a header. */
export const schemaHeader = (table: Table, selected: ReadonlySet<string>): string => {
  const entries = table.columns
    .filter(column => selected.has(column.name))
    .map(column => {
      const type = column.elementTypeName ?? column.typeName
      const key = table.primaryKey.indexOf(column.name)
      return [
        column.name,
        {
          type,
          ...(column.dims > 0 ? { dims: column.dims } : {}),
          ...(key >= 0 ? { pk_index: key } : {}),
          ...(column.notNull ? { not_null: true } : {}),
          ...modifier(type, column.typmod),
        },
      ] as const
    })
  return JSON.stringify(Object.fromEntries(entries)).replace(
    /[\u007f-\uffff]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
