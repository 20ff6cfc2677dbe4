// The folders that imported documents lie in: found by their names from the top, or made with the first document in them.
import { sql } from 'kysely'
import { uuid7 } from '#server/kernel/ids.ts'
import type { Mutation } from '#server/kernel/mutation.ts'
import { cutTo, type ImportDeps, type Importer, type ImportNote, type KnownRow } from '../importer.ts'
import type { MarkdownSource } from './folder.ts'
import type { DocumentTarget } from './import.ts'

/** Folders below each other (domain rules, section 8.1). */
const deepest = 6
const longestName = 255

/** Names as folders may have them; what is too deep stands in the name of the last. */
export const namesOf = (source: MarkdownSource, warnings: ImportNote[]): string[] => {
  const names = source.folders.map(name => cutTo(name.trim(), longestName)).filter(name => name !== '')
  if (names.length <= deepest) return names
  warnings.push({ file: source.file, message: `It lies deeper than ${deepest} folders; the last ones became one.` })
  return [...names.slice(0, deepest - 1), cutTo(names.slice(deepest - 1).join(' - '), longestName)]
}

/** A folder, with what makes it and those above it where they are missing. */
export interface Place {
  readonly folderId: string | null
  /** To run before the document is put there, in its transaction: no folder is made that nothing comes into. */
  readonly mutations: readonly Mutation[]
  /** To be called when they ran; answers how many folders they made. */
  settle(): number
}

/** Finds folders by their names from the top; `root` begins their external ids. */
export const placeFinder = (
  deps: ImportDeps,
  importer: Importer,
  target: DocumentTarget,
  known: ReadonlyMap<string, KnownRow>,
) => {
  const settled = new Map<string, string>()
  const column = target.scope === 'project' ? 'project_id' : 'application_id'
  const find = (parentId: string | null, name: string, id: string | undefined) =>
    deps.database.read(reader =>
      reader
        .selectFrom('document_folders')
        .select('id')
        .where('scope', '=', target.scope)
        .where(column, '=', target.scopeId)
        .where('deleted_at', 'is', null)
        .where(
          sql<boolean>`(id = ${id ?? null}::uuid
            or (parent_id is not distinct from ${parentId}::uuid and lower(name) = lower(${name})))`,
        )
        .orderBy(sql`id = ${id ?? null}::uuid desc nulls last`)
        .executeTakeFirst(),
    )
  return async (names: readonly string[], root: string): Promise<Place> => {
    const places = new Map<string, string>()
    const mutations: Mutation[] = []
    let folders = 0
    let parentId: string | null = null
    let path = root
    for (const name of names) {
      path += `${name}/`
      const found: string | undefined = settled.get(path) ?? (await find(parentId, name, known.get(path)?.id))?.id
      const id: string = found ?? uuid7()
      if (found === undefined) {
        mutations.push(
          importer.command('folder.create', {
            id,
            scope: target.scope,
            scope_id: target.scopeId,
            name,
            parent_id: parentId,
            on_name_conflict: 'rename',
          }),
        )
        if (!known.has(path)) {
          mutations.push(importer.note({ containerId: target.scopeId, externalId: path, type: 'folder', id }))
        }
        folders += 1
      }
      places.set(path, id)
      parentId = id
    }
    const settle = (): number => {
      for (const [at, id] of places) settled.set(at, id)
      return folders
    }
    return { folderId: parentId, mutations, settle }
  }
}
