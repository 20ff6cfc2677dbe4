// The trash of the knowledge base: what goes there together comes back together (domain rules, sections 4 and 8.9).
// Folders and documents alike; `root` is the row whose deletion took the others along.
import { sql } from 'kysely'
import { changesOf, mergeRow } from '#server/kernel/clocks.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Superseded } from '#server/kernel/merge.ts'
import { among, foreignLocks, forgetClocks, recordIn, recordOf, touchDocument } from './open.ts'
import { scopeIdOf, shapeIn } from './place.ts'
import type { PlaceSubject } from './policy.ts'
import { documentColumns } from './schema.ts'

type Row = PlaceSubject & { readonly id: string; readonly deleted_at: Date | null }
type FolderRow = Row & { readonly name: string; readonly parent_id: string | null }
type DocumentRow = Row & { readonly title: string; readonly folder_id: string | null }

/** Rows that go or come together. */
export interface Lot {
  readonly folders: readonly FolderRow[]
  readonly documents: readonly DocumentRow[]
}

const folderColumns = ['id', 'name', 'parent_id', 'application_id', 'project_id', 'user_id', 'deleted_at'] as const

/** A folder with everything below it that `condition` (on deleted_at, trash_root_id) selects, locked in id order. */
export const lotBelow = async (
  context: WriteContext,
  folder: { readonly id: string; readonly path: string },
  condition: { readonly live: true } | { readonly trashRoot: string },
): Promise<Lot> => {
  const selected =
    'live' in condition
      ? sql<boolean>`deleted_at is null`
      : sql<boolean>`trash_root_id = ${condition.trashRoot} and deleted_at is not null`
  // the root of a lot takes everything that went with it, wherever it was moved meanwhile
  const whole = 'trashRoot' in condition && condition.trashRoot === folder.id
  const below = sql<boolean>`path like ${`${folder.path}%`}`
  const folders = await context.tx
    .selectFrom('document_folders')
    .select(folderColumns)
    .where(selected)
    .where(whole ? sql<boolean>`true` : below)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  const documents = await context.tx
    .selectFrom('documents')
    .select(documentColumns)
    .where(selected)
    .where(
      whole
        ? sql<boolean>`true`
        : sql<boolean>`folder_id in (select f.id from document_folders f where f.path like ${`${folder.path}%`})`,
    )
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  return { folders, documents }
}

const recordFolder = (folder: FolderRow) => ({
  ...recordIn(folder),
  entityType: 'folder',
  entityId: folder.id,
  entityLabel: folder.name,
})

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(row => row.id)

const announce = (context: WriteContext, { folders, documents }: Lot): void => {
  for (const folder of folders) context.touch(shapeIn(folder, 'folders'))
  for (const document of documents) {
    touchDocument(context, document)
    context.emit({ type: 'document.changed', documentId: document.id })
  }
}

const record = (context: WriteContext, lot: Lot, deletedAt: Date | null): void => {
  const changes = (row: Row) => ({ deleted_at: { old: row.deleted_at, new: deletedAt } })
  for (const folder of lot.folders) context.record({ ...recordFolder(folder), changes: changes(folder) })
  for (const document of lot.documents) context.record({ ...recordOf(document), changes: changes(document) })
}

const set = async (context: WriteContext, lot: Lot, values: Record<string, unknown>): Promise<void> => {
  for (const [table, rows] of [
    ['document_folders', lot.folders],
    ['documents', lot.documents],
  ] as const) {
    if (rows.length > 0)
      await context.tx
        .updateTable(table)
        .set(values)
        .where(among('id', idsOf(rows)))
        .execute()
  }
}

/** The root's own unit `deleted_at`, decided by edit time; a loss is recorded here. */
const decideRoot = async (
  context: WriteContext,
  entityType: 'folder' | 'document',
  root: Row & { readonly version: number; readonly created_at: Date },
  value: Date | null,
  label: Parameters<WriteContext['record']>[0],
): Promise<{ readonly wins: boolean; readonly superseded: readonly Superseded[] }> => {
  const merged = await mergeRow(context, entityType, root, [
    { unit: 'deleted_at', field: 'deleted_at', value, current: root.deleted_at },
  ])
  const wins = changesOf(merged.changed).deleted_at !== undefined
  if (merged.superseded.length > 0) context.record({ ...label, superseded: merged.superseded })
  return { wins, superseded: merged.superseded }
}

interface Root {
  readonly entityType: 'folder' | 'document'
  readonly row: Row & { readonly version: number; readonly created_at: Date; readonly trash_root_id: string | null }
  readonly label: Parameters<WriteContext['record']>[0]
}

