// Places: where folders and documents lie, their names and their order there (domain rules, sections 1.1 and 8.1).
import { sql } from 'kysely'
import type { WriteContext } from '#server/kernel/command.ts'
import type { Reader } from '#server/kernel/database.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { type PlacementRequest, place as placeAmong, type Ranked } from '#server/kernel/placement.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { byRank, freshRanks } from '#server/kernel/rank.ts'
import { type PlaceSubject, placePolicy } from './policy.ts'
import type { ScopeName } from './schema.ts'

/** A knowledge base: the columns that every row in it repeats. */
export interface Place extends PlaceSubject {
  readonly scope: ScopeName
}

type Named = { readonly scope: ScopeName; readonly scope_id?: string | undefined }

/** The id that tells one knowledge base from all others. */
export const scopeIdOf = (row: PlaceSubject): string => must(row.project_id ?? row.application_id ?? row.user_id)

/** The columns of the knowledge base that `row` lies in. */
export const placeOf = (row: PlaceSubject & { readonly scope: string }): Place => ({
  scope: row.scope as ScopeName,
  application_id: row.application_id,
  project_id: row.project_id,
  user_id: row.user_id,
})

/** The shape that holds rows of this place. */
export const shapeIn = (row: PlaceSubject, shared: string): string => {
  if (row.user_id === null) return shared
  return shared === 'document_locks' ? 'personal_locks' : `personal_${shared}`
}

/** The place that a caller names; undefined where there is none. Decides nothing. */
export const findPlace = async (
  db: Pick<Reader, 'selectFrom'>,
  { scope, scope_id: id }: Named,
  userId: string | undefined,
): Promise<Place | undefined> => {
  const none = { scope, application_id: null, project_id: null, user_id: null }
  if (scope === 'personal') {
    return userId !== undefined && (id ?? userId) === userId ? { ...none, user_id: userId } : undefined
  }
  if (scope === 'application') return { ...none, application_id: must(id) }
  const project = await db.selectFrom('projects').select('application_id').where('id', '=', must(id)).executeTakeFirst()
  return project && { ...none, application_id: project.application_id, project_id: must(id) }
}

/**
 * Everything that gives names, parents or ranks in one knowledge base takes its turn: names, depth and cycles are
 * checked on what is there.
 */
