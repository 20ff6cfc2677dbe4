// Reading documents: lists, one with its tags and lock, the trash, and who has something where (domain rules, 5.11).
import { type SqlBool, sql } from 'kysely'
import type { Reader } from '#server/kernel/database.ts'
import { likePattern, page, type PageQuery } from '#server/kernel/pages.ts'
import { type Caller, within } from '#server/kernel/reading.ts'
import { purgeAt } from '#server/kernel/trash.ts'
import { inPlace, type Place } from './place.ts'
import { documentColumns } from './schema.ts'

export interface DocumentFilters extends PageQuery {
  readonly folder_id?: string | undefined
  readonly tag_id: readonly string[]
  readonly search?: string | undefined
  readonly sort: 'title' | 'updated_at' | 'rank'
}

const sorts = {
  title: { by: sql`lower(d.title)`, type: 'text' },
  rank: { by: sql`d.rank`, type: 'text collate "C"' },
  // metadata or content, whichever changed later
  updated_at: { by: sql`greatest(d.updated_at, d.content_updated_at)`, type: 'timestamptz', descending: true },
} as const

/** Live documents of `place`, without content. */
export const listDocuments = (reader: Reader, place: Place, filters: DocumentFilters) => {
  let query = reader
    .selectFrom('documents as d')
    .select(documentColumns.map(column => `d.${column}` as const))
    .where(inPlace(place))
    .where('d.deleted_at', 'is', null)
  if (filters.folder_id === 'root') query = query.where('d.folder_id', 'is', null)
  else if (filters.folder_id !== undefined) query = query.where('d.folder_id', '=', filters.folder_id)
  if (filters.search !== undefined) query = query.where('d.title', 'ilike', likePattern(filters.search))
  for (const tagId of filters.tag_id) {
    query = query.where(
      sql<SqlBool>`exists (select 1 from document_tag_assignments a where a.document_id = d.id and a.tag_id = ${tagId})`,
    )
  }
  const { folder_id: folderId, tag_id: tagIds, search, sort } = filters
  return page(query, {
    sort: [sorts[sort]],
    id: sql`d.id`,
    request: filters,
    filters: [place, folderId ?? null, tagIds.toSorted(), search ?? null, sort],
  })
}

/** The tags of a document by name. */
export const tagsOf = (reader: Reader, documentId: string) =>
  reader
    .selectFrom('document_tag_assignments as a')
    .innerJoin('document_tags as t', 't.id', 'a.tag_id')
    .select(['t.id', 't.name', 't.color'])
    .where('a.document_id', '=', documentId)
    .orderBy(sql`lower(t.name)`)
    .execute()

/** Who holds the lock of a document at `now`; rows past their time count as absent. */
export const lockOf = async (reader: Reader, documentId: string, now: Date) => {
  const row = await reader
    .selectFrom('document_locks')
    .select(['holder_id', 'holder_name', 'acquired_at', 'expires_at'])
    .where('document_id', '=', documentId)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  const holder = row && {
    user_id: row.holder_id,
    name: row.holder_name,
    acquired_at: row.acquired_at,
    expires_at: row.expires_at,
  }
  return { is_locked: holder !== undefined, holder: holder ?? null }
}

/** May `userId` edit row `t`? placePolicy's `edit`, said in SQL for lists that span scopes. */
const mayEdit = (userId: string) => sql<SqlBool>`(t.user_id = ${userId} or exists (
  select 1 from application_members m
   where m.application_id = t.application_id and m.user_id = ${userId}
     and (m.role = 'owner' or (m.role = 'editor' and (t.project_id is null or exists (
       select 1 from project_members p where p.project_id = t.project_id and p.user_id = ${userId}))))))`

/** Rows `t` of which `mayEdit` has to ask at all: an index finds them. */
const nearBy = (userId: string) => sql<SqlBool>`(t.user_id = ${userId}
  or t.application_id in (select application_id from application_members where user_id = ${userId}))`

interface TrashRow {
  readonly id: string
  readonly kind: 'folder' | 'document'
  readonly name: string
  readonly scope: string
  readonly application_id: string | null
  readonly project_id: string | null
  readonly user_id: string | null
  readonly deleted_at: Date
  readonly deleted_by_id: string | null
  readonly purge_at: Date
}

