// What waits for a person.
import type { Reader } from '#server/kernel/database.ts'
import { type Caller, within } from '#server/kernel/reading.ts'

export interface Counters {
  readonly unread_notifications: number
  readonly pending_invitations: number
}

/** Unread notifications and pending invitations; for a limited token those of its applications, as in its lists. */
export const readCounters = async (reader: Reader, caller: Caller): Promise<Counters> => {
  const { userId, applicationIds } = caller
  if (applicationIds === undefined)
    return reader
      .selectFrom('user_counters')
      .select(['unread_notifications', 'pending_invitations'])
      .where('user_id', '=', userId)
      .executeTakeFirstOrThrow()
  const unread = await reader
    .selectFrom('notifications')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('user_id', '=', userId)
    .where('read_at', 'is', null)
    .where(within(caller, 'application_id'))
    .executeTakeFirstOrThrow()
  const pending = await reader
    .selectFrom('invitations')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('user_id', '=', userId)
    .where('state', '=', 'pending')
    .where(within(caller, 'application_id'))
    .executeTakeFirstOrThrow()
  return { unread_notifications: Number(unread.count), pending_invitations: Number(pending.count) }
}
