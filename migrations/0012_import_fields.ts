// What the title and tags of a document's file were when it was imported last (a hash): an update says when they change,
// since the document keeps its own. Null for what was imported before, and for what is no document.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [`alter table external_refs add column fields_hash text`])
