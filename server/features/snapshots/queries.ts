// Reading snapshots: a snapshot is seen by whoever sees its document (domain rules, section 5.11).
import { sql } from 'kysely'
import type { SignedIn } from '#server/kernel/actor.ts'
import type { Reader } from '#server/kernel/database.ts'
import { notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { page, type PageQuery } from '#server/kernel/pages.ts'
import { columnOf, type Format, isTypedIn, presentContent } from '../documents/content.ts'
import { readDocument } from '../documents/read.ts'
import { snapshotColumns } from '../documents/take-snapshot.ts'

interface Asking {
  readonly reader: Reader
  readonly actor: SignedIn
}

/** The row, with proof that the caller may read its document; 404 otherwise. */
export const readSnapshot = async (asking: Asking, id: string) => {
  const row = await asking.reader
    .selectFrom('document_snapshots')
    .select(snapshotColumns)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw notFound()
  await readDocument(asking, row.document_id)
  return row
}

/** Snapshots of a document, newest first. */
export const listSnapshots = async (
  asking: Asking,
  documentId: string,
  filters: PageQuery & { readonly kind?: string | undefined },
) => {
  await readDocument(asking, documentId)
  let query = asking.reader
    .selectFrom('document_snapshots as s')
    .select(snapshotColumns)
    .where('s.document_id', '=', documentId)
  if (filters.kind !== undefined) query = query.where('s.kind', '=', filters.kind)
  return page(query, {
    sort: [{ by: sql`s.created_at`, type: 'timestamptz', descending: true }],
    id: sql`s.id`,
    request: filters,
    filters: [documentId, filters.kind ?? null],
  })
}

/** What a snapshot the caller may read holds, in one format (bytes for yjs). */
export const snapshotContent = async (asking: Asking, id: string, format: Format) => {
  const row = await readSnapshot(asking, id)
  const content = await asking.reader
    .selectFrom('snapshot_contents')
    .select(`${columnOf[format]} as value`)
    .where('snapshot_id', '=', row.id)
    .executeTakeFirst()
  return { row, value: must(content).value }
}

/** The plain text of a snapshot that the caller may read. */
export const snapshotText = async (asking: Asking, id: string) => {
  const { row, value } = await snapshotContent(asking, id, 'text')
  return { row, text: value as string }
}

/** The plain text of the document as it is now. */
export const presentText = async ({ reader }: Asking, documentId: string): Promise<string> => {
  const text = await presentContent(reader, documentId, 'text', await isTypedIn(reader, documentId))
  if (text === undefined) throw notFound()
  return text as string
}
