// What open documents ask of the database: who may, and storing what was typed (kernel/documents.ts; domain rules,
// sections 8.2 and 8.4).
import { activityRows } from '#server/kernel/activity.ts'
import type { Actor, SystemActor } from '#server/kernel/actor.ts'
import type { Clock } from '#server/kernel/clock.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import type { Database } from '#server/kernel/database.ts'
import type { Documents } from '#server/kernel/documents.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { decision, standingOf } from '#server/kernel/policy.ts'
import { readAccess } from '#server/kernel/reading.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import { readStanding } from '../members/access.ts'
import { noteWriters, readState, saveState, type StoredContent, storedContent, type Writer } from './content.ts'
import { type LockedDocument, openDocument, recordOf } from './open.ts'
import { placePolicy, type PlaceSubject } from './policy.ts'
import type { DocumentSettings } from './schema.ts'
import { keepSnapshot } from './take-snapshot.ts'

const storer: SystemActor = { kind: 'system', reason: 'store_document', userId: undefined, displayName: 'Skerry' }

/** One activity per person and so many minutes. */
const activityMinutes = 10
const minute = 60_000

export interface DocumentsDeps {
  readonly database: Pick<Database, 'read'>
  readonly write: ServerWrite
  readonly clock: Clock
  readonly settings: DocumentSettings
}

/** Those of `ids` that (still) have an account, in the same order. */
const writersOf = async (context: WriteContext, ids: readonly string[]): Promise<readonly Writer[]> => {
  if (ids.length === 0) return []
  const rows = await context.tx.selectFrom('users').select(['id', 'display_name']).where('id', 'in', ids).execute()
  return rows.toSorted((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))
}

const recordTyping = async (
  context: WriteContext,
  document: LockedDocument,
  writers: readonly Writer[],
): Promise<void> => {
  if (writers.length === 0) return
  const recent = await context.tx
    .selectFrom('activities')
    .select('actor_id')
    .distinct()
    .where('document_id', '=', document.id)
    .where('action', '=', 'document.write')
    .where('via', '=', 'socket')
    .where('edited_at', '>', new Date(context.now.getTime() - activityMinutes * minute))
    .execute()
  const recorded = new Set(recent.map(row => row.actor_id))
  for (const { id: userId, display_name: displayName } of writers) {
    if (recorded.has(userId)) continue
    const actor = { kind: 'user', userId, displayName, sessionPublicId: '', isAdmin: false } as const
    const origin = { actor, via: 'socket', transactionId: uuid7(), requestId: undefined }
    const entries = [{ entry: recordOf(document), action: 'document.write' }]
    context.later(activityRows(context.tx, entries, origin, context.now))
  }
}

/** The port over this database. */
export const createDocuments = ({ database, write, clock, settings }: DocumentsDeps): Documents => ({
  access: (actor: Actor, documentId: string) =>
    database.read(async reader => {
      if (actor.kind === 'anonymous') return undefined
      const row = await reader
        .selectFrom('documents')
        .select(['application_id', 'project_id', 'user_id'])
        .where('id', '=', documentId)
        .where('deleted_at', 'is', null)
        .executeTakeFirst()
      if (!row) return undefined
      const subject: PlaceSubject = row
      const access = readAccess(readStanding, reader, actor.userId)
      const standing = await standingOf(placePolicy, subject, actor, access)
      if (decision(placePolicy, 'read', subject, actor, standing) !== 'allowed') return undefined
      if (standing.applicationArchived || decision(placePolicy, 'edit', subject, actor, standing) !== 'allowed') {
        return { edit: false }
      }
      const lock = await reader
        .selectFrom('document_locks')
        .select('holder_id')
        .where('document_id', '=', documentId)
        .where('expires_at', '>', clock.now())
        .executeTakeFirst()
      return { edit: !lock || lock.holder_id === actor.userId }
    }),

  store: (documentId, contributors, { lastLeft = false } = {}) =>
    write('document.store', storer, async context => {
      const found = await context.tx
        .selectFrom('documents')
        .select('id')
        .where('id', '=', documentId)
        .executeTakeFirst()
      if (!found) return undefined
      let document = await openDocument(context, documentId, 'edit')
      const open = await readState(context.tx, documentId)
      if (!open) return undefined
      try {
        const writers = await writersOf(context, contributors)
        // also of what a write over REST has stored with its own: nothing of that is pending any more
        await recordTyping(context, document, writers)
        if (open.pending.length === 0) await noteWriters(context, documentId, writers)
        if (open.pending.length === 0 && !lastLeft) return { contentVersion: document.content_version }
        let stored: StoredContent | undefined
        const content = () => (stored ??= storedContent(open.doc, Number.POSITIVE_INFINITY))
        if (open.pending.length > 0) {
          document = await saveState(context, document, content(), { folded: open.pending, by: writers })
        }
        await keepSnapshot(context, document, content, {
          minutes: settings.snapshotIntervalMinutes,
          lastLeft,
        })
        return { contentVersion: document.content_version }
      } finally {
        open.doc.destroy()
      }
    }),
})
