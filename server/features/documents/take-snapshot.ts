// Keeping a state of a document (domain rules, section 8.4).
import type { WriteContext } from '#server/kernel/command.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { contentColumns, type StoredContent } from './content.ts'
import type { LockedDocument } from './open.ts'

export type SnapshotKind = 'auto' | 'named' | 'before_restore' | 'before_replace'

export const snapshotColumns = [
  'id',
  'created_at',
  'application_id',
  'user_id',
  'document_id',
  'kind',
  'name',
  'created_by_id',
  'contributor_ids',
  'word_count',
  'size_bytes',
  'content_version',
] as const

/** Keeps `content` of the locked `document`; answers the snapshot's row. Server-only: no shape changes. */
export const takeSnapshot = async (
  context: WriteContext,
  document: LockedDocument,
  content: StoredContent,
  about: {
    readonly kind: SnapshotKind
    readonly id?: string | undefined
    readonly name?: string
    readonly contributors?: readonly string[]
  },
) => {
  const row = await context.tx
    .insertInto('document_snapshots')
    .values({
      id: about.id ?? uuid7(),
      created_at: context.now,
      application_id: document.application_id,
      user_id: document.user_id,
      document_id: document.id,
      kind: about.kind,
      name: about.name ?? null,
      created_by_id: context.actor.userId ?? null,
      contributor_ids: [...(about.contributors ?? [])],
      word_count: content.derived.wordCount,
      size_bytes: content.ydoc.length,
      content_version: document.content_version,
    })
    .returning(snapshotColumns)
    .executeTakeFirstOrThrow()
  await context.tx
    .insertInto('snapshot_contents')
    .values({ snapshot_id: row.id, ...contentColumns(content) })
    .execute()
  return row
}
