// Whom Postgres waits for while it makes a replication slot.
import type { Pool } from 'pg'

/** Processes whose transactions have written and are open; 0 stands for prepared transactions. */
export const openWriters = async (pool: Pool): Promise<readonly number[]> => {
  const { rows } = await pool.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
     UNION SELECT 0 FROM pg_prepared_xacts ORDER BY pid`,
  )
  return rows.map(({ pid }) => pid)
}
