// Snapshots of documents: rows and inputs (domain rules, sections 2.4 and 4).
import { z } from 'zod'
import { line, newId, reference } from '#server/kernel/schemas.ts'

export const snapshotKind = z.enum(['auto', 'named', 'before_restore', 'before_replace'])

export const snapshotRow = z
  .looseObject({
    id: z.uuid(),
    created_at: z.iso.datetime(),
    document_id: z.uuid(),
    kind: snapshotKind,
    name: z.string().nullable(),
    created_by_id: z.uuid().nullable(),
    contributor_ids: z.array(z.uuid()),
    word_count: z.int(),
    size_bytes: z.int(),
    content_version: z.int(),
  })
  .meta({ id: 'DocumentSnapshot' })

const name = line(1, 100)

export const createInput = z.strictObject({ id: newId.optional(), document_id: reference, name })
export const renameInput = z.strictObject({ id: reference, name })
export const idInput = z.strictObject({ id: reference })
