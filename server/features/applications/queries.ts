// Reading applications, and the lock that every command about people in one takes first.
import { sql } from 'kysely'
import type { Reader, WriteTx } from '#server/kernel/database.ts'
import { type PageQuery, likePattern, page } from '#server/kernel/pages.ts'
import { type Caller, within } from '#server/kernel/reading.ts'
import { applicationColumns } from './schema.ts'

/** The row, locked against every other command about its members, projects or itself; undefined when there is none. */
export const lockApplication = (tx: WriteTx, id: string) =>
  tx.selectFrom('applications').select(applicationColumns).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()

export const findApplication = (reader: Reader, id: string, userId: string | undefined) =>
  reader
    .selectFrom('applications as a')
    .leftJoin('application_members as m', join =>
      join.onRef('m.application_id', '=', 'a.id').on('m.user_id', '=', userId ?? null),
    )
    .select(applicationColumns.map(column => `a.${column}` as const))
    .select('m.role as my_role')
    .where('a.id', '=', id)
    .executeTakeFirst()

export interface ApplicationFilters extends PageQuery {
  readonly search?: string | undefined
  readonly role?: 'owner' | 'editor' | 'viewer' | undefined
  readonly ownership?: 'created' | 'invited' | undefined
  readonly archived: boolean
}

/** The applications that the caller is a member of, newest update first. */
export const listApplications = (reader: Reader, caller: Caller, filters: ApplicationFilters) => {
  const { userId } = caller
  const { limit: _limit, cursor: _cursor, include_total: _total, ...bound } = filters
  let query = reader
    .selectFrom('applications as a')
    .innerJoin('application_members as m', 'm.application_id', 'a.id')
    .select(applicationColumns.map(column => `a.${column}` as const))
    .select('m.role as my_role')
    .where('m.user_id', '=', userId)
    .where(within(caller, 'a.id'))
    .where('a.archived_at', filters.archived ? 'is not' : 'is', null)
  if (filters.search !== undefined) query = query.where('a.name', 'ilike', likePattern(filters.search))
  if (filters.role !== undefined) query = query.where('m.role', '=', filters.role)
  if (filters.ownership === 'created') query = query.where('a.created_by_id', '=', userId)
  if (filters.ownership === 'invited') {
    query = query.where(sql<boolean>`a.created_by_id is distinct from ${userId}`)
  }
  return page(query, {
    sort: [{ by: sql`a.updated_at`, type: 'timestamptz', descending: true }],
    id: sql`a.id`,
    request: filters,
    filters: bound,
  })
}
