// The folders of one scope as a tree, with what lies in each (domain rules, section 5.11).
import { sql } from 'kysely'
import type { Reader } from '#server/kernel/database.ts'
import { inPlace, type Place } from '../documents/place.ts'
import { folderColumns } from './schema.ts'

const flat = (reader: Reader, place: Place) =>
  reader
    .selectFrom('document_folders as f')
    .select(folderColumns.map(column => `f.${column}` as const))
    .select(
      sql<number>`(select count(*)::int from documents d where d.folder_id = f.id and d.deleted_at is null)`.as(
        'document_count',
      ),
    )
    .where(inPlace(place))
    .where('f.deleted_at', 'is', null)
    .orderBy('f.rank')
    .orderBy('f.id')
    .execute()

type Row = Awaited<ReturnType<typeof flat>>[number]
export type TreeNode = Row & { readonly children: TreeNode[] }

/** Live folders, nested in order, and the number of documents at the root. */
export const folderTree = async (reader: Reader, place: Place) => {
  const nodes = (await flat(reader, place)).map((row): TreeNode => ({ ...row, children: [] }))
  const byId = new Map(nodes.map(node => [node.id, node]))
  const folders: TreeNode[] = []
  for (const node of nodes) {
    const above = node.parent_id === null ? folders : byId.get(node.parent_id)?.children
    above?.push(node)
  }
  const { count } = await reader
    .selectFrom('documents')
    .select(sql<number>`count(*)::int`.as('count'))
    .where(inPlace(place))
    .where('folder_id', 'is', null)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  return { folders, unfiled: { document_count: count } }
}
