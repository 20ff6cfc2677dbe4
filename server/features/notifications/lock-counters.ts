// The one lock of notifications: whoever writes rows of people, or changes what is counted for them, holds their counters
// first, in the order of their ids. So nobody waits in a circle, neither for counters nor for rows.
import { sql } from 'kysely'
import type { WriteTx } from '#server/kernel/database.ts'
import type { Later } from '#server/kernel/run-transaction.ts'

/** Locks the counters of `userIds` (in any order and repetition) until the commit; to be called once in a command. */
export const lockCounters = (
  { tx, later }: { readonly tx: WriteTx; readonly later: Later },
  userIds: readonly (string | null)[],
): void => {
  const ids = [...new Set(userIds.filter(id => id !== null))]
  const lock = sql`
    select 1 from user_counters where user_id = any(${ids}::uuid[]) order by user_id for no key update`
  later({ compile: () => lock.compile(tx) })
}
