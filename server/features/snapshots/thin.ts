// Thinning of snapshots (domain rules, section 8.4): automatic ones all for a day, one an hour for a week, one a day for
// 90 days; those before a restore or a replacement 90 days; named ones until somebody deletes them.
import { sql } from 'kysely'
import type { SystemActor } from '#server/kernel/actor.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'

const thinner: SystemActor = { kind: 'system', reason: 'thin_snapshots', userId: undefined, displayName: 'Skerry' }

/** Snapshots that one transaction deletes. */
const together = 1000

/** Deletes what has had its time; the newest of an hour or a day stays. Safe to run twice. Answers how many went. */
export const thinSnapshots = async (write: ServerWrite): Promise<number> => {
  for (let gone = 0; ; ) {
    const batch = await write('snapshot.thin', thinner, async ({ tx, now }) => {
      // looked at again when it is deleted: somebody may be giving it a name
      const { rows } = await sql<{ id: string }>`
        with ranked as (
          select id, kind, created_at, row_number() over (
                   partition by document_id, kind,
                     case when created_at > ${now}::timestamptz - interval '7 days' then 'hour' else 'day' end,
                     case when created_at > ${now}::timestamptz - interval '7 days'
                          then date_trunc('hour', created_at) else date_trunc('day', created_at) end
                   order by created_at desc, id desc) as place
            from document_snapshots
           where kind <> 'named' and created_at <= ${now}::timestamptz - interval '24 hours')
        delete from document_snapshots s
         where s.kind <> 'named' and s.id in (
           select r.id from ranked r
            where r.created_at <= ${now}::timestamptz - interval '90 days' or (r.kind = 'auto' and r.place > 1)
            limit ${together})
        returning s.id`.execute(tx)
      return rows.length
    })
    gone += batch
    if (batch === 0) return gone
  }
}
