// Projects and project members: columns and inputs (domain rules, sections 2.2 and 4).
import { z } from 'zod'
import { color, date, expectedVersion, instant, line, markdown, newId, reference } from '#server/kernel/schemas.ts'
import { openTasksInput } from '../members/schema.ts'

export const projectColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'key',
  'name',
  'description',
  'project_type',
  'due_date',
  'lead_id',
  'created_by_id',
  'require_assignee',
  'freeze_done',
  'archived_at',
  'unarchived_at',
  'derived_status',
  'override_status',
  'override_reason',
  'override_by_id',
  'override_expires_at',
  'effective_status',
] as const

export const projectMemberColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'project_id',
  'user_id',
  'role',
  'added_by_id',
] as const

export const aggregateColumns = [
  'project_id',
  'application_id',
  'total_tasks',
  'todo_tasks',
  'active_tasks',
  'review_tasks',
  'issue_tasks',
  'done_tasks',
  'archived_tasks',
  'archived_done_tasks',
  'updated_at',
] as const

export const category = z.enum(['todo', 'active', 'review', 'issue', 'done'])
export type Category = z.output<typeof category>

export const projectRole = z.enum(['admin', 'member'])

const timestamp = z.iso.datetime()

export const projectRow = z
  .looseObject({
    id: z.uuid(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
    application_id: z.uuid(),
    key: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    project_type: z.enum(['kanban', 'scrum']),
    due_date: z.string().nullable(),
    lead_id: z.uuid().nullable(),
    archived_at: timestamp.nullable(),
    derived_status: category,
    override_status: category.nullable(),
    effective_status: category,
  })
  .meta({ id: 'Project' })

export const projectMemberRow = z
  .looseObject({ id: z.uuid(), project_id: z.uuid(), user_id: z.uuid(), role: projectRole })
  .meta({ id: 'ProjectMember' })

const key = z
  .string()
  .transform(text => text.trim().toUpperCase())
  .refine(text => /^[A-Z][A-Z0-9]{0,9}$/.test(text), {
    error: 'A key is 1–10 letters and digits and begins with a letter.',
    params: { issue: 'bad_format' },
  })

const fields = {
  name: line(1, 255),
  description: markdown(102_400).nullable(),
  project_type: z.enum(['kanban', 'scrum']),
  due_date: date.nullable(),
  lead_id: reference.nullable(),
  require_assignee: z.boolean(),
  freeze_done: z.boolean(),
}

export const createInput = z.strictObject({
  id: newId.optional(),
  application_id: reference,
  name: fields.name,
  key,
  description: fields.description.optional(),
  project_type: fields.project_type.optional(),
  due_date: fields.due_date.optional(),
  lead_id: fields.lead_id.optional(),
  require_assignee: fields.require_assignee.optional(),
  freeze_done: fields.freeze_done.optional(),
  statuses: z
    .array(z.strictObject({ id: newId.optional(), name: line(1, 50), category, color: color.optional() }))
    .min(1)
    .max(20)
    .refine(list => list.some(one => one.category === 'todo') && list.some(one => one.category === 'done'), {
      error: 'A project needs at least one todo and one done status.',
      params: { issue: 'required' },
    })
    .optional(),
})

export const updateInput = z.strictObject({
  id: reference,
  name: fields.name.optional(),
  description: fields.description.optional(),
  project_type: fields.project_type.optional(),
  due_date: fields.due_date.optional(),
  lead_id: fields.lead_id.optional(),
  require_assignee: fields.require_assignee.optional(),
  freeze_done: fields.freeze_done.optional(),
  expected_version: expectedVersion,
})

export const idInput = z.strictObject({ id: reference })

export const overrideInput = z.strictObject({
  id: reference,
  status: category.optional(),
  status_id: reference.optional(),
  reason: line(1, 500),
  expires_at: instant.nullable().optional(),
})

export const addMemberInput = z.strictObject({
  project_id: reference,
  user_id: reference,
  role: projectRole.default('member'),
})
export const setMemberRoleInput = z.strictObject({ project_id: reference, user_id: reference, role: projectRole })
export const removeMemberInput = z.strictObject({ project_id: reference, user_id: reference, ...openTasksInput })
export const leaveProjectInput = z.strictObject({ project_id: reference, ...openTasksInput })
