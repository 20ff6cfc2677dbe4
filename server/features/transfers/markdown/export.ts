// Documents of an application or a project → a folder of Markdown files, in their folder tree, with title and tags as
// front matter: what the import of Markdown reads.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import * as Y from 'yjs'
import { stringify } from 'yaml'
import { derive } from '#server/content/document-state.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError } from '#server/kernel/errors.ts'
import { readState } from '../../documents/content.ts'
import type { DocumentTarget } from './import.ts'

export interface ExportReport {
  readonly documents: number
  readonly folders: number
  /** Documents that show files: Markdown keeps their links, the files stay here. */
  readonly withFiles: number
  /** Documents of the application's projects that are not part of this export, by the project's key. */
  readonly inProjects: readonly { readonly key: string; readonly documents: number }[]
}

/** Bytes of a file's name that every file system takes, with room for a number and the ending. */
const longestName = 200

/** A title as the name of a file or folder. */
export const fileName = (title: string): string => {
  const safe = title
    .replace(/[/\\:*?"<>|\p{Cc}]/gu, '-')
    .replace(/^[. ]+|[. ]+$/g, '')
    .trim()
  let cut = safe
  while (Buffer.byteLength(cut) > longestName) cut = Array.from(cut).slice(0, -1).join('')
  return cut === '' ? 'untitled' : cut
}

/** Names that are free in their folder whatever the case of letters: the second gets " (2)". */
const namer = () => {
  const taken = new Set<string>()
  return (folder: string, name: string, ending: string): string => {
    for (let n = 1; ; n += 1) {
      const path = join(folder, `${name}${n === 1 ? '' : ` (${n})`}${ending}`)
      const key = path.toLowerCase()
      if (taken.has(key)) continue
      taken.add(key)
      return path
    }
  }
}

const readTree = (database: Database, target: DocumentTarget) =>
  database.read(async reader => {
    const column = target.scope === 'project' ? 'project_id' : 'application_id'
    const folders = await reader
      .selectFrom('document_folders')
      .select(['id', 'parent_id', 'name'])
      .where('scope', '=', target.scope)
      .where(column, '=', target.scopeId)
      .where('deleted_at', 'is', null)
      .orderBy('depth')
      .orderBy('rank')
      .orderBy('id')
      .execute()
    const documents = await reader
      .selectFrom('documents')
      .select(['id', 'folder_id', 'title'])
      .where('scope', '=', target.scope)
      .where(column, '=', target.scopeId)
      .where('deleted_at', 'is', null)
      .orderBy('rank')
      .orderBy('id')
      .execute()
    const tags = await reader
      .selectFrom('document_tag_assignments as a')
      .innerJoin('document_tags as t', 't.id', 'a.tag_id')
      .innerJoin('documents as d', 'd.id', 'a.document_id')
      .select(['a.document_id', 't.name'])
      .where('d.scope', '=', target.scope)
      .where(`d.${column}`, '=', target.scopeId)
      .orderBy('t.name')
      .execute()
    return { folders, documents, tags: Map.groupBy(tags, tag => tag.document_id) }
  })

const countInProjects = (database: Database, target: DocumentTarget): Promise<ExportReport['inProjects']> =>
  database.read(reader =>
    reader
      .selectFrom('documents as d')
      .innerJoin('projects as p', 'p.id', 'd.project_id')
      .select(['p.key', sql<number>`count(*)::int`.as('documents')])
      .where('d.application_id', '=', target.applicationId)
      .where('d.deleted_at', 'is', null)
      .groupBy('p.key')
      .orderBy('p.key')
      .execute(),
  )

type Tree = Awaited<ReturnType<typeof readTree>>

/** What lies in the folder of these names from the top; its own documents come to the top. */
const below = (tree: Tree, names: readonly string[]): Tree => {
  let root: string | null = null
  for (const name of names) {
    const found = tree.folders.find(one => one.parent_id === root && one.name.toLowerCase() === name.toLowerCase())
    if (!found) throw new AppError('bad_request', { message: `There is no folder ${names.join('/')}.` })
    root = found.id
  }
  if (root === null) return tree
  const top = root
  const inside = new Set([top])
  // parents come before their children
  for (const { id, parent_id: parentId } of tree.folders) if (parentId !== null && inside.has(parentId)) inside.add(id)
  const up = (id: string | null): string | null => (id === top ? null : id)
  return {
    ...tree,
    folders: tree.folders
      .filter(one => one.id !== top && inside.has(one.id))
      .map(one => ({ ...one, parent_id: up(one.parent_id) })),
    documents: tree.documents
      .filter(one => one.folder_id !== null && inside.has(one.folder_id))
      .map(one => ({ ...one, folder_id: up(one.folder_id) })),
  }
}

const requireEmpty = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true })
  if ((await readdir(folder)).length === 0) return
  throw new AppError('bad_request', { message: `${folder} is not empty; name a new folder, nothing is overwritten.` })
}

/**
 * Writes the live documents of `target` into `folder`, which must be empty or missing. Every member of the application
 * may read them: that the person is one is the caller's to check.
 */
export const exportMarkdown = async (
  database: Database,
  options: {
    readonly folder: string
    readonly target: DocumentTarget
    /** Names of folders from the top: only what lies in the last of them. */
    readonly path?: readonly string[] | undefined
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  },
): Promise<ExportReport> => {
  const { folders, documents, tags } = below(await readTree(database, options.target), options.path ?? [])
  await requireEmpty(options.folder)
  const freeName = namer()
  const places = new Map<string, string>()
  for (const { id, parent_id: parentId, name } of folders) {
    const path = freeName(
      parentId === null ? options.folder : (places.get(parentId) ?? options.folder),
      fileName(name),
      '',
    )
    places.set(id, path)
    await mkdir(path, { recursive: true })
  }
  let withFiles = 0
  for (const [index, { id, folder_id: folderId, title }] of documents.entries()) {
    const state = await database.read(reader => readState(reader, id))
    const content = derive(state?.doc ?? new Y.Doc())
    state?.doc.destroy()
    if (content.attachmentIds.length > 0) withFiles += 1
    const names = tags.get(id)?.map(tag => tag.name) ?? []
    const front = stringify({ title, ...(names.length > 0 ? { tags: names } : {}) })
    const path = freeName(
      (folderId === null ? undefined : places.get(folderId)) ?? options.folder,
      fileName(title),
      '.md',
    )
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, `---\n${front}---\n\n${content.markdown}${content.markdown === '' ? '' : '\n'}`, {
      flag: 'wx',
    })
    options.onProgress?.(index + 1, documents.length)
  }
  const inProjects = options.target.scope === 'application' ? await countInProjects(database, options.target) : []
  return { documents: documents.length, folders: folders.length, withFiles, inProjects }
}
