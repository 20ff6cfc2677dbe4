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

/** Those who have written since the last version: they are this one's, and the next begins with nobody. */
const takeContributors = async ({ tx }: WriteContext, documentId: string): Promise<string[]> => {
  const found = await tx
    .selectFrom('document_contents')
    .select('contributor_ids')
    .where('document_id', '=', documentId)
    .executeTakeFirst()
  if (!found || found.contributor_ids.length === 0) return []
  await tx.updateTable('document_contents').set({ contributor_ids: [] }).where('document_id', '=', documentId).execute()
  return found.contributor_ids
}

/** Keeps `content` of the locked `document`; answers the snapshot's row. Server-only: no shape changes. */
export const takeSnapshot = async (
  context: WriteContext,
  document: LockedDocument,
  content: StoredContent,
  about: {
    readonly kind: SnapshotKind
    readonly id?: string | undefined
    readonly name?: string
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
      contributor_ids: await takeContributors(context, document.id),
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

const minuteMs = 60_000

/** Takes the automatic snapshot when the last one (of any kind) is old enough, or the last editor has left. */
export const keepSnapshot = async (
  context: WriteContext,
  document: LockedDocument,
  content: () => StoredContent,
  options: { readonly minutes: number; readonly lastLeft: boolean },
): Promise<void> => {
  const latest = await context.tx
    .selectFrom('document_snapshots')
    .select(['created_at', 'content_version'])
    .where('document_id', '=', document.id)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (latest && latest.content_version >= document.content_version) return
  const isOld = !latest || context.now.getTime() - latest.created_at.getTime() >= options.minutes * minuteMs
  if (!isOld && !options.lastLeft) return
  await takeSnapshot(context, document, content(), { kind: 'auto' })
}
