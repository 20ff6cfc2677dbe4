// Notifications: columns and inputs (domain rules, sections 2.5, 4, 5.10 and 11).
import { z } from 'zod'
import { noticeTypes } from '#server/kernel/notices.ts'
import { reference } from '#server/kernel/schemas.ts'

export const notificationColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'user_id',
  'type',
  'title',
  'message',
  'entity_type',
  'entity_id',
  'application_id',
  'project_id',
  'task_id',
  'actor_id',
  'actor_name',
  'count',
  'read_at',
] as const

export const preferenceColumns = ['user_id', 'type', 'in_app', 'email', 'version', 'updated_at'] as const

/** What a missing row means. */
export const preferenceDefaults = { in_app: true, email: false } as const

export const counterColumns = ['user_id', 'unread_notifications', 'pending_invitations', 'updated_at'] as const

/** All types: what commands announce, and what jobs and project assignments will. */
export const types = [...noticeTypes, 'due_date_reminder', 'project_assigned'] as const
export const type = z.enum(types)

/** Nobody can switch these off in the application: they say that something is gone, or wait for an answer. */
export const alwaysInApp: readonly string[] = ['system', 'application_invite', 'project_invite']

export const entityType = z.enum([
  'task',
  'project',
  'application',
  'comment',
  'document',
  'invitation',
  'application_member',
  'project_member',
  'transfer',
])

const timestamp = z.iso.datetime()

export const notificationRow = z
  .looseObject({
    id: z.uuid(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
    user_id: z.uuid(),
    type,
    title: z.string(),
    message: z.string().nullable(),
    entity_type: entityType.nullable(),
    entity_id: z.uuid().nullable(),
    application_id: z.uuid().nullable(),
    project_id: z.uuid().nullable(),
    task_id: z.uuid().nullable(),
    actor_id: z.uuid().nullable(),
    actor_name: z.string().nullable(),
    count: z.int(),
    read_at: timestamp.nullable(),
  })
  .meta({ id: 'Notification' })

export const preferenceRow = z
  .looseObject({ type, in_app: z.boolean(), email: z.boolean() })
  .meta({ id: 'NotificationPreference' })

export const counterRow = z
  .object({ unread_notifications: z.int(), pending_invitations: z.int() })
  .meta({ id: 'UserCounters' })

export const countOutput = z.object({ updated_count: z.int() })

/** Up to 100; a path names one. */
const ids = z.preprocess(value => (typeof value === 'string' ? [value] : value), z.array(reference).min(1).max(100))

export const setReadInput = z.strictObject({ ids, is_read: z.boolean() })
export const markAllReadInput = z.strictObject({})
export const deleteInput = z.strictObject({ ids })
export const deleteAllInput = z.strictObject({
  read_only: z.union([z.boolean(), z.stringbool()]).optional().describe('Those alone that are read'),
})

export const setPreferenceInput = z
  .strictObject({ type, in_app: z.boolean().optional(), email: z.boolean().optional() })
  .refine(input => input.in_app !== false || !alwaysInApp.includes(input.type), {
    error: 'These are always shown in the application.',
    path: ['in_app'],
    params: { issue: 'not_in_enum' },
  })