export const lockPlace = async (context: WriteContext, row: PlaceSubject): Promise<void> => {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`place/${scopeIdOf(row)}`}, 0))`.execute(context.tx)
}

/** The place that a creation names, locked; 404, 403, 409 `application_archived`. */
export const openPlace = async (context: WriteContext, named: Named): Promise<Place> => {
  const found = await findPlace(context.tx, named, context.actor.userId)
  requireLive(await decide(placePolicy, 'edit', found, context.actor, context.access))
  await lockPlace(context, must(found))
  return must(found)
}

/** Rows of `place` in a table that has its columns. */
const inPlace = (row: Place) => {
  const column = row.scope === 'personal' ? 'user_id' : row.scope === 'application' ? 'application_id' : 'project_id'
  return sql<boolean>`scope = ${row.scope} and ${sql.ref(column)} = ${scopeIdOf(row)}`
}
export { inPlace }

/** A folder that something is put into: live, of the same place; kept so until the commit. */
export const requireFolder = async (
  context: WriteContext,
  row: Place,
  folderId: string | null,
  field: 'folder_id' | 'parent_id',
): Promise<void> => {
  if (folderId === null) return
  const folder = await context.tx
    .selectFrom('document_folders')
    .select('deleted_at')
    .where('id', '=', folderId)
    .where(inPlace(row))
    .forShare()
    .executeTakeFirst()
  if (!folder) throw invalidAt(field, 'folder_foreign', 'The folder belongs to another scope.')
  if (folder.deleted_at) throw invalidAt(field, 'parent_trashed', 'The folder is in the trash.')
}

const rootId = '00000000-0000-0000-0000-000000000000'
const longest = 255

const takenBy = async (context: WriteContext, row: PlaceSubject, folderId: string | null, name: string) =>
  (
    await context.tx
      .selectFrom('place_names')
      .select('entity_id')
      .where('scope_id', '=', scopeIdOf(row))
      .where('folder_id', '=', folderId ?? rootId)
      .where('name_key', '=', sql<string>`lower(btrim(${name}))`)
      .executeTakeFirst()
  )?.entity_id

/** Names that one question tries. */
const numbersTogether = 200

const numbered = (name: string, number: number): string => {
  const tail = ` (${number})`
  return `${Array.from(name)
    .slice(0, longest - tail.length)
    .join('')}${tail}`
}

/**
 * `name`, if nothing else of this place has it; else 409 `name_taken`, or with `rename` the first free of "name (2)",
 * "name (3)", … The place is locked.
 */
export const freeName = async (
  context: WriteContext,
  row: PlaceSubject,
  wanted: { readonly folderId: string | null; readonly name: string; readonly except?: string },
  onConflict: 'reject' | 'rename' = 'reject',
): Promise<string> => {
  const holder = await takenBy(context, row, wanted.folderId, wanted.name)
  if (holder === undefined || holder === wanted.except) return wanted.name
  if (onConflict === 'reject') throw new AppError('name_taken', { details: { existing_id: holder } })
  for (let first = 2; ; first += numbersTogether) {
    const names = Array.from({ length: numbersTogether }, (_, index) => numbered(wanted.name, first + index))
    const { rows } = await sql<{ name: string }>`
      select c.name from unnest(${names}::text[]) with ordinality c(name, n)
       where not exists (select 1 from place_names p where p.scope_id = ${scopeIdOf(row)}
         and p.folder_id = ${wanted.folderId ?? rootId} and p.name_key = lower(btrim(c.name)))
       order by c.n limit 1`.execute(context.tx)
    const free = rows[0]
    if (free) return free.name
  }
}

export interface RankedList {
  readonly table: 'document_folders' | 'documents'
  readonly place: Place
  readonly folderId: string | null
}

const siblings = (context: WriteContext, { table, place, folderId }: RankedList, except: string | undefined) => {
  const parent = table === 'documents' ? 'folder_id' : 'parent_id'
  const query = context.tx
    .selectFrom(table)
    .select(['id', 'rank'])
    .where(inPlace(place))
    .where(sql<boolean>`${sql.ref(parent)} is not distinct from ${folderId}::uuid`)
    .where('deleted_at', 'is', null)
  return except === undefined ? query : query.where('id', '<>', except)
}

const rewrite = async (context: WriteContext, list: RankedList, rows: readonly Ranked[], index: number) => {
  const sorted = rows.toSorted(byRank)
  const ranks = freshRanks(sorted.length + 1, context.random)
  const mine = must(ranks.splice(index, 1)[0])
  await sql`update ${sql.table(list.table)} t set rank = v.rank
    from unnest(${sorted.map(row => row.id)}::uuid[], ${ranks}::text[]) as v(id, rank)
    where t.id = v.id`.execute(context.tx)
  return mine
}

/**
 * The rank that `request` asks for in `list`, or undefined to keep the present one. `moved`: the row comes from
 * elsewhere or is new. The place is locked.
 */
export const rankIn = async (
  context: WriteContext,
  list: RankedList,
  request: PlacementRequest & { readonly except?: string | undefined; readonly moved: boolean },
): Promise<string | undefined> => {
  const { except, moved, ...words } = request
  const anchored = words.after_id !== undefined || words.before_id !== undefined
  // without an anchor only the end of the list matters
  const query = siblings(context, list, except)
  const rows = await (anchored ? query : query.orderBy('rank', 'desc').orderBy('id', 'desc').limit(1)).execute()
  const placement = placeAmong(rows, words, moved, context.random)
  if (placement.kind === 'keep') return undefined
  if (placement.kind === 'rank') return placement.rank
  const all = anchored ? rows : await siblings(context, list, except).execute()
  return rewrite(context, list, all, anchored ? placement.index : all.length)
}