/** Puts `lot` into the trash. 409 `locked` while somebody else holds the lock of one of its documents. */
export const putAway = async (context: WriteContext, root: Root, lot: () => Promise<Lot>) => {
  const deletedAt = context.stamp.editedAt
  const { wins, superseded } = await decideRoot(context, root.entityType, root.row, deletedAt, root.label)
  if (!wins) return superseded
  const going = await lot()
  const locks = await foreignLocks(context, idsOf(going.documents))
  if (locks.length > 0) {
    throw new AppError('locked', { details: { document_ids: locks.map(lock => lock.document_id) } })
  }
  await set(context, going, {
    deleted_at: deletedAt,
    deleted_by_id: context.actor.userId ?? null,
    trash_root_id: root.row.id,
  })
  if (going.documents.length > 0) {
    const freed = await context.tx
      .deleteFrom('document_locks')
      .where(among('document_id', idsOf(going.documents)))
      .returning(['application_id', 'user_id'])
      .execute()
    for (const lock of freed) context.touch(shapeIn({ ...lock, project_id: null }, 'document_locks'))
  }
  announce(context, going)
  record(context, going, deletedAt)
  return superseded
}

/** Whatever lay in a folder that is not there any more goes to the root of its scope. */
const detach = async (context: WriteContext, lot: Lot): Promise<void> => {
  const coming = idsOf(lot.folders)
  const gone = (column: string) =>
    sql<boolean>`${sql.ref(column)} in (select f.id from document_folders f
      where f.deleted_at is not null and not f.id = any(${coming}::uuid[]))`
  if (coming.length > 0) {
    await context.tx
      .updateTable('document_folders')
      .set({ parent_id: null })
      .where(among('id', coming))
      .where(gone('parent_id'))
      .execute()
  }
  if (lot.documents.length > 0) {
    await context.tx
      .updateTable('documents')
      .set({ folder_id: null })
      .where(among('id', idsOf(lot.documents)))
      .where(gone('folder_id'))
      .execute()
  }
}

const requireFreeNames = async (context: WriteContext, root: PlaceSubject, lot: Lot): Promise<void> => {
  const { rows } = await sql<{ entity_id: string }>`
    select p.entity_id from place_names p join (
      select parent_id as folder_id, name from document_folders where id = any(${idsOf(lot.folders)}::uuid[])
      union all select folder_id, title from documents where id = any(${idsOf(lot.documents)}::uuid[])) r
        on p.folder_id = coalesce(r.folder_id, '00000000-0000-0000-0000-000000000000')
       and p.name_key = lower(btrim(r.name))
     where p.scope_id = ${scopeIdOf(root)} limit 1`.execute(context.tx)
  const holder = rows[0]
  if (holder) throw new AppError('name_taken', { details: { existing_id: holder.entity_id } })
}

/** Brings `lot` back. 409 `not_in_trash`; 409 `name_taken` when a name of it has been given away meanwhile. */
export const bringBack = async (context: WriteContext, root: Root, lot: () => Promise<Lot>) => {
  if (root.row.deleted_at === null) throw new AppError('not_in_trash')
  const { wins, superseded } = await decideRoot(context, root.entityType, root.row, null, root.label)
  if (!wins) return superseded
  const coming = await lot()
  await detach(context, coming)
  await requireFreeNames(context, root.row, coming)
  await set(context, coming, { deleted_at: null, deleted_by_id: null, trash_root_id: null })
  announce(context, coming)
  record(context, coming, null)
  return superseded
}

/** Deletes `lot` from the trash for good, with content, snapshots, tags and history. */
export const purge = async (context: WriteContext, lot: Lot): Promise<void> => {
  const folders = idsOf(lot.folders)
  const documents = idsOf(lot.documents)
  await forgetClocks(context, 'folder', folders)
  await forgetClocks(context, 'document', documents)
  if (documents.length > 0) {
    await context.tx.deleteFrom('activities').where(among('document_id', documents)).execute()
    await context.tx.deleteFrom('documents').where(among('id', documents)).execute()
  }
  if (folders.length > 0) {
    // what went into the trash on its own stays there
    await sql`update document_folders set parent_id = null
      where parent_id = any(${folders}::uuid[]) and not id = any(${folders}::uuid[])`.execute(context.tx)
    await sql`update documents set folder_id = null where folder_id = any(${folders}::uuid[])`.execute(context.tx)
    await context.tx.deleteFrom('document_folders').where(among('id', folders)).execute()
  }
  announce(context, lot)
  for (const folder of lot.folders) context.record(recordFolder(folder))
  for (const document of lot.documents) {
    context.record({ ...recordOf(document), documentId: undefined })
    context.touch(shapeIn(document, 'tag_assignments'))
  }
}
