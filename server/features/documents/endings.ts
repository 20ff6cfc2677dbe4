// What becomes of documents when something around them ends: a project, an application, a person's right to write.
import { sql } from 'kysely'
import type { WriteContext } from '#server/kernel/command.ts'

/**
 * Before a project or an application goes, and its knowledge base with it by cascade: the edit clocks go first. Open
 * documents of a project are told; the end of an application is an event of its own.
 */
export const endLibrary = async (
  context: WriteContext,
  scope: { readonly column: 'application_id' | 'project_id'; readonly id: string },
): Promise<void> => {
  const own = sql.ref(scope.column)
  // a project has no tags and templates of its own
  const owned =
    scope.column === 'project_id'
      ? sql``
      : sql`union all select 'tag', id from document_tags where application_id = ${scope.id}
            union all select 'template', id from document_templates where application_id = ${scope.id}`
  await sql`delete from field_clocks where (entity_type, entity_id) in (
    select 'folder', id from document_folders where ${own} = ${scope.id}
    union all select 'document', id from documents where ${own} = ${scope.id} ${owned})`.execute(context.tx)
  if (scope.column === 'application_id') return
  const documents = await context.tx.selectFrom('documents').select('id').where(scope.column, '=', scope.id).execute()
  for (const { id } of documents) context.emit({ type: 'document.changed', documentId: id })
}

/**
 * Before a person loses rights in an application: the database frees the locks that he may not hold any more (trigger
 * skerry_lost_locks), and open documents look who may write now.
 */
export const announceLocks = async (context: WriteContext, applicationId: string, userId: string): Promise<void> => {
  const held = await context.tx
    .selectFrom('document_locks')
    .select('document_id')
    .where('application_id', '=', applicationId)
    .where('holder_id', '=', userId)
    .execute()
  // whoever leaves does not read that shape any more
  if (held.length > 0 && userId !== context.userId) context.touch('document_locks')
  for (const { document_id: documentId } of held) context.emit({ type: 'document.lock', documentId })
}
