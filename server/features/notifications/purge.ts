// The end of notifications: 90 days (domain rules, sections 11 and 13).
import { sql } from 'kysely'
import type { SystemActor } from '#server/kernel/actor.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'

const purger: SystemActor = { kind: 'system', reason: 'purge_notifications', userId: undefined, displayName: 'Skerry' }

const keptDays = 90
/** Rows that one transaction deletes. */
const together = 1000

/** Deletes what has had its time. Safe to run twice. Answers how many went. */
export const purgeNotifications = async (write: ServerWrite): Promise<number> => {
  for (let gone = 0; ; ) {
    const batch = await write('notification.purge', purger, async ({ tx, now }) => {
      const { numAffectedRows = 0n } = await sql`
        delete from notifications where id in (
          select id from notifications
           where created_at <= ${now}::timestamptz - ${keptDays} * interval '1 day' limit ${together})`.execute(tx)
      return Number(numAffectedRows)
    })
    gone += batch
    if (batch === 0) return gone
  }
}
