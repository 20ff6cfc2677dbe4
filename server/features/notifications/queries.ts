// What waits for a person.
import type { Reader } from '#server/kernel/database.ts'

/** Unread notifications and pending invitations. */
export const readCounters = (reader: Reader, userId: string) =>
  reader
    .selectFrom('user_counters')
    .select(['unread_notifications', 'pending_invitations'])
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
