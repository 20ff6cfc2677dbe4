// Who has written in a document since its last version. Activities do not tell: there is one a person and ten minutes, and
// what comes from a queue is dated back.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [`alter table document_contents add column contributor_ids uuid[] not null default '{}'`])
