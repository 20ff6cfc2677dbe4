// Templates of documents: columns and inputs.
import { z } from 'zod'
import { expectedVersion, line, markdown, newId, reference } from '#server/kernel/schemas.ts'
import { hasScopeId, ownerPlace, scopeIdIssue } from '../documents/schema.ts'

/** What a list shows. */
export const headColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'user_id',
  'name',
  'description',
  'created_by_id',
] as const

export const templateColumns = [...headColumns, 'content_json', 'content_markdown'] as const

const head = {
  id: z.uuid(),
  version: z.int(),
  application_id: z.uuid().nullable(),
  user_id: z.uuid().nullable(),
  name: z.string(),
  description: z.string().nullable(),
}

export const templateHead = z.looseObject(head).meta({ id: 'DocumentTemplateHead' })
export const templateRow = z
  .looseObject({ ...head, content_json: z.unknown(), content_markdown: z.string() })
  .meta({ id: 'DocumentTemplate' })

const name = line(1, 100)
const description = markdown(500).nullable().optional()
const content = z.strictObject({ format: z.enum(['json', 'markdown', 'text']), value: z.unknown() }).optional()

export const createInput = z
  .strictObject({
    id: newId.optional(),
    ...ownerPlace,
    name,
    description,
    content,
    /** A document whose present content it takes. */
    document_id: reference.optional(),
  })
  .refine(hasScopeId, scopeIdIssue)
  .refine(input => (input.content === undefined) !== (input.document_id === undefined), {
    error: 'Give either content or document_id.',
    path: ['content'],
    params: { issue: 'required' },
  })

export const updateInput = z.strictObject({
  id: reference,
  name: name.optional(),
  description,
  content,
  expected_version: expectedVersion,
})

export const idInput = z.strictObject({ id: reference })
