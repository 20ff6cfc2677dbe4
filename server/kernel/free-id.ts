// A create that is repeated without a replay key hears `id_taken`, not that its own name or key is in use.
import type { WriteContext } from './command.ts'
import { AppError } from './errors.ts'

/** 409 `id_taken` when `table` has a row `id` already; after the right was decided, before any other rule. */
export const requireFreeId = async (
  context: WriteContext,
  table:
    | 'projects'
    | 'task_statuses'
    | 'invitations'
    | 'document_folders'
    | 'documents'
    | 'document_tags'
    | 'document_snapshots'
    | 'document_comments'
    | 'document_templates',
  id: string | undefined,
): Promise<void> => {
  if (id === undefined) return
  const row = await context.tx.selectFrom(table).select('id').where('id', '=', id).executeTakeFirst()
  if (row) throw new AppError('id_taken')
}
