// Reading tasks: lists with filters, one task with its neighbours, the whole board.
import { type RawBuilder, sql } from 'kysely'
import type { Reader } from '#server/kernel/database.ts'
import { likePattern, type PageQuery, page, type SortKey } from '#server/kernel/pages.ts'
import { type Caller, within } from '#server/kernel/reading.ts'
import { taskColumns } from './schema.ts'

const columns = taskColumns.map(column => `t.${column}` as const)

const base = (reader: Reader) =>
  reader.selectFrom('tasks as t').innerJoin('task_statuses as s', 's.id', 't.status_id').select(columns)

type TaskQuery = ReturnType<typeof base>

const visible = (query: TaskQuery): TaskQuery =>
  query.where('t.deleted_at', 'is', null).where('t.archived_at', 'is', null)

const matches = (text: string): RawBuilder<boolean> =>
  sql<boolean>`(t.title ilike ${likePattern(text)} or t.task_key ilike ${likePattern(text)})`

export interface TaskFilters extends PageQuery {
  readonly search?: string | undefined
  readonly task_type?: string | undefined
  readonly status_id?: string | undefined
  readonly category?: string | undefined
  readonly priority?: string | undefined
  /** An id, `me` or `none`. */
  readonly assignee_id?: string | undefined
  readonly label?: string | undefined
  /** An id or `none`. */
  readonly parent_id?: string | undefined
  readonly due_before?: string | undefined
  readonly due_after?: string | undefined
  readonly overdue?: boolean | undefined
  readonly sort: 'board' | 'updated_at' | 'created_at' | 'due_date' | 'title' | 'priority' | 'number'
  readonly order: 'asc' | 'desc'
}

const sorts: Readonly<Record<TaskFilters['sort'], readonly SortKey[]>> = {
  board: [
    { by: sql`s.rank`, type: 'text collate "C"' },
    { by: sql`s.id`, type: 'uuid' },
    { by: sql`t.rank`, type: 'text collate "C"' },
  ],
  updated_at: [{ by: sql`t.updated_at`, type: 'timestamptz' }],
  created_at: [{ by: sql`t.created_at`, type: 'timestamptz' }],
  due_date: [{ by: sql`t.due_date`, type: 'date' }],
  title: [{ by: sql`lower(t.title)`, type: 'text' }],
  priority: [{ by: sql`array_position(array['lowest','low','medium','high','highest'], t.priority)`, type: 'int' }],
  number: [{ by: sql`t.number`, type: 'int' }],
}

const filtered = (query: TaskQuery, filters: TaskFilters, userId: string | undefined): TaskQuery => {
  let found = query
  if (filters.search !== undefined) found = found.where(matches(filters.search))
  if (filters.task_type !== undefined) found = found.where('t.task_type', '=', filters.task_type)
  if (filters.status_id !== undefined) found = found.where('t.status_id', '=', filters.status_id)
  if (filters.category !== undefined) found = found.where('s.category', '=', filters.category)
  if (filters.priority !== undefined) found = found.where('t.priority', '=', filters.priority)
  if (filters.assignee_id === 'none') found = found.where('t.assignee_id', 'is', null)
  else if (filters.assignee_id !== undefined) {
    const person = filters.assignee_id === 'me' ? (userId ?? null) : filters.assignee_id
    found = found.where('t.assignee_id', '=', person)
  }
  if (filters.label !== undefined) {
    found = found.where(
      sql<boolean>`exists (select 1 from unnest(t.labels) l where lower(l) = lower(${filters.label}))`,
    )
  }
  if (filters.parent_id === 'none') found = found.where('t.parent_id', 'is', null)
  else if (filters.parent_id !== undefined) found = found.where('t.parent_id', '=', filters.parent_id)
  if (filters.due_before !== undefined) found = found.where('t.due_date', '<', filters.due_before)
  if (filters.due_after !== undefined) found = found.where('t.due_date', '>', filters.due_after)
  if (filters.overdue !== undefined) {
    const overdue = sql<boolean>`(t.due_date is not null and t.due_date < current_date and s.category <> 'done')`
    found = found.where(filters.overdue ? overdue : sql<boolean>`not ${overdue}`)
  }
  return found
}

const bound = ({ limit: _limit, cursor: _cursor, include_total: _total, ...filters }: TaskFilters) => filters

/** Visible tasks of a project. */
export const listTasks = (
  reader: Reader,
  scope: { readonly projectId: string; readonly userId: string | undefined },
  filters: TaskFilters,
) =>
  page(filtered(visible(base(reader).where('t.project_id', '=', scope.projectId)), filters, scope.userId), {
    sort: sorts[filters.sort].map(key => ({ ...key, descending: filters.order === 'desc' })),
    id: sql`t.id`,
    request: filters,
    filters: [scope, bound(filters)],
  })

