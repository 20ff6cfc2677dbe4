// notification.* and notification_preference.set (domain rules, section 4): one's own rows only, decided by arrival.
import { sql } from 'kysely'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { invalidAt, notFound } from '#server/kernel/errors.ts'
import { callerOf, within } from '#server/kernel/reading.ts'
import { isEmptyChange } from '#server/kernel/schemas.ts'
import { requirePersonal } from '#server/kernel/scopes.ts'
import { lockCounters } from './lock-counters.ts'
import {
  deleteAllInput,
  deleteInput,
  markAllReadInput,
  preferenceColumns,
  preferenceDefaults,
  setPreferenceInput,
  setReadInput,
  countOutput,
  preferenceRow,
} from './schema.ts'

/** The answer to a change of `count` rows, of which some were or became unread unless `counted` says no. */
const changed = (context: WriteContext, count: number, counted = count > 0) => {
  if (count > 0) context.touch('my_notifications')
  if (counted) context.touch('my_counters')
  return { data: { updated_count: count } }
}

const deleted = (context: WriteContext, rows: readonly { readonly read_at: Date | null }[]) =>
  changed(
    context,
    rows.length,
    rows.some(row => row.read_at === null),
  )

/** Locks the caller's counter, and the rows of `ids`; 404 when one of them is not the caller's, and then nothing changes. */
const lockOwn = async (context: WriteContext, ids: readonly string[]) => {
  lockCounters(context, [context.userId])
  const rows = await context.tx
    .selectFrom('notifications')
    .select('id')
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .where('user_id', '=', context.userId)
    .where(within(callerOf(context.actor), 'application_id'))
    .orderBy('id')
    .forUpdate()
    .execute()
  if (rows.length < new Set(ids).size) throw notFound()
  return rows.map(row => row.id)
}

const setRead = defineCommand({
  name: 'notification.set_read',
  summary: 'Marks own notifications as read or unread.',
  access: 'SELF',
  input: setReadInput,
  output: countOutput,
  inTransactions: true,
  run: async (context, input) => {
    const result = await context.tx
      .updateTable('notifications')
      .set({ read_at: input.is_read ? context.stamp.editedAt : null })
      .where('id', 'in', await lockOwn(context, input.ids))
      .where('read_at', input.is_read ? 'is' : 'is not', null)
      .executeTakeFirst()
    return changed(context, Number(result.numUpdatedRows))
  },
})

const markAllRead = defineCommand({
  name: 'notification.mark_all_read',
  summary: 'Marks all own notifications as read.',
  access: 'SELF',
  input: markAllReadInput,
  output: countOutput,
  inTransactions: true,
  run: async context => {
    lockCounters(context, [context.userId])
    const result = await context.tx
      .updateTable('notifications')
      .set({ read_at: context.stamp.editedAt })
      .where('user_id', '=', context.userId)
      .where(within(callerOf(context.actor), 'application_id'))
      .where('read_at', 'is', null)
      .executeTakeFirst()
    return changed(context, Number(result.numUpdatedRows))
  },
})

const remove = defineCommand({
  name: 'notification.delete',
  summary: 'Deletes own notifications.',
  access: 'SELF',
  input: deleteInput,
  output: countOutput,
  inTransactions: true,
  run: async (context, input) => {
    const rows = await context.tx
      .deleteFrom('notifications')
      .where('id', 'in', await lockOwn(context, input.ids))
      .returning('read_at')
      .execute()
    return deleted(context, rows)
  },
})

const removeAll = defineCommand({
  name: 'notification.delete_all',
  summary: 'Deletes all own notifications, or those that are read.',
  access: 'SELF',
  input: deleteAllInput,
  output: countOutput,
  inTransactions: true,
  run: async (context, input) => {
    lockCounters(context, [context.userId])
    let query = context.tx
      .deleteFrom('notifications')
      .where('user_id', '=', context.userId)
      .where(within(callerOf(context.actor), 'application_id'))
    if (input.read_only) query = query.where('read_at', 'is not', null)
    return deleted(context, await query.returning('read_at').execute())
  },
})

const setPreference = defineCommand({
  name: 'notification_preference.set',
  summary: 'Says whether notifications of a type are wanted, in the application and by mail.',
  access: 'SELF',
  input: setPreferenceInput,
  output: preferenceRow,
  inTransactions: true,
  run: async (context, { type, ...wanted }) => {
    requirePersonal(context.actor)
    if (isEmptyChange(wanted, ['in_app', 'email'])) throw invalidAt('', 'nothing_to_change', 'Name in_app or email.')
    const key = { user_id: context.userId, type }
    const stored = await context.tx
      .selectFrom('notification_preferences')
      .select(preferenceColumns)
      .where('user_id', '=', key.user_id)
      .where('type', '=', type)
      .forUpdate()
      .executeTakeFirst()
    const before = stored ?? { ...key, ...preferenceDefaults }
    const after = { in_app: wanted.in_app ?? before.in_app, email: wanted.email ?? before.email }
    if (after.in_app === before.in_app && after.email === before.email) return { data: before }
    // what another device has said of it at this moment for the first time stays, where this one says nothing
    const saved = await context.tx
      .insertInto('notification_preferences')
      .values({ ...key, ...after })
      .onConflict(conflict => conflict.columns(['user_id', 'type']).doUpdateSet(wanted))
      .returning(preferenceColumns)
      .executeTakeFirstOrThrow()
    context.touch('my_notification_preferences')
    context.record({
      entityType: 'notification_preference',
      entityId: key.user_id,
      entityLabel: type,
      applicationId: undefined,
      personId: key.user_id,
      changes: Object.fromEntries(
        (['in_app', 'email'] as const)
          .filter(field => after[field] !== before[field])
          .map(field => [field, { old: before[field], new: after[field] }]),
      ),
    })
    return { data: saved }
  },
})

export const notificationCommands: readonly AnyCommand[] = [setRead, markAllRead, remove, removeAll, setPreference]
