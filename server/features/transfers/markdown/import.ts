// Markdown files → documents with their folders and tags, one transaction a document, through the same commands as any
// other write. What was imported before is left alone (or rewritten, if asked), so a second run adds nothing.
import { sql } from 'kysely'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { createImporter, type ImportDeps, type Importer, type ImportNote, reasonOf } from '../importer.ts'
import { type MarkdownSource, readMarkdownFolder } from './folder.ts'

/** Where documents go: an application's own ones, or a project's. */
export interface DocumentTarget {
  readonly scope: 'application' | 'project'
  readonly scopeId: string
  readonly applicationId: string
}

export interface DocumentsReport {
  readonly created: number
  readonly updated: number
  readonly skipped: number
  readonly folders: number
  readonly tags: number
  readonly warnings: readonly ImportNote[]
  readonly errors: readonly ImportNote[]
}

/** Folders below each other (domain rules, section 8.1). */
const deepest = 6
const longestName = 255

type Counts = { folders: number; tags: number }

/** Names as folders may have them; what is too deep stands in the name of the last. */
const namesOf = (source: MarkdownSource, warnings: ImportNote[]): string[] => {
  const names = source.folders.map(name => name.trim().slice(0, longestName)).filter(name => name !== '')
  if (names.length <= deepest) return names
  warnings.push({ file: source.file, message: `It lies deeper than ${deepest} folders; the last ones became one.` })
  return [
    ...names.slice(0, deepest - 1),
    names
      .slice(deepest - 1)
      .join(' - ')
      .slice(0, longestName),
  ]
}

/** Finds or makes folders by their names from the top. */
const folderMaker = (
  deps: ImportDeps,
  importer: Importer,
  target: DocumentTarget,
  known: ReadonlyMap<string, string>,
  counts: Counts,
) => {
  const made = new Map<string, string>()
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
  return async (names: readonly string[], root: string): Promise<string | null> => {
    let parentId: string | null = null
    let path = root
    for (const name of names) {
      path += `${name}/`
      const before = made.get(path)
      if (before !== undefined) {
        parentId = before
        continue
      }
      const found = await find(parentId, name, known.get(path))
      const id: string = found?.id ?? uuid7()
      if (!found) {
        await importer.run([
          importer.command('folder.create', {
            id,
            scope: target.scope,
            scope_id: target.scopeId,
            name,
            parent_id: parentId,
            on_name_conflict: 'rename',
          }),
          ...(known.has(path) ? [] : [importer.note(target.scopeId, path, 'folder', id)]),
        ])
        counts.folders += 1
      }
      made.set(path, id)
      parentId = id
    }
    return parentId
  }
}

/** Finds or makes the application's tags by name; one that cannot be made is warned of. */
const tagMaker = async (deps: ImportDeps, importer: Importer, applicationId: string, counts: Counts) => {
  const rows = await deps.database.read(reader =>
    reader.selectFrom('document_tags').select(['id', 'name']).where('application_id', '=', applicationId).execute(),
  )
  const ids = new Map(rows.map(row => [row.name.toLowerCase(), row.id]))
  return async (source: MarkdownSource, warnings: ImportNote[]): Promise<string[]> => {
    const wanted: string[] = []
    for (const given of source.tags.slice(0, 50)) {
      const name = given.replace(/\s+/g, ' ').slice(0, 100).trim()
      const key = name.toLowerCase()
      if (!ids.has(key)) {
        const id = uuid7()
        try {
          await importer.run([
            importer.command('tag.create', { id, scope: 'application', scope_id: applicationId, name }),
          ])
          ids.set(key, id)
          counts.tags += 1
        } catch (error) {
          warnings.push({ file: source.file, message: `The tag ${name} cannot be made: ${reasonOf(error)}` })
          continue
        }
      }
      wanted.push(must(ids.get(key)))
    }
    return [...new Set(wanted)]
  }
}

const contentVersion = async (deps: ImportDeps, id: string): Promise<number | undefined> =>
  (
    await deps.database.read(reader =>
      reader.selectFrom('documents').select('content_version').where('id', '=', id).executeTakeFirst(),
    )
  )?.content_version

/** Imports `sources` into `target`; what is wrong with single files stands in the report, and the rest goes on. */
export const importDocuments = async (
  deps: ImportDeps,
  importer: Importer,
  options: {
    readonly target: DocumentTarget
    readonly sources: readonly MarkdownSource[]
    /** Prefix of the external ids of folders. */
    readonly root: string
    /** Rewrites what was imported before, if it differs. */
    readonly update?: boolean | undefined
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  },
): Promise<DocumentsReport> => {
  const { target, sources } = options
  const known = await importer.known(target.scopeId)
  const counts = { created: 0, updated: 0, skipped: 0, folders: 0, tags: 0 }
  const warnings: ImportNote[] = []
  const errors: ImportNote[] = []
  const folderOf = folderMaker(deps, importer, target, known, counts)
  const tagsOf = await tagMaker(deps, importer, target.applicationId, counts)
  for (const [index, source] of sources.entries()) {
    const before = known.get(source.externalId)
    const content = { format: 'markdown', value: source.markdown }
    try {
      if (before !== undefined && !options.update) counts.skipped += 1
      else if (before !== undefined) {
        const version = await contentVersion(deps, before)
        const [written] = await importer.run([
          importer.command('document.write', { id: before, mode: 'replace', ...content }),
        ])
        const same = (written as { content_version?: number }).content_version === version
        counts[same ? 'skipped' : 'updated'] += 1
      } else {
        const id = uuid7()
        const folderId = await folderOf(namesOf(source, warnings), options.root)
        const tagIds = await tagsOf(source, warnings)
        await importer.run([
          importer.command('document.create', {
            id,
            scope: target.scope,
            scope_id: target.scopeId,
            title: source.title,
            folder_id: folderId,
            ...(tagIds.length > 0 ? { tag_ids: tagIds } : {}),
            ...(source.markdown === '' ? {} : { content }),
            on_name_conflict: 'rename',
          }),
          importer.note(target.scopeId, source.externalId, 'document', id),
        ])
        counts.created += 1
      }
    } catch (error) {
      errors.push({ file: source.file, message: reasonOf(error) })
    }
    options.onProgress?.(index + 1, sources.length)
  }
  return { ...counts, warnings, errors }
}

/** Imports the Markdown files of a folder. Rejects when it is none, or when the person does not exist. */
export const importMarkdown = async (
  deps: ImportDeps,
  options: {
    readonly folder: string
    readonly target: DocumentTarget
    readonly userId: string
    /** Names of folders from the top, made where they are missing: the documents go into the last of them. */
    readonly path?: readonly string[] | undefined
    readonly update?: boolean | undefined
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  },
): Promise<DocumentsReport> => {
  const { sources: read, problems, otherFiles } = await readMarkdownFolder(options.folder)
  const sources = read.map(source => ({ ...source, folders: [...(options.path ?? []), ...source.folders] }))
  const { applicationId } = options.target
  const importer = await createImporter(deps, { source: 'markdown', applicationId, userId: options.userId })
  const { target, update, onProgress } = options
  const root = `${must(sources[0]?.externalId ?? '/').split('/')[0] ?? ''}/`
  const report = await importDocuments(deps, importer, { target, sources, root, update, onProgress })
  const left =
    otherFiles === 0
      ? []
      : [{ file: options.folder, message: `${otherFiles} files that are no Markdown stay outside.` }]
  return { ...report, warnings: [...report.warnings, ...left], errors: [...problems, ...report.errors] }
}
