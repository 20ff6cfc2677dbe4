// How far the shapes are behind Postgres, and how much WAL waits for them.
import type { Pool } from 'pg'
import { formatLsn } from '../lsn.ts'

/** As Postgres sees it. */
export interface ReplicationStatus {
  /** Bytes between the end of the WAL and what the shapes have; undefined before the stream has begun. */
  readonly lag: number | undefined
  /** Bytes of WAL that the slot makes Postgres keep; undefined without a slot. */
  readonly retained: number | undefined
  /** reserved, extended, unreserved or lost; undefined without a slot. */
  readonly walStatus: string | undefined
}

interface Row {
  readonly lag: string | null
  readonly retained: string | null
  readonly wal_status: string | null
}

/** Asks Postgres; `processed` is the LSN up to which everything is in the shapes. */
export const replicationStatus = async (
  pool: Pool,
  slot: string,
  processed: bigint | undefined,
): Promise<ReplicationStatus> => {
  const { rows } = await pool.query<Row>(
    `SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), $2::pg_lsn), 0)::text AS lag,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::text AS retained, s.wal_status
     FROM (SELECT) one LEFT JOIN pg_replication_slots s ON s.slot_name = $1`,
    [slot, processed === undefined ? null : formatLsn(processed)],
  )
  const [row] = rows
  const number = (text: string | null | undefined) => (text == null ? undefined : Number(text))
  return { lag: number(row?.lag), retained: number(row?.retained), walStatus: row?.wal_status ?? undefined }
}
