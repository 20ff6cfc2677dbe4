// What a document's file said when it was imported last, and which version of the document that made: an update tells by
// them who has written since. Both are null for what was imported before, and for what is no document.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [`alter table external_refs add column source_hash text, add column content_version int`])
