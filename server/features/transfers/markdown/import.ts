// Markdown files → documents with their folders and tags, one transaction a document, through the same commands as any
// other write. What was imported before is left alone (or, if asked, rewritten where its file has changed), so a second
// run adds nothing.
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { oneLine } from '../front-matter.ts'
import { createImporter, cutTo, type ImportDeps, type Importer, type ImportNote, reasonOf } from '../importer.ts'
import { type MarkdownSource, readMarkdownFolder } from './folder.ts'
import { readSource } from './losses.ts'
import { namesOf, placeFinder } from './places.ts'
import { originOf, updateDocument } from './update.ts'

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

/** Finds or makes the application's tags by name; one that cannot be made is warned of. */
const tagMaker = async (deps: ImportDeps, importer: Importer, applicationId: string, counts: { tags: number }) => {
  const rows = await deps.database.read(reader =>
    reader.selectFrom('document_tags').select(['id', 'name']).where('application_id', '=', applicationId).execute(),
  )
  const ids = new Map(rows.map(row => [row.name.toLowerCase(), row.id]))
  return async (source: MarkdownSource, warnings: ImportNote[]): Promise<string[]> => {
    const wanted: string[] = []
    for (const given of source.tags.slice(0, 50)) {
      const name = cutTo(oneLine(given), 100).trim()
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

/** Imports `sources` into `target`; what is wrong with single files stands in the report, and the rest goes on. */
export const importDocuments = async (
  deps: ImportDeps,
  importer: Importer,
  options: {
    readonly target: DocumentTarget
    readonly sources: readonly MarkdownSource[]
    /** Prefix of the external ids of folders. */
    readonly root: string
    /** Rewrites the documents of files that have changed since. */
    readonly update?: boolean | undefined
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  },
): Promise<DocumentsReport> => {
  const { target, sources } = options
  const known = await importer.known(target.scopeId)
  const counts = { created: 0, updated: 0, skipped: 0, folders: 0, tags: 0 }
  const warnings: ImportNote[] = []
  const errors: ImportNote[] = []
  const placeOf = placeFinder(deps, importer, target, known)
  const tagsOf = await tagMaker(deps, importer, target.applicationId, counts)
  const create = async (source: MarkdownSource): Promise<void> => {
    const id = uuid7()
    const read = source.markdown === '' ? undefined : readSource(source)
    const place = await placeOf(namesOf(source, warnings), options.root)
    const tagIds = await tagsOf(source, warnings)
    await importer.run([
      ...place.mutations,
      importer.command('document.create', {
        id,
        scope: target.scope,
        scope_id: target.scopeId,
        title: source.title,
        folder_id: place.folderId,
        ...(tagIds.length > 0 ? { tag_ids: tagIds } : {}),
        ...(read ? { content: { format: 'markdown', value: read.content } } : {}),
        on_name_conflict: 'rename',
      }),
      importer.note(originOf(target, source, id)),
    ])
    counts.folders += place.settle()
    counts.created += 1
    warnings.push(...(read?.losses ?? []))
  }
  for (const [index, source] of sources.entries()) {
    const before = known.get(source.externalId)
    try {
      if (before === undefined) await create(source)
      else if (!options.update) counts.skipped += 1
      else {
        const { updated, notes } = await updateDocument(deps, importer, { target, source, before })
        counts[updated ? 'updated' : 'skipped'] += 1
        warnings.push(...notes)
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
  const { sources: read, problems, left } = await readMarkdownFolder(options.folder)
  const sources = read.map(source => ({ ...source, folders: [...(options.path ?? []), ...source.folders] }))
  const { applicationId } = options.target
  const importer = await createImporter(deps, { source: 'markdown', applicationId, userId: options.userId })
  const { target, update, onProgress } = options
  const root = `${must(sources[0]?.externalId ?? '/').split('/')[0] ?? ''}/`
  const report = await importDocuments(deps, importer, { target, sources, root, update, onProgress })
  return { ...report, warnings: [...report.warnings, ...left], errors: [...problems, ...report.errors] }
}
