// Reading projects and their members.
import { type RawBuilder, sql } from 'kysely'
import type { Reader } from '#server/kernel/database.ts'
import { likePattern, type PageQuery, page, type SortKey } from '#server/kernel/pages.ts'
import { type Caller, within } from '#server/kernel/reading.ts'
import { aggregateColumns, projectColumns, projectMemberColumns } from './schema.ts'

// what a reader sees: an override past its end no longer counts, even before the job has cleared it
const effective = sql<string>`case when p.override_status is not null
  and (p.override_expires_at is null or p.override_expires_at > now()) then p.override_status else p.derived_status end`

const aggregate = sql<Record<string, unknown>>`(select to_jsonb(g) from project_aggregates g where g.project_id = p.id)`

const base = (reader: Reader, userId: string | undefined) =>
  reader
    .selectFrom('projects as p')
    .select(projectColumns.filter(column => column !== 'effective_status').map(column => `p.${column}` as const))
    .select([effective.as('effective_status'), aggregate.as('aggregate')])
    .select(
      sql<
        string | null
      >`(select m.role from project_members m where m.project_id = p.id and m.user_id = ${userId ?? null}::uuid)`.as(
        'my_project_role',
      ),
    )

export const findProject = (reader: Reader, id: string, userId: string | undefined) =>
  base(reader, userId).where('p.id', '=', id).executeTakeFirst()

export interface ProjectFilters extends PageQuery {
  readonly search?: string | undefined
  readonly project_type?: string | undefined
  readonly status?: string | undefined
  readonly archived: 'false' | 'true' | 'all'
}

/** Projects of one application, newest update first. */
export const listProjects = (
  reader: Reader,
  scope: { readonly applicationId: string; readonly userId: string | undefined },
  filters: ProjectFilters,
) => {
  const { limit: _limit, cursor: _cursor, include_total: _total, ...bound } = filters
  let query = base(reader, scope.userId).where('p.application_id', '=', scope.applicationId)
  if (filters.archived !== 'all')
    query = query.where('p.archived_at', filters.archived === 'true' ? 'is not' : 'is', null)
  if (filters.project_type !== undefined) query = query.where('p.project_type', '=', filters.project_type)
  if (filters.status !== undefined) query = query.where(effective, '=', filters.status)
  if (filters.search !== undefined) query = query.where(matches(filters.search))
  return page(query, {
    sort: [
      {
        by: filters.archived === 'true' ? sql`p.archived_at` : sql`p.updated_at`,
        type: 'timestamptz',
        descending: true,
      },
    ],
    id: sql`p.id`,
    request: filters,
    filters: [scope.applicationId, bound],
  })
}

const matches = (text: string): RawBuilder<boolean> =>
  sql<boolean>`(p.name ilike ${likePattern(text)} or p.key ilike ${likePattern(text)})`

export interface MyProjectFilters extends PageQuery {
  readonly all: boolean
  readonly sort: 'due_date' | 'name' | 'updated_at'
  readonly order: 'asc' | 'desc'
  readonly status?: string | undefined
  readonly search?: string | undefined
}

const sortKeys = {
  due_date: { by: sql`p.due_date`, type: 'date' },
  name: { by: sql`lower(p.name)`, type: 'text' },
  updated_at: { by: sql`p.updated_at`, type: 'timestamptz' },
} as const

/** Unarchived projects that I am a member, lead or assignee of (`all`: every one), in one application or in all of mine. */
export const listMyProjects = (
  reader: Reader,
  caller: Caller,
  applicationId: string | undefined,
  filters: MyProjectFilters,
) => {
  const { limit: _limit, cursor: _cursor, include_total: _total, ...bound } = filters
  const me = caller.userId
  let query = base(reader, me)
    .innerJoin('applications as a', 'a.id', 'p.application_id')
    .select('a.name as application_name')
    .where('p.archived_at', 'is', null)
    .where(
      sql<boolean>`exists (select 1 from application_members x where x.application_id = p.application_id and x.user_id = ${me})`,
    )
    .where(within(caller, 'p.application_id'))
  if (applicationId !== undefined) query = query.where('p.application_id', '=', applicationId)
  if (!filters.all) {
    query = query.where(sql<boolean>`(p.lead_id = ${me}
      or exists (select 1 from project_members x where x.project_id = p.id and x.user_id = ${me})
      or exists (select 1 from tasks t where t.project_id = p.id and t.assignee_id = ${me}
                  and t.deleted_at is null and t.archived_at is null))`)
  }
  if (filters.status !== undefined) query = query.where(effective, '=', filters.status)
  if (filters.search !== undefined) query = query.where(matches(filters.search))
  const sort: SortKey = { ...sortKeys[filters.sort], descending: filters.order === 'desc' }
  return page(query, { sort: [sort], id: sql`p.id`, request: filters, filters: [applicationId ?? null, bound] })
}

const memberRows = (reader: Reader, projectId: string) =>
  reader
    .selectFrom('project_members as m')
    .innerJoin('application_members as a', join =>
      join.onRef('a.application_id', '=', 'm.application_id').onRef('a.user_id', '=', 'm.user_id'),
    )
    .select(projectMemberColumns.map(column => `m.${column}` as const))
    .select(['a.display_name', 'a.avatar_url'])
    .where('m.project_id', '=', projectId)

export const listProjectMembers = (reader: Reader, projectId: string, request: PageQuery) =>
  page(memberRows(reader, projectId), {
    sort: [{ by: sql`m.created_at`, type: 'timestamptz' }],
    id: sql`m.id`,
    request,
    filters: projectId,
  })

export const findProjectMember = (reader: Reader, projectId: string, userId: string) =>
  memberRows(reader, projectId).where('m.user_id', '=', userId).executeTakeFirst()

/** Everyone a task of the project may be given to: owners, and editors with a project row. */
export const listAssignable = (reader: Reader, project: { readonly id: string; readonly application_id: string }) =>
  reader
    .selectFrom('application_members as a')
    .select(['a.user_id', 'a.display_name', 'a.avatar_url', 'a.role'])
    .where('a.application_id', '=', project.application_id)
    .where(sql<boolean>`(a.role = 'owner' or (a.role = 'editor' and exists
      (select 1 from project_members m where m.project_id = ${project.id} and m.user_id = a.user_id)))`)
    .orderBy('a.created_at')
    .orderBy('a.id')
    .execute()

export const findAggregate = (reader: Reader, projectId: string) =>
  reader
    .selectFrom('project_aggregates')
    .select(aggregateColumns)
    .where('project_id', '=', projectId)
    .executeTakeFirst()
