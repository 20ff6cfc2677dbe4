// A person's notifications, preferences and counters on the wire, on every device of his.
import { defineShape } from '#sync/shape.ts'
import { counterColumns, notificationColumns, preferenceColumns } from './schema.ts'

const own = { scope: 'user', scopeColumn: 'user_id', who: 'SELF' } as const

export const notificationShapes = [
  defineShape({ name: 'my_notifications', table: 'notifications', columns: notificationColumns, ...own }),
  defineShape({
    name: 'my_notification_preferences',
    table: 'notification_preferences',
    columns: preferenceColumns,
    ...own,
  }),
  defineShape({ name: 'my_counters', table: 'user_counters', columns: counterColumns, ...own }),
]
