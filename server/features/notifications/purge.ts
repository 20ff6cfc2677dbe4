// The end of notifications: 90 days (domain rules, sections 11 and 13).
import { sql } from 'kysely'
import type { SystemActor } from '#server/kernel/actor.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import { lockCounters } from './lock-counters.ts'

const purger: SystemActor = { kind: 'system', reason: 'purge_notifications', userId: undefined, displayName: 'Skerry' }

const keptDays = 90
/** Rows that one transaction deletes. */
const together = 1000

/** Deletes what has had its time. Safe to run twice. Answers how many went. */
export const purgeNotifications = async (write: ServerWrite): Promise<number> => {
  for (let gone = 0; ; ) {
    const batch = await write('notification.purge', purger, async context => {
      const { rows } = await sql<{ id: string; user_id: string }>`
        select id, user_id from notifications
         where created_at <= ${context.now}::timestamptz - ${keptDays} * interval '1 day'
         limit ${together}`.execute(context.tx)
      lockCounters(
        context,
        rows.map(row => row.user_id),
      )
      const ids = rows.map(row => row.id)
      context.later({
        compile: () => sql`delete from notifications where id = any(${ids}::uuid[])`.compile(context.tx),
      })
      return rows.length
    })
    gone += batch
    if (batch === 0) return gone
  }
}
