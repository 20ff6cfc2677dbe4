// Tasks: columns and inputs (domain rules, sections 2.2, 4 and 6).
import { z } from 'zod'
import {
  date,
  expectedVersion,
  instant,
  labels,
  line,
  markdown,
  newId,
  rank,
  reference,
} from '#server/kernel/schemas.ts'

export const taskColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'project_id',
  'number',
  'task_key',
  'title',
  'description',
  'task_type',
  'priority',
  'status_id',
  'rank',
  'assignee_id',
  'reporter_id',
  'created_by_id',
  'parent_id',
  'depth',
  'labels',
  'story_points',
  'due_date',
  'completed_at',
  'archived_at',
  'unarchived_at',
  'deleted_at',
  'deleted_by_id',
  'trash_root_id',
  'checklist_total',
  'checklist_done',
  'comment_count',
  'attachment_count',
  'subtask_total',
  'subtask_done',
] as const

const timestamp = z.iso.datetime()

export const taskType = z.enum(['story', 'bug', 'epic', 'task', 'subtask'])
export const priorities = ['lowest', 'low', 'medium', 'high', 'highest'] as const
const priority = z.preprocess(value => (value === 'critical' ? 'highest' : value), z.enum(priorities))

export const taskRow = z
  .looseObject({
    id: z.uuid(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
    application_id: z.uuid(),
    project_id: z.uuid(),
    number: z.int(),
    task_key: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    task_type: taskType,
    priority: z.enum(priorities),
    status_id: z.uuid(),
    rank: z.string(),
    assignee_id: z.uuid().nullable(),
    reporter_id: z.uuid().nullable(),
    parent_id: z.uuid().nullable(),
    labels: z.array(z.string()),
    story_points: z.int().nullable(),
    due_date: z.string().nullable(),
    completed_at: timestamp.nullable(),
    archived_at: timestamp.nullable(),
    deleted_at: timestamp.nullable(),
  })
  .meta({ id: 'Task' })

const placement = {
  after_id: reference.optional(),
  before_id: reference.optional(),
  position: z.enum(['top', 'bottom']).optional(),
  rank: rank.optional(),
}

const fields = {
  title: line(1, 500),
  description: markdown(102_400).nullable(),
  task_type: taskType,
  priority,
  assignee_id: reference.nullable(),
  reporter_id: reference.nullable(),
  parent_id: reference.nullable(),
  story_points: z.int().min(0).max(100).nullable(),
  due_date: date.nullable(),
}

/** Accepted from imports only: where a task comes from elsewhere, it keeps its own dates and number. */
const imported = {
  number: z.int().min(1).optional(),
  created_at: instant.optional(),
  completed_at: instant.optional(),
  archived_at: instant.optional(),
}
export const importedFields = Object.keys(imported)

export const createInput = z.strictObject({
  id: newId.optional(),
  project_id: reference,
  title: fields.title,
  description: fields.description.optional(),
  task_type: fields.task_type.optional(),
  priority: fields.priority.optional(),
  status_id: reference.optional(),
  assignee_id: fields.assignee_id.optional(),
  reporter_id: fields.reporter_id.optional(),
  parent_id: fields.parent_id.optional(),
  labels: labels.optional(),
  story_points: fields.story_points.optional(),
  due_date: fields.due_date.optional(),
  ...placement,
  ...imported,
})

export const updateInput = z
  .strictObject({
    id: reference,
    title: fields.title.optional(),
    description: fields.description.optional(),
    task_type: fields.task_type.optional(),
    priority: fields.priority.optional(),
    assignee_id: fields.assignee_id.optional(),
    reporter_id: fields.reporter_id.optional(),
    parent_id: fields.parent_id.optional(),
    story_points: fields.story_points.optional(),
    due_date: fields.due_date.optional(),
    status_id: reference.optional(),
    labels: labels.optional(),
    labels_add: labels.optional(),
    labels_remove: labels.optional(),
    expected_version: expectedVersion,
  })
  .refine(
    input => input.labels === undefined || (input.labels_add === undefined && input.labels_remove === undefined),
    {
      error: 'Give labels, or labels_add and labels_remove, not both.',
      path: ['labels'],
      params: { issue: 'bad_format' },
    },
  )

export const moveInput = z.strictObject({
  id: reference,
  status_id: reference.optional(),
  ...placement,
  expected_version: expectedVersion,
})

export const idInput = z.strictObject({ id: reference })

export type UpdateInput = z.output<typeof updateInput>
export type MoveInput = z.output<typeof moveInput>
export type CreateInput = z.output<typeof createInput>
