// Documents: columns and inputs (domain rules, sections 2.4 and 4).
import { z } from 'zod'
import type { IssueCode } from '#server/kernel/errors.ts'
import type { RouteLimit } from '#server/kernel/route.ts'
import { expectedVersion, line, mentionWords, newId, rank, reference } from '#server/kernel/schemas.ts'

export const documentColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'scope',
  'application_id',
  'project_id',
  'user_id',
  'deleted_at',
  'deleted_by_id',
  'trash_root_id',
  'folder_id',
  'title',
  'rank',
  'excerpt',
  'word_count',
  'content_version',
  'content_updated_at',
  'content_updated_by_id',
  'schema_version',
  'created_by_id',
] as const

const timestamp = z.iso.datetime().meta({ description: 'ISO 8601 with milliseconds, UTC' })

export const documentRow = z
  .looseObject({
    id: z.uuid(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
    scope: z.enum(['personal', 'application', 'project']),
    application_id: z.uuid().nullable(),
    project_id: z.uuid().nullable(),
    user_id: z.uuid().nullable(),
    folder_id: z.uuid().nullable(),
    title: z.string(),
    rank: z.string(),
    excerpt: z.string(),
    word_count: z.int(),
    content_version: z.int(),
    content_updated_at: timestamp.nullable(),
    deleted_at: timestamp.nullable(),
  })
  .meta({ id: 'Document' })

const issue = (code: IssueCode) => ({ params: { issue: code } })

const scopes = ['personal', 'application', 'project'] as const
export type ScopeName = (typeof scopes)[number]

/** Which knowledge base: an application's, a project's, or one's own (then without id). */
const scopeId = reference.optional().describe('The application or project; none for `personal`')

export const place = { scope: z.enum(scopes).describe('Whose knowledge base'), scope_id: scopeId }

/** Whose tags and templates: projects have none of their own, their documents use those of the application. */
export const ownerPlace = { scope: z.enum(['personal', 'application']).describe('Whose'), scope_id: scopeId }

/** The id is needed for everything but one's own. */
export const hasScopeId = (input: { scope: ScopeName; scope_id?: string | undefined }): boolean =>
  input.scope === 'personal' || input.scope_id !== undefined
export const scopeIdIssue = {
  error: 'Name the application or the project.',
  path: ['scope_id'],
  ...issue('required'),
}

export const onNameConflict = z.enum(['reject', 'rename']).default('reject')

/** Anchors among the rows of the same place. */
export const anchors = { after_id: reference.optional(), before_id: reference.optional(), rank: rank.optional() }

/** The largest body with content, in bytes. */
export const contentBodyLimit = 10 * 1024 * 1024

const contentFormat = z.enum(['json', 'markdown'])
const contentValue = z
  .unknown()
  .meta({ description: `TipTap JSON or Markdown, as \`format\` says; in Markdown ${mentionWords}` })

const title = line(1, 255)

export const createInput = z
  .strictObject({
    id: newId.optional(),
    ...place,
    title,
    folder_id: reference.nullable().optional(),
    tag_ids: z.array(reference).max(50).optional(),
    content: z.strictObject({ format: contentFormat, value: contentValue }).optional(),
    template_id: reference.optional(),
    on_name_conflict: onNameConflict,
  })
  .refine(hasScopeId, scopeIdIssue)
  .refine(({ content, template_id }) => content === undefined || template_id === undefined, {
    error: 'Give at most one of content and template_id.',
    path: ['template_id'],
    ...issue('bad_format'),
  })

export const updateInput = z.strictObject({
  id: reference,
  title: title.optional(),
  expected_version: expectedVersion,
})

export const moveInput = z.strictObject({
  id: reference,
  folder_id: reference.nullable().optional(),
  ...anchors,
  expected_version: expectedVersion,
})

export const writeInput = z.strictObject({
  id: reference,
  mode: z.enum(['replace', 'append', 'prepend']).default('replace'),
  format: contentFormat,
  value: contentValue,
  expected_content_version: z.int().min(0).optional(),
})

export const duplicateInput = z.strictObject({
  id: newId.optional(),
  document_id: reference,
  folder_id: reference.nullable().optional(),
  title: title.optional(),
})

/** Writes of content, per person. */
export const contentWrites: readonly RouteLimit[] = [{ name: 'content_writes', count: 60, seconds: 60, per: 'person' }]

export const idInput = z.strictObject({ id: reference })

/** What the commands of documents, snapshots and locks take from the settings. */
export interface DocumentSettings {
  readonly maxDocumentBytes: number
  readonly snapshotIntervalMinutes: number
  /** Seconds. */
  readonly documentLockTtl: number
}
