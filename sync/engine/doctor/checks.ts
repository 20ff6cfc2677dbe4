// From facts to findings. Pure: every judgement and every remedy is here.
import { firstError } from '#server/kernel/first-error.ts'
import type { PublicationMode } from '../replication/publication.ts'
import { quoteIdentifier, quoteLiteral } from '../identifiers.ts'
import type { Facts, SlotFacts, TableFacts } from './facts.ts'
import { fail, type Finding, ok, size, warn } from './findings.ts'

export interface Wanted {
  readonly publication: string
  readonly slot: string
  readonly mode: PublicationMode
}

const oldestVersion = 160_000
/** Bytes of WAL behind a slot that are worth a word. */
const muchWal = 1e9
/** Free bytes on the disk of the storage folder below which it is. */
const littleDisk = 1e9

const list = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`

const major = (version: number): string => String(Math.floor(version / 10_000))

const server = ({ version, pooled, settings, database }: Facts): Finding[] => [
  version >= oldestVersion
    ? ok('Postgres', `${major(version)}, database ${database}`)
    : fail('Postgres', `version ${major(version)}`, `upgrade to ${major(oldestVersion)} or newer`),
  pooled
    ? fail(
        'connection',
        'goes through a connection pooler',
        'give the address of Postgres itself: a replication stream cannot be shared',
      )
    : ok('connection', 'direct'),
  settings['wal_level'] === 'logical'
    ? ok('wal_level', 'logical')
    : fail(
        'wal_level',
        settings['wal_level'] ?? 'unknown',
        "run ALTER SYSTEM SET wal_level = 'logical' and restart Postgres",
      ),
]

const room = (check: string, used: number, most: number, own: boolean): Finding => {
  const found = `${used} of ${most} in use`
  return used < most || own
    ? ok(check, found)
    : fail(
        check,
        found,
        `run ALTER SYSTEM SET ${check} = ${most + 5} and restart Postgres, or drop a slot that nobody needs`,
      )
}

const capacity = ({ settings, slotsUsed, sendersUsed, slot }: Facts): Finding[] => [
  room('max_replication_slots', slotsUsed, Number(settings['max_replication_slots']), slot !== null),
  room('max_wal_senders', sendersUsed, Number(settings['max_wal_senders']), slot?.holder != null),
]

const rights = ({ role, mayReplicate, mayCreate, publication, database }: Facts, { mode }: Wanted): Finding[] => [
  mayReplicate
    ? ok('role', `${role} may replicate`)
    : fail('role', `${role} may not replicate`, `run ALTER ROLE ${quoteIdentifier(role)} REPLICATION as a superuser`),
  ...(mode === 'automatic' && publication === null && !mayCreate
    ? [
        fail(
          'role',
          `${role} may not create a publication`,
          `run GRANT CREATE ON DATABASE ${quoteIdentifier(database)} TO ${quoteIdentifier(role)}, or make it yourself and start with --manual`,
        ),
      ]
    : []),
]

const tableFindings = (tables: readonly TableFacts[], { role }: Facts, { mode }: Wanted): Finding[] => {
  const which = (isWrong: (table: TableFacts) => boolean) => tables.filter(isWrong).map(table => table.name)
  const found: Finding[] = []
  const identity = which(table => !table.fullIdentity && (mode === 'manual' || !table.owned))
  if (identity.length > 0)
    found.push(
      fail('replica identity', `not FULL: ${list(identity)}`, 'run ALTER TABLE … REPLICA IDENTITY FULL for each'),
    )
  const unreadable = which(table => !table.readable)
  if (unreadable.length > 0)
    found.push(
      fail(
        'table rights',
        `${role} may not read ${list(unreadable)}`,
        `run GRANT SELECT ON … TO ${quoteIdentifier(role)}`,
      ),
    )
  const secured = which(table => table.rowSecurity)
  if (secured.length > 0)
    found.push(
      warn(
        'row security',
        `hides rows of ${list(secured)} from snapshots but not from the stream`,
        `run ALTER ROLE ${quoteIdentifier(role)} BYPASSRLS; who may read what is decided in front of the engine`,
      ),
    )
  const keyless = which(table => !table.hasKey)
  if (keyless.length > 0)
    found.push(
      warn('primary keys', `none: ${list(keyless)}`, 'add one: without, equal rows cannot be told apart by clients'),
    )
  return found
}

const publications = (facts: Facts, wanted: Wanted): Finding[] => {
  const { publication } = facts
  const name = wanted.publication
  if (publication === null) {
    return wanted.mode === 'automatic'
      ? [ok('publication', `${name} will be made by the first start`)]
      : [
          fail(
            'publication',
            `there is no ${name}`,
            `run CREATE PUBLICATION ${quoteIdentifier(name)} FOR TABLE items, comments with the tables of your shapes instead`,
          ),
        ]
  }
  const { missing, tables, owned } = publication
  return [
    missing.length > 0
      ? fail(
          'publication',
          `${name} leaves out ${missing.join(', ')}`,
          `run ALTER PUBLICATION ${quoteIdentifier(name)} SET (publish = 'insert, update, delete, truncate')`,
        )
      : ok('publication', `${name}, ${tables.length} tables`),
    ...(wanted.mode === 'automatic' && !owned
      ? [
          fail(
            'publication',
            `${name} belongs to another role`,
            `run ALTER PUBLICATION ${quoteIdentifier(name)} OWNER TO ${quoteIdentifier(facts.role)}, or start with --manual`,
          ),
        ]
      : []),
    ...tableFindings(tables, facts, wanted),
  ]
}

const slotFinding = (slot: SlotFacts, name: string): Finding => {
  const drop = `run SELECT pg_drop_replication_slot(${quoteLiteral(name)})`
  if (!slot.isHere)
    return fail(
      'slot',
      `${name} belongs to the database ${slot.database}`,
      'start with another --replication-id: slots are named per cluster',
    )
  if (slot.plugin !== 'pgoutput') return fail('slot', `${name} uses ${slot.plugin}`, `${drop}, if nobody else needs it`)
  if (slot.walStatus === 'lost')
    return warn(
      'slot',
      `${name} has lost its WAL`,
      'start the engine: it makes a new slot, and every client reads its shapes anew',
    )
  const held = slot.holder === null ? 'nobody reads it now' : `read by ${slot.holder}`
  const found = `${name}, ${held}, keeps ${size(slot.retained)} of WAL`
  if (slot.walStatus === 'unreserved')
    return warn(
      'slot',
      `${found}, about to be lost`,
      'start the engine, or raise max_slot_wal_keep_size, before the next checkpoint',
    )
  if (slot.retained > muchWal)
    return warn(
      'slot',
      found,
      slot.holder === null ? `start the engine, or ${drop}` : 'see in its log and metrics why it is behind',
    )
  return ok('slot', found)
}

const slots = (facts: Facts, wanted: Wanted): Finding[] => [
  facts.slot === null
    ? ok('slot', `${wanted.slot} will be made by the first start`)
    : slotFinding(facts.slot, wanted.slot),
  ...facts.idleSlots.map(({ name, retained }) =>
    warn(
      'idle slot',
      `${name} keeps ${size(retained)} of WAL`,
      `run SELECT pg_drop_replication_slot(${quoteLiteral(name)}), if its engine does not come back`,
    ),
  ),
  facts.settings['max_slot_wal_keep_size'] === '-1'
    ? warn(
        'max_slot_wal_keep_size',
        'unlimited: an engine that stays away fills the disk',
        "run ALTER SYSTEM SET max_slot_wal_keep_size = '10GB' and SELECT pg_reload_conf()",
      )
    : ok('max_slot_wal_keep_size', size(Number(facts.settings['max_slot_wal_keep_size']) * 1_048_576)),
]

const transactions = ({ oldTransactions, preparedTransactions }: Facts): Finding[] => [
  ...oldTransactions.map(({ pid, minutes, application }) =>
    warn(
      'old transaction',
      `process ${pid} (${application}) has one open for ${minutes} minutes: tables that are published anew wait for it`,
      `end it, or run SELECT pg_terminate_backend(${pid})`,
    ),
  ),
  ...(preparedTransactions > 0
    ? [
        warn(
          'prepared transactions',
          `${preparedTransactions} wait for their second phase: tables that are published anew wait for them`,
          'see pg_prepared_xacts, and COMMIT PREPARED or ROLLBACK PREPARED each',
        ),
      ]
    : []),
]

/** Judges a database. */
export const checkFacts = (facts: Facts, wanted: Wanted): Finding[] => [
  ...server(facts),
  ...capacity(facts),
  ...rights(facts, wanted),
  ...publications(facts, wanted),
  ...slots(facts, wanted),
  ...transactions(facts),
]

/** Judges the folder of logs and snapshots: free bytes on its disk, or why it cannot be written. */
export const checkStorage = (
  folder: string,
  state: { readonly free: number } | { readonly error: string },
): Finding => {
  if ('error' in state)
    return fail('storage', `${folder}: ${state.error}`, 'name a folder on a local disk that the engine may write to')
  return state.free < littleDisk
    ? warn('storage', `${folder}: ${size(state.free)} free`, 'make room: ingest stops before the disk is full')
    : ok('storage', `${folder}: ${size(state.free)} free`)
}

const causes: readonly (readonly [RegExp, string])[] = [
  [/28P01|28000/, 'check user and password of the URL, and pg_hba.conf of the server'],
  [/3D000/, 'create the database, or correct its name in the URL'],
  [/ECONNREFUSED|ENOENT/, 'start Postgres, or correct host and port in the URL'],
  [/ENOTFOUND|EAI_AGAIN/, 'correct the host in the URL'],
  [/ETIMEDOUT|timeout/i, 'see whether a firewall stands between'],
  [/53300/, 'raise max_connections, or close connections that nobody needs'],
  [/57P03/, 'wait until Postgres has started'],
  [/SSL|TLS|certificate|self.signed/i, 'set sslmode in the URL as the server wants it'],
]

/** Why there was no connection, and what to do about it. */
export const connectionProblem = (failure: unknown): { readonly cause: string; readonly remedy: string } => {
  const error = firstError(failure)
  const text = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const remedy = causes.find(([pattern]) => pattern.test(`${code} ${text}`))?.[1] ?? 'correct the URL'
  return { cause: text === '' ? code : text, remedy }
}

/** A connection that was not to be had. */
export const checkConnection = (error: unknown): Finding => {
  const { cause, remedy } = connectionProblem(error)
  return fail('connection', cause, remedy)
}

/** Why no replication connection was to be had, though an ordinary one was. */
export const checkReplication = (error: unknown): Finding => {
  const text = error instanceof Error ? error.message : String(error)
  if (/startup parameter|pooler|pgbouncer/i.test(text))
    return fail(
      'replication connection',
      text,
      'give the address of Postgres itself: this pooler passes no replication on',
    )
  if (/pg_hba/.test(text))
    return fail(
      'replication connection',
      text,
      'allow it in pg_hba.conf: a line for this database and role covers logical replication',
    )
  return fail('replication connection', text, 'give the role REPLICATION and a direct connection')
}
