// Tags of documents: columns and inputs (domain rules, sections 2.4 and 4).
import { z } from 'zod'
import { color, expectedVersion, line, newId, reference } from '#server/kernel/schemas.ts'
import { hasScopeId, ownerPlace, scopeIdIssue } from '../documents/schema.ts'

export const tagColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'user_id',
  'name',
  'color',
] as const

export const assignmentColumns = ['id', 'created_at', 'application_id', 'user_id', 'document_id', 'tag_id'] as const

export const tagRow = z
  .looseObject({
    id: z.uuid(),
    version: z.int(),
    application_id: z.uuid().nullable(),
    user_id: z.uuid().nullable(),
    name: z.string(),
    color: z.string().nullable(),
  })
  .meta({ id: 'DocumentTag' })

export const assignmentRow = z.looseObject({ id: z.uuid(), document_id: z.uuid(), tag_id: z.uuid() })
/** Without id: the tag was not on the document. */
export const unassigned = assignmentRow.extend({ id: z.uuid().nullable() })

const name = line(1, 100)

export const createInput = z
  .strictObject({ id: newId.optional(), ...ownerPlace, name, color: color.nullable().optional() })
  .refine(hasScopeId, scopeIdIssue)

export const updateInput = z.strictObject({
  id: reference,
  name: name.optional(),
  color: color.nullable().optional(),
  expected_version: expectedVersion,
})

export const idInput = z.strictObject({ id: reference })
export const assignInput = z.strictObject({ document_id: reference, tag_id: reference })
