// Folders: columns and inputs (domain rules, sections 2.4 and 4).
import { z } from 'zod'
import { expectedVersion, line, newId, reference } from '#server/kernel/schemas.ts'
import { anchors, hasScopeId, onNameConflict, place, scopeIdIssue } from '../documents/schema.ts'

export const folderColumns = [
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
  'parent_id',
  'path',
  'depth',
  'name',
  'rank',
  'created_by_id',
] as const

const timestamp = z.iso.datetime()

export const folderRow = z
  .looseObject({
    id: z.uuid(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
    scope: z.enum(['personal', 'application', 'project']),
    application_id: z.uuid().nullable(),
    project_id: z.uuid().nullable(),
    user_id: z.uuid().nullable(),
    parent_id: z.uuid().nullable(),
    depth: z.int(),
    name: z.string(),
    rank: z.string(),
    deleted_at: timestamp.nullable(),
  })
  .meta({ id: 'DocumentFolder' })

const name = line(1, 255)

export const createInput = z
  .strictObject({
    id: newId.optional(),
    ...place,
    name,
    parent_id: reference.nullable().optional(),
    on_name_conflict: onNameConflict,
  })
  .refine(hasScopeId, scopeIdIssue)

export const updateInput = z.strictObject({
  id: reference,
  name: name.optional(),
  expected_version: expectedVersion,
})

export const moveInput = z.strictObject({
  id: reference,
  parent_id: reference.nullable().optional(),
  ...anchors,
  expected_version: expectedVersion,
})

export const idInput = z.strictObject({ id: reference })
