// Board columns: columns and inputs (domain rules, sections 2.2 and 4).
import { z } from 'zod'
import { color, expectedVersion, line, newId, reference } from '#server/kernel/schemas.ts'
import { category } from '../projects/schema.ts'

export const statusColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'project_id',
  'name',
  'category',
  'color',
  'rank',
] as const

export const statusRow = z
  .looseObject({
    id: z.uuid(),
    project_id: z.uuid(),
    name: z.string(),
    category,
    color: z.string(),
    rank: z.string(),
  })
  .meta({ id: 'TaskStatus' })

const name = line(1, 50)

export const createInput = z.strictObject({
  id: newId.optional(),
  project_id: reference,
  name,
  category,
  color: color.optional(),
  after_id: reference.optional(),
  before_id: reference.optional(),
})
export const updateInput = z.strictObject({
  id: reference,
  name: name.optional(),
  color: color.optional(),
  expected_version: expectedVersion,
})
export const moveInput = z.strictObject({
  id: reference,
  after_id: reference.optional(),
  before_id: reference.optional(),
})
export const deleteInput = z.strictObject({
  id: reference,
  target_status_id: reference.optional().describe('Where its tasks go'),
})
