// What the checks need to know of a database, read in one go. Nothing is changed.
import { must } from '#server/kernel/must.ts'

/** Runs a query; a pg client has this shape. */
export interface Queries {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

export interface SlotFacts {
  readonly plugin: string | null
  readonly database: string | null
  readonly isHere: boolean
  readonly walStatus: string | null
  /** Bytes of WAL that it makes Postgres keep. */
  readonly retained: number
  /** Who streams from it, or null. */
  readonly holder: string | null
}

export interface TableFacts {
  readonly name: string
  readonly fullIdentity: boolean
  readonly hasKey: boolean
  readonly readable: boolean
  readonly rowSecurity: boolean
  readonly owned: boolean
}

export interface Facts {
  /** As in server_version_num. */
  readonly version: number
  readonly database: string
  readonly role: string
  /** The connection is not to Postgres itself: its process id is another. */
  readonly pooled: boolean
  readonly settings: Readonly<Record<string, string>>
  readonly mayReplicate: boolean
  readonly mayCreate: boolean
  readonly slotsUsed: number
  readonly sendersUsed: number
  readonly publication: {
    readonly owned: boolean
    readonly missing: readonly string[]
    readonly tables: readonly TableFacts[]
  } | null
  readonly slot: SlotFacts | null
  /** Slots of other engines of this kind in this database that nobody reads, with the bytes they keep. */
  readonly idleSlots: readonly { readonly name: string; readonly retained: number }[]
  /** Transactions that have been open for more than five minutes. */
  readonly oldTransactions: readonly { readonly pid: number; readonly minutes: number; readonly application: string }[]
  readonly preparedTransactions: number
}

const settingNames = [
  'wal_level',
  'max_replication_slots',
  'max_wal_senders',
  'max_slot_wal_keep_size',
  'wal_sender_timeout',
  'server_version_num',
]

interface SlotRow {
  readonly name: string
  readonly plugin: string | null
  readonly database: string | null
  readonly here: boolean
  readonly active: boolean
  readonly wal_status: string | null
  readonly retained: string | null
  readonly holder: string | null
}

/** Reads the facts over `db`, a connection whose process id the client knows as `processId`. */
export const readFacts = async (
  db: Queries,
  wanted: { readonly publication: string; readonly slot: string; readonly processId: number | undefined },
): Promise<Facts> => {
  const rows = async <Row>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await db.query(text, values)).rows as Row[]
  const one = async <Row>(text: string, values: unknown[] = []): Promise<Row> =>
    must((await rows<Row>(text, values))[0], 'a row')

  const settings = Object.fromEntries(
    (
      await rows<{ name: string; setting: string }>('select name, setting from pg_settings where name = any($1)', [
        settingNames,
      ])
    ).map(({ name, setting }) => [name, setting]),
  )
  const self = await one<{ database: string; role: string; pid: number; replicate: boolean; create: boolean }>(
    `select current_database() as database, current_user as role, pg_backend_pid() as pid,
       rolreplication or rolsuper as replicate, has_database_privilege(current_database(), 'CREATE') as create
     from pg_roles where rolname = current_user`,
  )
  const used = await one<{ slots: number; senders: number }>(
    `select (select count(*)::int from pg_replication_slots) as slots,
       (select count(*)::int from pg_stat_replication) as senders`,
  )
  const publication = (
    await rows<{ owned: boolean; missing: string[] }>(
      `select pg_has_role(current_user, pubowner, 'USAGE') as owned,
         array_remove(array[case when not pubinsert then 'insert' end, case when not pubupdate then 'update' end,
           case when not pubdelete then 'delete' end, case when not pubtruncate then 'truncate' end], null) as missing
       from pg_publication where pubname = $1`,
      [wanted.publication],
    )
  )[0]
  const tables = await rows<TableFacts>(
    `select format('%I.%I', t.schemaname, t.tablename) as name, c.relreplident = 'f' as "fullIdentity",
       exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) as "hasKey",
       has_table_privilege(c.oid, 'SELECT') as readable,
       c.relrowsecurity and not pg_has_role(current_user, c.relowner, 'USAGE')
         and not (select rolbypassrls or rolsuper from pg_roles where rolname = current_user) as "rowSecurity",
       pg_has_role(current_user, c.relowner, 'USAGE') as owned
     from pg_publication_tables t join pg_namespace n on n.nspname = t.schemaname
       join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
     where t.pubname = $1 order by 1`,
    [wanted.publication],
  )
  const slots = await rows<SlotRow>(
    `select s.slot_name as name, s.plugin, s.database, coalesce(s.database = current_database(), false) as here,
       s.active, s.wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::text as retained,
       case when s.active then concat_ws(' ', 'process', s.active_pid::text, a.application_name, a.client_addr::text) end as holder
     from pg_replication_slots s left join pg_stat_activity a on a.pid = s.active_pid
     where s.slot_type = 'logical'`,
  )
  const slot = slots.find(row => row.name === wanted.slot)
  const old = await rows<{ pid: number; minutes: number; application: string }>(
    `select pid, floor(extract(epoch from now() - xact_start) / 60)::int as minutes,
       coalesce(nullif(application_name, ''), 'unnamed') as application
     from pg_stat_activity
     where xact_start < now() - interval '5 minutes' and (backend_xid is not null or backend_xmin is not null)
       and backend_type = 'client backend' order by xact_start limit 5`,
  )
  const prepared = await one<{ count: number }>('select count(*)::int as count from pg_prepared_xacts')
  return {
    version: Number(settings['server_version_num']),
    database: self.database,
    role: self.role,
    pooled: wanted.processId !== undefined && wanted.processId !== self.pid,
    settings,
    mayReplicate: self.replicate,
    mayCreate: self.create,
    slotsUsed: used.slots,
    sendersUsed: used.senders,
    publication: publication ? { ...publication, tables } : null,
    slot: slot
      ? {
          plugin: slot.plugin,
          database: slot.database,
          isHere: slot.here,
          walStatus: slot.wal_status,
          retained: Number(slot.retained ?? 0),
          holder: slot.holder,
        }
      : null,
    idleSlots: slots
      .filter(row => row.here && !row.active && row.name !== wanted.slot && /^(skerry|electric)_slot_/.test(row.name))
      .map(row => ({ name: row.name, retained: Number(row.retained ?? 0) })),
    oldTransactions: old,
    preparedTransactions: prepared.count,
  }
}
