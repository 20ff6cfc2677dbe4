// What a person does with what he was told (domain rules, section 4), and the number of what is unread.
import type { AnyRow } from '../types.ts'
import { count, type Effects, text, type View } from './view.ts'

const shape = 'my_notifications'

const countUnread = (view: View, userId: string | undefined, by: number): void =>
  count(view, 'my_counters', userId, { unread_notifications: by })

const setRead = (view: View, row: AnyRow, readAt: string | null, userId: string | undefined): void => {
  if ((row.read_at === null) === (readAt === null)) return
  view.put(shape, text(row.id), { ...row, read_at: readAt })
  countUnread(view, userId, readAt === null ? 1 : -1)
}

const remove = (view: View, row: AnyRow, userId: string | undefined): void => {
  view.remove(shape, text(row.id))
  if (row.read_at === null) countUnread(view, userId, -1)
}

const named = (view: View, ids: unknown): AnyRow[] =>
  (Array.isArray(ids) ? (ids as unknown[]) : []).map(id => view.get(shape, text(id))).filter(row => row !== undefined)

export const notificationEffects: Effects = {
  'notification.set_read': (view, args, { editedAt, userId }) => {
    for (const row of named(view, args.ids)) setRead(view, row, args.is_read === true ? editedAt : null, userId)
  },
  'notification.mark_all_read': (view, _args, { editedAt, userId }) => {
    for (const row of view.rows(shape)) setRead(view, row, editedAt, userId)
  },
  'notification.delete': (view, args, { userId }) => {
    for (const row of named(view, args.ids)) remove(view, row, userId)
  },
  'notification.delete_all': (view, args, { userId }) => {
    const rows = [...view.rows(shape)].filter(row => args.read_only !== true || row.read_at !== null)
    for (const row of rows) remove(view, row, userId)
  },
}
