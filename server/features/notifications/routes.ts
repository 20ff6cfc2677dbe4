// /api/notifications…, /api/notification-preferences (domain rules, section 5.10).
import { sql } from 'kysely'
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { commandNamed } from '#server/kernel/command.ts'
import type { Reader } from '#server/kernel/database.ts'
import { notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { page, pageQuery, type PageQuery } from '#server/kernel/pages.ts'
import { type Caller, callerOf, within } from '#server/kernel/reading.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { reference } from '#server/kernel/schemas.ts'
import { requirePersonal } from '#server/kernel/scopes.ts'
import { notificationCommands } from './commands.ts'
import {
  entityType,
  notificationColumns,
  notificationRow,
  preferenceColumns,
  preferenceDefaults,
  preferenceRow,
  type,
  types,
} from './schema.ts'

const command = (name: string) => commandNamed(notificationCommands, name)

/** Own rows; those about an invitation say what has become of it. */
const rows = (reader: Reader, caller: Caller) =>
  reader
    .selectFrom('notifications as n')
    .leftJoin('invitations as i', join => join.onRef('i.id', '=', 'n.entity_id').on('n.entity_type', '=', 'invitation'))
    .select(notificationColumns.map(column => `n.${column}` as const))
    .select('i.state as invitation_state')
    .where('n.user_id', '=', caller.userId)
    .where(within(caller, 'n.application_id'))

const withoutEmptyState = <Row extends { invitation_state: string | null }>({ invitation_state, ...row }: Row) =>
  invitation_state === null ? row : { ...row, invitation_state }

interface Filters extends PageQuery {
  readonly unread_only: boolean
  readonly type?: string | undefined
  readonly entity_type?: string | undefined
  readonly application_id?: string | undefined
}

const list = async (reader: Reader, caller: Caller, filters: Filters) => {
  let query = rows(reader, caller)
  if (filters.unread_only) query = query.where('n.read_at', 'is', null)
  if (filters.type !== undefined) query = query.where('n.type', '=', filters.type)
  if (filters.entity_type !== undefined) query = query.where('n.entity_type', '=', filters.entity_type)
  if (filters.application_id !== undefined) query = query.where('n.application_id', '=', filters.application_id)
  const { limit: _limit, cursor: _cursor, include_total: _total, ...bound } = filters
  const found = await page(query, {
    sort: [{ by: sql`n.created_at`, type: 'timestamptz', descending: true }],
    id: sql`n.id`,
    request: filters,
    filters: [caller.userId, bound],
  })
  return { ...found, data: found.data.map(withoutEmptyState) }
}

const none = z.strictObject({})
const counted = z.object({ total: z.int(), unread: z.int() })

export const notificationRoutes: readonly Route[] = [
  readRoute({
    path: '/api/notifications',
    access: 'SELF',
    summary: 'Own notifications, newest first.',
    query: z.strictObject({
      ...pageQuery,
      unread_only: z.stringbool().default(false).describe('Without those that are read'),
      type: type.optional().describe('Of this type'),
      entity_type: entityType.optional().describe('About things of this kind'),
      application_id: reference.optional().describe('About things of this application'),
    }),
    response: pageOf(notificationRow),
    run: ({ reader, actor }, _params, query) => list(reader, callerOf(actor), query),
  }),
  readRoute({
    path: '/api/notifications/count',
    access: 'SELF',
    summary: 'How many there are, and how many are unread.',
    query: none,
    response: z.object({ data: counted }),
    run: async ({ reader, actor }) => ({
      data: await reader
        .selectFrom('notifications')
        .select([
          sql<number>`count(*)::int`.as('total'),
          sql<number>`(count(*) filter (where read_at is null))::int`.as('unread'),
        ])
        .where('user_id', '=', callerOf(actor).userId)
        .where(within(callerOf(actor), 'application_id'))
        .executeTakeFirstOrThrow(),
    }),
  }),
  readRoute({
    path: '/api/notifications/:id',
    access: 'SELF',
    summary: 'One own notification.',
    query: none,
    response: z.object({ data: notificationRow }),
    run: async ({ reader, actor }, params) => {
      const row = await rows(reader, callerOf(actor)).where('n.id', '=', must(params.id)).executeTakeFirst()
      if (!row) throw notFound()
      return { data: withoutEmptyState(row) }
    },
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/notifications/:id',
    access: 'SELF',
    summary: 'Marks a notification as read or unread.',
    command: command('notification.set_read'),
    params: { id: 'ids' },
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/notifications/:id',
    access: 'SELF',
    summary: 'Deletes a notification.',
    command: command('notification.delete'),
    params: { id: 'ids' },
  }),
  writeRoute({
    method: 'POST',
    path: '/api/notifications/mark-read',
    access: 'SELF',
    summary: 'Marks up to 100 notifications as read or unread.',
    command: command('notification.set_read'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/notifications/mark-all-read',
    access: 'SELF',
    summary: 'Marks all as read.',
    command: command('notification.mark_all_read'),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/notifications',
    access: 'SELF',
    summary: 'Deletes all, or those that are read.',
    command: command('notification.delete_all'),
    queryArgs: ['read_only'],
  }),
  readRoute({
    path: '/api/notification-preferences',
    access: 'SELF',
    summary: 'What the caller wants to hear of: every type with its effective values.',
    query: none,
    response: z.object({ data: z.array(preferenceRow) }),
    run: async ({ reader, actor }) => {
      requirePersonal(actor)
      const stored = await reader
        .selectFrom('notification_preferences')
        .select(preferenceColumns)
        .where('user_id', '=', callerOf(actor).userId)
        .execute()
      const known = new Map(stored.map(row => [row.type, row]))
      return {
        data: types.map(name => ({
          type: name,
          in_app: known.get(name)?.in_app ?? preferenceDefaults.in_app,
          email: known.get(name)?.email ?? preferenceDefaults.email,
        })),
      }
    },
  }),
  writeRoute({
    method: 'PUT',
    path: '/api/notification-preferences',
    access: 'SELF',
    summary: 'Changes what the caller wants to hear of.',
    command: command('notification_preference.set'),
  }),
]
