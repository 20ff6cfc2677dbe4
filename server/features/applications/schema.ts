// Applications: columns and inputs (domain rules, sections 2.1 and 4).
import { z } from 'zod'
import { expectedVersion, line, markdown, newId, reference } from '#server/kernel/schemas.ts'

export const applicationColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'name',
  'description',
  'editors_may_add_editors',
  'created_by_id',
  'archived_at',
  'projects_count',
  'members_count',
] as const

export const applicationRow = z
  .object({
    id: z.uuid(),
    version: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    name: z.string(),
    description: z.string().nullable(),
    editors_may_add_editors: z.boolean(),
    created_by_id: z.uuid().nullable(),
    archived_at: z.iso.datetime().nullable(),
    projects_count: z.int(),
    members_count: z.int(),
    my_role: z.enum(['owner', 'editor', 'viewer']).optional(),
  })
  .meta({ id: 'Application' })

const name = line(1, 255)
const description = markdown(10_000).nullable()

export const createInput = z.strictObject({
  id: newId.optional(),
  name,
  description: description.optional(),
  editors_may_add_editors: z.boolean().optional(),
})

export const updateInput = z.strictObject({
  id: reference,
  name: name.optional(),
  description: description.optional(),
  editors_may_add_editors: z.boolean().optional(),
  expected_version: expectedVersion,
})

export const idInput = z.strictObject({ id: reference })

export const transferInput = z.strictObject({
  id: reference,
  to_user_id: reference,
  own_role: z.enum(['owner', 'editor', 'viewer']).default('editor'),
})
