// Checklists and their items: columns and inputs (domain rules, sections 2.2 and 4).
import { z } from 'zod'
import { expectedVersion, line, markdown, newId, reference } from '#server/kernel/schemas.ts'

export const checklistColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'project_id',
  'task_id',
  'title',
  'rank',
  'total_items',
  'completed_items',
] as const

export const itemColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'project_id',
  'task_id',
  'checklist_id',
  'content',
  'is_done',
  'completed_by_id',
  'completed_at',
  'rank',
] as const

export const itemRow = z
  .looseObject({ id: z.uuid(), checklist_id: z.uuid(), content: z.string(), is_done: z.boolean(), rank: z.string() })
  .meta({ id: 'ChecklistItem' })
export const itemRows = z.array(itemRow)

export const checklistRow = z
  .looseObject({
    id: z.uuid(),
    task_id: z.uuid(),
    title: z.string(),
    rank: z.string(),
    total_items: z.int(),
    completed_items: z.int(),
    progress_percent: z.int().optional(),
    items: z.array(itemRow).optional(),
  })
  .meta({ id: 'Checklist' })
export const checklistRows = z.array(checklistRow)

const title = line(1, 255)
const content = markdown(10_000).refine(text => text.length > 0, {
  error: 'Must not be empty.',
  params: { issue: 'too_short' },
})
const anchors = { after_id: reference.optional(), before_id: reference.optional() }
const ids = z.array(reference).max(500)

export const checklistInputs = {
  create: z.strictObject({
    id: newId.optional(),
    task_id: reference,
    title,
    /** From imports only: the items at once. */
    items: z
      .array(z.strictObject({ content, is_done: z.boolean() }))
      .max(500)
      .optional(),
  }),
  update: z.strictObject({ id: reference, title: title.optional(), expected_version: expectedVersion }),
  delete: z.strictObject({ id: reference }),
  move: z.strictObject({ id: reference, ...anchors }),
  reorder: z.strictObject({ task_id: reference, ids }),
}

export const itemInputs = {
  create: z.strictObject({
    id: newId.optional(),
    checklist_id: reference,
    content,
    is_done: z.boolean().optional(),
    ...anchors,
  }),
  update: z.strictObject({
    id: reference,
    content: content.optional(),
    is_done: z.boolean().optional(),
    expected_version: expectedVersion,
  }),
  setDone: z.strictObject({ id: reference, is_done: z.boolean() }),
  /** REST only: the opposite of what is read under lock. */
  toggle: z.strictObject({ id: reference }),
  move: z.strictObject({ id: reference, checklist_id: reference.optional(), ...anchors }),
  reorder: z.strictObject({ checklist_id: reference, ids }),
  delete: z.strictObject({ id: reference }),
}
