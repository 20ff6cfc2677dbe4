// Comments and mentions: columns and inputs (domain rules, sections 2.2 and 4).
import { z } from 'zod'
import { markdown, mentionWords, newId, reference } from '#server/kernel/schemas.ts'

export const commentColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'project_id',
  'task_id',
  'parent_id',
  'author_id',
  'author_name',
  'body',
  'body_text',
  'body_edited_at',
  'deleted_at',
  'deleted_by_id',
] as const

export const mentionColumns = ['id', 'created_at', 'application_id', 'comment_id', 'document_id', 'user_id'] as const

export const commentRow: z.ZodType = z
  .looseObject({
    id: z.uuid(),
    task_id: z.uuid(),
    parent_id: z.uuid().nullable(),
    author_id: z.uuid().nullable(),
    author_name: z.string(),
    body: z.unknown(),
    body_text: z.string(),
    deleted_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Comment' })

/** What a comment says: one of the two. */
export const body = {
  body: z.record(z.string(), z.unknown()).optional().meta({
    description: 'TipTap JSON; a node `{"type":"mention","attrs":{"id":"<user_id>","label":"Eve"}}` mentions a member',
  }),
  body_markdown: markdown(50_000)
    .optional()
    .meta({ description: `Markdown; ${mentionWords}` }),
}

export const oneBody = (input: { body?: unknown; body_markdown?: unknown }) =>
  (input.body === undefined) !== (input.body_markdown === undefined)
export const oneBodyIssue = {
  error: 'Give either body or body_markdown.',
  path: ['body'],
  params: { issue: 'required' },
}

export const createInput = z
  .strictObject({ id: newId.optional(), task_id: reference, parent_id: reference.optional(), ...body })
  .refine(oneBody, oneBodyIssue)
export const updateInput = z.strictObject({ id: reference, ...body }).refine(oneBody, oneBodyIssue)
export const deleteInput = z.strictObject({ id: reference })
