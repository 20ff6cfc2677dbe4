// Changing a document's content by a command: the present state, an update computed from it, the new state stored (domain
// rules, sections 8.3 and 8.4). The document's row is locked by the caller.
import * as Y from 'yjs'
import { bringsNews } from '#server/content/update-news.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { readState, saveState, storedContent, writerOf } from './content.ts'
import type { LockedDocument } from './open.ts'
import type { DocumentSettings } from './schema.ts'
import { keepSnapshot, type SnapshotKind, takeSnapshot } from './take-snapshot.ts'

/**
 * Applies the update that `compute` makes of the present state, and stores the result, unless it says nothing new.
 * `keep` has the state before it kept as a snapshot of that kind; without, the automatic one is taken when it is time.
 * Answers the row, and whether anything changed.
 */
export const changeContent = async (
  context: WriteContext,
  document: LockedDocument,
  options: {
    readonly settings: DocumentSettings
    readonly compute: (state: () => Uint8Array) => Uint8Array
    readonly keep?: SnapshotKind
    /** 409 `version_conflict` unless nobody has written since this version; typing that is not stored yet counts. */
    readonly expected?: number | undefined
  },
): Promise<{ readonly document: LockedDocument; readonly changed: boolean }> => {
  const { settings, compute, keep, expected } = options
  const open = await readState(context.tx, document.id)
  if (!open) throw new AppError('not_found')
  const { doc, pending } = open
  try {
    // by the log that goes into the new state: what is typed from now on is merged with it later
    if (expected !== undefined && (document.content_version !== expected || pending.length > 0)) {
      throw new AppError('version_conflict', { details: { current: document } })
    }
    const update = compute(() => Y.encodeStateAsUpdate(doc))
    // not by whether the document changes: an update may have to wait for the one that it builds on
    if (!bringsNews(doc, update)) return { document, changed: false }
    if (keep) await takeSnapshot(context, document, storedContent(doc, Number.POSITIVE_INFINITY), { kind: keep })
    Y.applyUpdate(doc, update)
    const content = storedContent(doc, settings.maxDocumentBytes)
    const by = writerOf(context)
    context.emit({ type: 'document.content', documentId: document.id })
    const stored = await saveState(context, document, content, {
      folded: pending,
      by,
      quiet: keep === 'before_restore',
    })
    if (!keep) {
      await keepSnapshot(context, stored, () => content, {
        minutes: settings.snapshotIntervalMinutes,
        lastLeft: false,
      })
    }
    return { document: stored, changed: true }
  } finally {
    doc.destroy()
  }
}
