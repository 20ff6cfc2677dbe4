// Reading columns.
import { sql } from 'kysely'
import type { Reader } from '#server/kernel/database.ts'
import { statusColumns } from './schema.ts'

/** The columns of a project in board order, with the number of visible tasks in each. */
export const listStatuses = (reader: Reader, projectId: string) =>
  reader
    .selectFrom('task_statuses as s')
    .select(statusColumns.map(column => `s.${column}` as const))
    .select(
      sql<number>`(select count(*)::int from tasks t
        where t.status_id = s.id and t.deleted_at is null and t.archived_at is null)`.as('task_count'),
    )
    .where('s.project_id', '=', projectId)
    .orderBy('s.rank')
    .orderBy('s.id')
    .execute()