const trashColumns = sql.raw('scope, application_id, project_id, user_id, deleted_at, deleted_by_id, trash_root_id')

/** What somebody deleted, newest first: of `place`, or of everything that the caller may edit. What went along is left out. */
export const listTrash = (reader: Reader, where: Place | Caller, request: PageQuery) => {
  const at = sql`t.deleted_at`
  const trashed = sql<TrashRow>`(
    select id, 'folder' as kind, name, ${trashColumns}, ${purgeAt} as purge_at
      from document_folders where trash_root_id = id and deleted_at is not null
    union all
    select id, 'document', title, ${trashColumns}, ${purgeAt}
      from documents where trash_root_id = id and deleted_at is not null)`
  const query = reader
    .selectFrom(trashed.as('t'))
    .select([
      't.id',
      't.kind',
      't.name',
      't.scope',
      't.application_id',
      't.project_id',
      't.user_id',
      't.deleted_at',
      't.deleted_by_id',
      't.purge_at',
    ])
    .where(
      'applicationIds' in where
        ? sql<SqlBool>`${nearBy(where.userId)} and ${mayEdit(where.userId)} and ${within(where, 't.application_id')}`
        : inPlace(where),
    )
  return page(query, {
    sort: [{ by: at, type: 'timestamptz', descending: true }],
    id: sql`t.id`,
    request,
    filters: ['trash', where],
  })
}

/** Where a person can look for documents. */
export const scopesOf = async (reader: Reader, caller: Caller) => {
  const { userId } = caller
  const { rows } = await sql<{ has_personal: boolean }>`
    select exists (select 1 from documents where user_id = ${userId} and deleted_at is null)
        or exists (select 1 from document_folders where user_id = ${userId} and deleted_at is null) as has_personal`.execute(
    reader,
  )
  const applications = await reader
    .selectFrom('applications as a')
    .innerJoin('application_members as m', 'm.application_id', 'a.id')
    .select(['a.id', 'a.name', 'm.role as my_role'])
    .where('m.user_id', '=', userId)
    .where(within(caller, 'a.id'))
    .orderBy(sql`lower(a.name)`)
    .orderBy('a.id')
    .execute()
  return { has_personal: caller.applicationIds === undefined && rows[0]?.has_personal === true, applications }
}

/** Projects of an application that hold a live folder or document, and whether `userId` may edit there. */
export const projectsWithContent = (reader: Reader, applicationId: string, userId: string) =>
  reader
    .selectFrom('projects as p')
    .innerJoin(
      sql<{ id: string }>`(select id, id as project_id, application_id, null::uuid as user_id from projects)`.as('t'),
      't.id',
      'p.id',
    )
    .select(['p.id as project_id', sql<boolean>`coalesce(${mayEdit(userId)}, false)`.as('can_edit')])
    .where('p.application_id', '=', applicationId)
    .where(
      sql<SqlBool>`(exists (select 1 from documents d where d.project_id = p.id and d.deleted_at is null)
        or exists (select 1 from document_folders f where f.project_id = p.id and f.deleted_at is null))`,
    )
    .orderBy('p.id')
    .execute()

/** Live locks of a place, oldest first; those of an application include its projects'. */
export const activeLocks = (
  { reader, now }: { readonly reader: Reader; readonly now: Date },
  place: Place,
  request: PageQuery,
) => {
  const query = reader
    .selectFrom('document_locks as l')
    .innerJoin('documents as d', 'd.id', 'l.document_id')
    .select([
      'l.document_id',
      'd.title',
      'd.project_id',
      'l.holder_id',
      'l.holder_name',
      'l.acquired_at',
      'l.expires_at',
    ])
    .where('l.expires_at', '>', now)
    .where(
      place.scope === 'project'
        ? sql<SqlBool>`d.project_id = ${place.project_id}`
        : place.scope === 'application'
          ? sql<SqlBool>`l.application_id = ${place.application_id}`
          : sql<SqlBool>`l.user_id = ${place.user_id}`,
    )
  return page(query, {
    sort: [{ by: sql`l.acquired_at`, type: 'timestamptz' }],
    id: sql`l.document_id`,
    request,
    filters: ['locks', place],
  })
}
