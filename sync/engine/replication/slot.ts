// The replication slot and the question whether it continues what is on disk. When it does not (slot lost, recreated
// or moved by someone, another database, another timeline), the logs have a hole and every shape must go.
import { must } from '#server/kernel/must.ts'
import type { Reach } from '../crash-point.ts'
import { quoteLiteral } from '../identifiers.ts'
import { parseLsn } from '../lsn.ts'
import type { ReplicationConnection } from './connection.ts'
import { MisconfiguredError } from './misconfigured.ts'
import type { Origin, Position } from './position.ts'

export interface SlotState {
  readonly origin: Origin
  /** Where the stream begins. */
  readonly confirmed: bigint
  /** Where the database's WAL ended when this was asked: before that is reached, readers may know more than the logs. */
  readonly walEnd: bigint
  /** Why the logs on disk cannot be continued; null when they can. */
  readonly broken: string | null
}

/** Takes the advisory lock of the slot, if it is free. */
export const tryLock = async (connection: ReplicationConnection, slot: string): Promise<boolean> => {
  const [row] = await connection.query(`SELECT pg_try_advisory_lock(hashtext(${quoteLiteral(slot)}))::int4 AS locked`)
  return Number(row?.locked) === 1
}

const readSlot = async (connection: ReplicationConnection, slot: string) => {
  const [row] = await connection.query(
    `SELECT plugin, database, (database IS NOT DISTINCT FROM current_database())::int4::text AS here, wal_status, confirmed_flush_lsn::text AS confirmed
     FROM pg_replication_slots WHERE slot_name = ${quoteLiteral(slot)}`,
  )
  return row
}

/** How long the slot may take to be made before that is said, and how often it is said again. */
const patienceMs = 3_000

/** What a slot is looked for with. */
export interface SlotWishes {
  readonly slot: string
  /** Oid of the publication. */
  readonly publication: string
  /** The last position on disk. */
  readonly position: Position | null
  /** Why the slot has to be made anew whatever its state is; null when it does not. */
  readonly reset: string | null
  /** Called again and again while the new slot waits for transactions that are open. */
  readonly onWaiting: () => void
  readonly reach: Reach
}

/**
 * Makes the slot. Postgres waits for every transaction that has written and is still open. It is asked by a function and
 * not by the replication command because only then it notices that we have gone, and gives slot and lock back.
 */
const createSlot = async (connection: ReplicationConnection, { slot, onWaiting, reach }: SlotWishes): Promise<void> => {
  const timer = setInterval(onWaiting, patienceMs)
  try {
    await connection.query(
      `SELECT slot_name FROM pg_create_logical_replication_slot(${quoteLiteral(slot)}, 'pgoutput')`,
      'waits',
    )
  } finally {
    clearInterval(timer)
  }
  reach('slot.created')
}

/** Finds or creates the slot and compares it with the last position on disk. */
export const ensureSlot = async (connection: ReplicationConnection, wishes: SlotWishes): Promise<SlotState> => {
  const { slot, publication, position } = wishes
  const [system] = await connection.query('IDENTIFY_SYSTEM')
  const [database] = await connection.query(
    'SELECT oid::text AS oid FROM pg_database WHERE datname = current_database()',
  )
  const origin: Origin = {
    system: String(must(system?.systemid, 'system identifier')),
    timeline: String(must(system?.timeline, 'timeline')),
    database: String(must(database?.oid, 'database oid')),
    slot,
    publication,
  }
  const walEnd = parseLsn(String(must(system?.xlogpos, 'WAL position')))
  let broken: string | null = null
  let existing = await readSlot(connection, slot)
  if (existing !== undefined && existing.here !== '1')
    throw new MisconfiguredError(
      `the replication slot "${slot}" belongs to the database "${String(existing.database)}" of the same cluster`,
      'give each engine of a cluster a name of its own: --replication-id, ELECTRIC_REPLICATION_STREAM_ID',
    )
  if (existing !== undefined && (existing.wal_status === 'lost' || existing.confirmed === null)) {
    await connection.query(`DROP_REPLICATION_SLOT "${slot}"`)
    existing = undefined
    broken = 'the slot had lost its WAL'
  }
  const before = position?.origin
  const otherPublication = before?.publication !== undefined && before.publication !== publication
  const reset = wishes.reset ?? (otherPublication ? 'the publication was dropped and made again' : null)
  if (existing !== undefined && existing.plugin === 'pgoutput' && reset !== null) {
    // Before it was made again the publication is missing for Postgres, which then fails or sends nothing.
    await connection.query(`DROP_REPLICATION_SLOT "${slot}"`)
    existing = undefined
    broken = reset
  }
  if (existing === undefined) {
    await createSlot(connection, wishes)
    existing = must(await readSlot(connection, slot), 'new slot')
    broken ??= 'the slot was new'
  }
  if (existing.plugin !== 'pgoutput')
    throw new MisconfiguredError(
      `the replication slot "${slot}" does not use the output plugin pgoutput`,
      `drop the slot if it is not in use (SELECT pg_drop_replication_slot('${slot}')), or give another --replication-id`,
    )
  const confirmed = parseLsn(String(must(existing.confirmed, 'confirmed position of the slot')))
  if (position !== null && before !== undefined && broken === null) {
    if (before.system !== origin.system || before.database !== origin.database || before.slot !== origin.slot)
      broken = 'the folder belongs to another database'
    else if (before.timeline !== origin.timeline) broken = 'the timeline changed'
    else if (confirmed > position.lsn) broken = 'the slot was moved or recreated'
    else if (parseLsn(String(must(system?.xlogpos, 'WAL position'))) < position.lsn)
      broken = 'the database was set back'
  }
  return { origin, confirmed, walEnd, broken: position === null && broken === null ? 'the folder was new' : broken }
}
