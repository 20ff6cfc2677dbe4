// The greatest size of a document (MAX_DOCUMENT_MB) is checked where content comes in. Several servers may each find room
// for something at the same moment: all of it is acknowledged and has to be stored, so the table takes more.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

const maxBytes = 64 * 1024 * 1024

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `alter table document_contents
       drop constraint document_contents_size_check,
       add constraint document_contents_size_check check (octet_length(ydoc) <= ${maxBytes})`,
  ])
