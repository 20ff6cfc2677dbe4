// Opening a document for a write: decide, then lock in the order that every command keeps (application and membership
// inside `decide`, then the place where names or order change, then folders, then documents by id).
import { sql } from 'kysely'
import type { ActivityEntry, WriteContext } from '#server/kernel/command.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { lockPlace, shapeIn } from './place.ts'
import { type PlaceAction, placePolicy, type PlaceSubject } from './policy.ts'
import { documentColumns } from './schema.ts'

const lockDocument = (context: WriteContext, id: string) =>
  context.tx.selectFrom('documents').select(documentColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

export type LockedDocument = NonNullable<Awaited<ReturnType<typeof lockDocument>>>

/**
 * 404, 403, 409 `application_archived`; otherwise the document, locked until the commit. `withPlace` locks its place
 * first: for names, folders and ranks.
 */
export const openDocument = async (
  context: WriteContext,
  id: string,
  action: PlaceAction,
  withPlace = false,
): Promise<LockedDocument> => {
  const found = await context.tx
    .selectFrom('documents')
    .select(['application_id', 'project_id', 'user_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  requireLive(await decide(placePolicy, action, found, context.actor, context.access))
  if (withPlace) await lockPlace(context, must(found))
  const document = await lockDocument(context, id)
  if (!document) throw notFound()
  return document
}

export interface Holder {
  readonly user_id: string
  readonly name: string
  readonly acquired_at: Date
  readonly expires_at: Date
}

/** Whether `column` is one of `ids`, however many those are: the ids of a list of values are counted in 16 bits. */
export const among = (column: string, ids: readonly string[]) => sql<boolean>`${sql.ref(column)} = any(${ids}::uuid[])`

/** Live locks of other people on `ids`; rows past their time count as absent. */
export const foreignLocks = async (context: WriteContext, ids: readonly string[]) => {
  if (ids.length === 0) return []
  return context.tx
    .selectFrom('document_locks')
    .select(['document_id', 'holder_id', 'holder_name', 'acquired_at', 'expires_at'])
    .where(among('document_id', ids))
    .where('expires_at', '>', context.now)
    .where(sql<boolean>`holder_id is distinct from ${context.actor.userId ?? null}::uuid`)
    .execute()
}

/** 409 `locked` while somebody else holds the lock. The document's row is locked, so the answer holds until the commit. */
export const requireUnlocked = async (context: WriteContext, documentId: string): Promise<void> => {
  const [lock] = await foreignLocks(context, [documentId])
  if (!lock) return
  const holder: Holder = {
    user_id: lock.holder_id,
    name: lock.holder_name,
    acquired_at: lock.acquired_at,
    expires_at: lock.expires_at,
  }
  throw new AppError('locked', { details: { document_id: documentId, holder } })
}

/** What every activity about something in the knowledge base says of its place. */
export const recordIn = (row: PlaceSubject): Pick<ActivityEntry, 'applicationId' | 'projectId' | 'personId'> => ({
  applicationId: row.application_id ?? undefined,
  projectId: row.project_id ?? undefined,
  personId: row.user_id ?? undefined,
})

/** What every activity about a document says. */
export const recordOf = (
  document: PlaceSubject & { readonly id: string; readonly title: string },
): Omit<ActivityEntry, 'changes'> => ({
  ...recordIn(document),
  entityType: 'document',
  entityId: document.id,
  entityLabel: document.title,
  documentId: document.id,
})

/** The document's row changed in its shape. */
export const touchDocument = (context: WriteContext, row: PlaceSubject): void =>
  context.touch(shapeIn(row, 'documents'))

/** Edit clocks have no foreign key: they go before the rows. */
export const forgetClocks = async (
  context: WriteContext,
  entityType: 'folder' | 'document' | 'tag' | 'template',
  ids: readonly string[],
): Promise<void> => {
  await sql`delete from field_clocks where entity_type = ${entityType} and entity_id = any(${ids}::uuid[])`.execute(
    context.tx,
  )
}
