// Memberships: columns and inputs (domain rules, sections 2.1 and 4).
import { z } from 'zod'
import { reference } from '#server/kernel/schemas.ts'

export const memberColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'user_id',
  'role',
  'display_name',
  'avatar_url',
  'invitation_id',
] as const

export const role = z.enum(['owner', 'editor', 'viewer'])

export const memberRow = z
  .object({
    id: z.uuid(),
    version: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    application_id: z.uuid(),
    user_id: z.uuid(),
    role,
    display_name: z.string(),
    avatar_url: z.string().nullable(),
    invitation_id: z.uuid().nullable(),
    email: z.string().optional(),
  })
  .meta({ id: 'Member' })

/** What becomes of a person's open tasks: refuse (default), unassign or reassign to `to_user_id`. */
export const openTasksInput = {
  open_tasks: z
    .enum(['refuse', 'unassign', 'reassign'])
    .default('refuse')
    .describe('What becomes of open tasks of the person'),
  to_user_id: reference.optional().describe('Who gets them with `reassign`'),
}

export const setRoleInput = z.strictObject({
  application_id: reference,
  user_id: reference,
  role,
  ...openTasksInput,
})
export const removeInput = z.strictObject({ application_id: reference, user_id: reference, ...openTasksInput })
export const leaveInput = z.strictObject({ application_id: reference, ...openTasksInput })
