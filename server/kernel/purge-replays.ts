// The end of stored answers: 7 days for idempotency keys, 30 for transactions (domain rules, sections 1 and 13). A request
// that comes again later is a new one.
import { sql } from 'kysely'
import type { SystemActor } from './actor.ts'
import type { ServerWrite } from './server-writes.ts'

const purger: SystemActor = { kind: 'system', reason: 'purge_replays', userId: undefined, displayName: 'Skerry' }

/** Rows that one transaction deletes. */
const together = 1000

const kinds = [
  { table: 'idempotency_keys', days: 7 },
  { table: 'applied_transactions', days: 30 },
] as const

/** Deletes what has had its time. Safe to run twice. Answers how many went. */
export const purgeReplays = async (write: ServerWrite): Promise<number> => {
  let gone = 0
  for (const { table, days } of kinds) {
    for (let batch = together; batch === together; gone += batch) {
      batch = await write('replay.purge', purger, async ({ tx, now }) => {
        const { numAffectedRows } = await sql`
          delete from ${sql.table(table)} where ctid = any(array(
            select ctid from ${sql.table(table)}
             where created_at <= ${now}::timestamptz - ${days} * interval '1 day' limit ${together}))`.execute(tx)
        return Number(numAffectedRows)
      })
    }
  }
  return gone
}
