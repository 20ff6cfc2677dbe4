// Comments on documents: columns and inputs.
import { z } from 'zod'
import { isPosition } from '#server/content/anchor.ts'
import { newId, reference } from '#server/kernel/schemas.ts'
import { body, oneBody, oneBodyIssue } from '../comments/schema.ts'

export const documentCommentColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'user_id',
  'document_id',
  'parent_id',
  'author_id',
  'author_name',
  'body',
  'body_text',
  'body_edited_at',
  'anchor_start',
  'anchor_end',
  'quote',
  'resolved_at',
  'resolved_by_id',
  'deleted_at',
  'deleted_by_id',
] as const

const place = z.object({ block: z.int(), text: z.string() }).nullable()

export const documentCommentRow = z
  .looseObject({
    id: z.uuid(),
    document_id: z.uuid(),
    parent_id: z.uuid().nullable(),
    author_id: z.uuid().nullable(),
    author_name: z.string(),
    body: z.unknown(),
    body_text: z.string(),
    anchor_start: z.string().nullable(),
    anchor_end: z.string().nullable(),
    quote: z.string().nullable(),
    resolved_at: z.iso.datetime().nullable(),
    deleted_at: z.iso.datetime().nullable(),
    place: place.optional(),
  })
  .meta({ id: 'DocumentComment' })

/** Longer quotes say no more; a relative position of Yjs takes less than 50 characters. */
const [quoteLength, positionLength] = [500, 200]

const position = z
  .string()
  .max(positionLength)
  .refine(isPosition, { error: 'Is not a relative position of Yjs in base64.', params: { issue: 'bad_format' } })

const quote = z.string().min(1).max(quoteLength)

export const createInput = z
  .strictObject({
    id: newId.optional(),
    document_id: reference,
    parent_id: reference.optional(),
    /** What a client that holds the document says. */
    anchor: z.strictObject({ start: position, end: position, quote }).optional(),
    /** What others say: the text, and which of its occurrences. */
    find: z.strictObject({ text: quote, occurrence: z.int().min(1).max(10_000).default(1) }).optional(),
    ...body,
  })
  .refine(oneBody, oneBodyIssue)
  .refine(({ parent_id, anchor, find }) => [parent_id, anchor, find].filter(one => one !== undefined).length <= 1, {
    error: 'Give at most one of parent_id, anchor and find.',
    path: ['anchor'],
    params: { issue: 'bad_format' },
  })

export const updateInput = z.strictObject({ id: reference, ...body }).refine(oneBody, oneBodyIssue)
export const idInput = z.strictObject({ id: reference })
