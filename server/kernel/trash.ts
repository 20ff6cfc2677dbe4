// How long things stay in the trash (domain rules, section 1).
import { sql } from 'kysely'

/** Days from a deletion to its end. */
const trashDays = 30
/** A deletion that took longer to arrive was made offline. */
const onlineHours = 1

/**
 * When a row of the trash ends, as SQL. `deleted_at` is when somebody deleted it by his own clock, perhaps offline for weeks:
 * then it has its days from when that arrived.
 */
export const purgeAt = sql<Date>`case when updated_at > deleted_at + ${sql.lit(onlineHours)} * interval '1 hour'
  then updated_at else deleted_at end + ${sql.lit(trashDays)} * interval '1 day'`

/** The same of a row. */
export const purgeAtOf = (row: { readonly deleted_at: Date; readonly updated_at: Date }): Date => {
  const [deleted, updated] = [row.deleted_at.getTime(), row.updated_at.getTime()]
  return new Date((updated > deleted + onlineHours * 3_600_000 ? updated : deleted) + trashDays * 86_400_000)
}
