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

const minuteMs = 60_000

/** Takes the automatic snapshot when the last one (of any kind) is old enough, or the last editor has left. */
export const keepSnapshot = async (
  context: WriteContext,
  document: LockedDocument,
  content: () => StoredContent,
  options: { readonly contributors: readonly string[]; readonly minutes: number; readonly lastLeft: boolean },
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
  const writers = await context.tx
    .selectFrom('activities')
    .select('actor_id')
    .distinct()
    .where('document_id', '=', document.id)
    .where('action', '=', 'document.write')
    .where('actor_id', 'is not', null)
    .where('edited_at', '>', latest?.created_at ?? new Date(0))
    .execute()
  const contributors = new Set([...options.contributors, ...writers.flatMap(row => row.actor_id ?? [])])
  await takeSnapshot(context, document, content(), { kind: 'auto', contributors: [...contributors] })
}
