// What an update makes of a document that was imported before: it is rewritten when its file has changed since, and the
// report says so where people have written in it too (domain rules, section 5.15).
import { createHash } from 'node:crypto'
import { contentToMarkdown } from '#server/content/markdown-write.ts'
import { AppError } from '#server/kernel/errors.ts'
import { isTypedIn, presentContent } from '../../documents/content.ts'
import type { ImportDeps, Importer, ImportNote, KnownRow, Origin } from '../importer.ts'
import type { MarkdownSource } from './folder.ts'
import type { DocumentTarget } from './import.ts'
import { readSource } from './losses.ts'

const hashOf = (text: string): string => createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex')

/** Where the document `id` came from. */
export const originOf = (target: DocumentTarget, source: MarkdownSource, id: string): Required<Origin> => ({
  containerId: target.scopeId,
  externalId: source.externalId,
  type: 'document',
  id,
  sourceHash: hashOf(source.markdown),
  fieldsHash: hashOf(JSON.stringify([source.title, source.tags])),
})

interface Present {
  readonly title: string
  readonly version: number
  /** Something is typed in it that no version has yet. */
  readonly typed: boolean
  /** Only where it was asked for. */
  readonly markdown: unknown
}

const readDocument = (deps: ImportDeps, id: string, withText: boolean): Promise<Present | undefined> =>
  deps.database.read(async reader => {
    const document = await reader
      .selectFrom('documents')
      .select(['title', 'content_version as version'])
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .executeTakeFirst()
    if (!document) return undefined
    const typed = await isTypedIn(reader, id)
    return { ...document, typed, markdown: withText ? await presentContent(reader, id, 'markdown', typed) : undefined }
  })

interface Outcome {
  readonly updated: boolean
  readonly notes: readonly ImportNote[]
}

/** Attempts to find the document as it was read; then it counts as one that people have changed. */
const mostAttempts = 3

const messages = {
  trashed: 'The file has changed; its document was thrown away and stays so.',
  fields: 'The title or the tags of the file have changed: its document keeps its own.',
  theirs: 'People wrote in the document, and it was imported before changes of files were noted: it stays as it is.',
  both: 'The file and its document were both changed: the document says what the file says, and its version history what it said before.',
} as const

/** Brings the document `before` up to its file, and says what a person has to know of it. */
export const updateDocument = async (
  deps: ImportDeps,
  importer: Importer,
  options: { readonly target: DocumentTarget; readonly source: MarkdownSource; readonly before: KnownRow },
): Promise<Outcome> => {
  const { target, source, before } = options
  const { file } = source
  const origin = originOf(target, source, before.id)
  const isSameText = before.sourceHash === origin.sourceHash
  if (isSameText && before.fieldsHash === origin.fieldsHash) return { updated: false, notes: [] }
  if (isSameText && before.fieldsHash === null) {
    await importer.run([importer.noteSource(origin, 'unread')])
    return { updated: false, notes: [] }
  }
  const isNoted = before.sourceHash !== null
  let document = await readDocument(deps, before.id, !isNoted)
  if (!document) return { updated: false, notes: [{ file, message: messages.trashed }] }
  const fieldsLeft = before.fieldsHash !== null && before.fieldsHash !== origin.fieldsHash
  const notes: ImportNote[] = fieldsLeft ? [{ file, message: messages.fields, detail: document.title }] : []
  if (isSameText) {
    await importer.run([importer.noteSource(origin, 'unread')])
    return { updated: false, notes }
  }
  const read = readSource(source)
  const markdown = isNoted ? undefined : contentToMarkdown(read.content)

  /** What `found` needs; `guarded`: only if nobody has written in it since it was read. */
  const bring = async (found: Present, guarded: boolean): Promise<Outcome> => {
    const { title: detail, version, typed } = found
    if (!isNoted) {
      if (markdown === found.markdown) {
        await importer.run([importer.noteSource(origin, guarded && !typed ? version : 'theirs')])
        return { updated: false, notes }
      }
      // written in since, and nobody knows whether the file changed: people's words count more
      if (typed || version > 1 || !guarded) {
        await importer.run([importer.noteSource(origin, 'theirs')])
        return { updated: false, notes: [...notes, { file, message: messages.theirs, detail }] }
      }
    }
    const isAlone = guarded && !typed && (!isNoted || version === before.contentVersion)
    const [written] = await importer.run([
      importer.command('document.write', {
        id: before.id,
        mode: 'replace',
        format: 'markdown',
        value: read.content,
        ...(isAlone ? { expected_content_version: version } : {}),
      }),
      importer.noteSource(origin, 'written'),
    ])
    if ((written as { readonly content_version: number }).content_version === version) return { updated: false, notes }
    const both = isAlone ? [] : [{ file, message: messages.both, detail }]
    return { updated: true, notes: [...notes, ...both, ...read.losses] }
  }

  for (let attempt = 1; ; attempt += 1) {
    try {
      return await bring(document, attempt < mostAttempts)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'version_conflict' || attempt >= mostAttempts) throw error
    }
    document = await readDocument(deps, before.id, !isNoted)
    if (!document) return { updated: false, notes: [{ file, message: messages.trashed }] }
  }
}