/** Tasks put away or trashed, newest first. */
export const listPutAway = (
  reader: Reader,
  projectId: string,
  which: 'archived' | 'trash',
  filters: PageQuery & { readonly search?: string | undefined },
) => {
  let query = base(reader).where('t.project_id', '=', projectId)
  query =
    which === 'trash'
      ? query.where('t.deleted_at', 'is not', null)
      : query.where('t.deleted_at', 'is', null).where('t.archived_at', 'is not', null)
  if (filters.search !== undefined) query = query.where(matches(filters.search))
  return page(query, {
    sort: [{ by: which === 'trash' ? sql`t.deleted_at` : sql`t.archived_at`, type: 'timestamptz', descending: true }],
    id: sql`t.id`,
    request: filters,
    filters: [projectId, which, filters.search ?? null],
  })
}

const myStates = {
  open: { by: sql`t.updated_at`, type: 'timestamptz', descending: true },
  completed: { by: sql`t.completed_at`, type: 'timestamptz', descending: true },
  archived: { by: sql`t.archived_at`, type: 'timestamptz', descending: true },
} as const

export interface MyTaskFilters extends PageQuery {
  readonly state: keyof typeof myStates
  readonly search?: string | undefined
  readonly category?: string | undefined
  readonly sort?: 'updated_at' | 'due_date' | 'title' | undefined
}

/** My tasks, in one application or in all of mine: open, completed in the last 7 days, or archived. */
export const listMyTasks = (
  reader: Reader,
  caller: Caller,
  applicationId: string | undefined,
  filters: MyTaskFilters,
) => {
  let query = base(reader)
    .innerJoin('applications as a', 'a.id', 't.application_id')
    .innerJoin('projects as p', 'p.id', 't.project_id')
    .select(['a.name as application_name', 'p.name as project_name'])
    .where('t.assignee_id', '=', caller.userId)
    .where('t.deleted_at', 'is', null)
    .where(
      sql<boolean>`exists (select 1 from application_members m
        where m.application_id = t.application_id and m.user_id = ${caller.userId})`,
    )
    .where(within(caller, 't.application_id'))
  if (applicationId !== undefined) query = query.where('t.application_id', '=', applicationId)
  query = query.where('t.archived_at', filters.state === 'archived' ? 'is not' : 'is', null)
  if (filters.category !== undefined) query = query.where('s.category', '=', filters.category)
  else if (filters.state === 'open') query = query.where('s.category', '<>', 'done')
  if (filters.state === 'completed') {
    query = query.where('s.category', '=', 'done').where(sql<boolean>`t.completed_at > now() - interval '7 days'`)
  }
  if (filters.search !== undefined) query = query.where(matches(filters.search))
  const sort: SortKey =
    filters.sort === 'due_date' || filters.sort === 'title'
      ? (sorts[filters.sort][0] as SortKey)
      : myStates[filters.state]
  const { limit: _limit, cursor: _cursor, include_total: _total, ...rest } = filters
  return page(query, {
    sort: [sort],
    id: sql`t.id`,
    request: filters,
    filters: [caller.userId, applicationId ?? null, rest],
  })
}

const person = (column: 'assignee_id' | 'reporter_id') => sql<unknown>`(
  select jsonb_build_object('id', m.user_id, 'display_name', m.display_name, 'avatar_url', m.avatar_url)
    from application_members m where m.application_id = t.application_id and m.user_id = ${sql.ref(`t.${column}`)})`

const detailed = (reader: Reader) =>
  base(reader).select([
    sql<unknown>`jsonb_build_object('id', s.id, 'name', s.name, 'category', s.category, 'color', s.color)`.as('status'),
    person('assignee_id').as('assignee'),
    person('reporter_id').as('reporter'),
    sql<unknown>`(select jsonb_build_object('id', x.id, 'task_key', x.task_key, 'title', x.title)
      from tasks x where x.id = t.parent_id)`.as('parent'),
    sql<unknown>`coalesce((select jsonb_agg(jsonb_build_object('id', x.id, 'task_key', x.task_key, 'title', x.title,
        'status_id', x.status_id) order by x.rank, x.id)
      from tasks x where x.parent_id = t.id and x.deleted_at is null), '[]')`.as('subtasks'),
  ])

/** One task with status, people, parent and subtasks; trashed ones too. */
export const findTask = (reader: Reader, id: string) => detailed(reader).where('t.id', '=', id).executeTakeFirst()

export const findTaskByKey = (reader: Reader, projectId: string, key: string) =>
  detailed(reader).where('t.project_id', '=', projectId).where('t.task_key', '=', key.toUpperCase()).executeTakeFirst()

/** Visible tasks in board order, up to `limit` a page. */
export const boardPage = (reader: Reader, projectId: string, request: PageQuery, limit: number) =>
  page(visible(base(reader).where('t.project_id', '=', projectId)), {
    sort: sorts.board,
    id: sql`t.id`,
    request,
    filters: [projectId, 'board'],
    limit,
  })

/** Labels of visible tasks, most used first. */
export const listLabels = (reader: Reader, applicationId: string) =>
  sql<{ label: string; count: number }>`
    select min(l) as label, count(*)::int as count
      from tasks t, unnest(t.labels) l
     where t.application_id = ${applicationId} and t.deleted_at is null and t.archived_at is null
     group by lower(l) order by 2 desc, 1`
    .execute(reader)
    .then(({ rows }) => rows)
