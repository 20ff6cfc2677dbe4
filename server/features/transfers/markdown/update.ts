// What an update makes of a document that was imported before: it is rewritten when its file has changed since, and the
// report says so where people have written in it too (domain rules, section 5.15).
import { createHash } from 'node:crypto'
import { contentToMarkdown } from '#server/content/markdown-write.ts'
import { isTypedIn, contentFrom, presentContent } from '../../documents/content.ts'
import type { ImportDeps, Importer, ImportNote, KnownRow, Origin } from '../importer.ts'
import type { MarkdownSource } from './folder.ts'
import type { DocumentTarget } from './import.ts'
import { lossesOf } from './losses.ts'

const hashOf = (markdown: string): string =>
  createHash('sha256').update(markdown.replaceAll('\r\n', '\n')).digest('hex')

/** Where the document `id` came from. */
export const originOf = (target: DocumentTarget, source: MarkdownSource, id: string): Required<Origin> => ({
  containerId: target.scopeId,
  externalId: source.externalId,
  type: 'document',
  id,
  sourceHash: hashOf(source.markdown),
})

const readDocument = (deps: ImportDeps, id: string) =>
  deps.database.read(async reader => {
    const document = await reader
      .selectFrom('documents')
      .select(['title', 'content_version'])
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .executeTakeFirst()
    if (!document) return undefined
    const typed = await isTypedIn(reader, id)
    return { ...document, typed, markdown: await presentContent(reader, id, 'markdown', typed) }
  })

/** Brings the document `before` up to its file, and says what a person has to know of it. */
export const updateDocument = async (
  deps: ImportDeps,
  importer: Importer,
  options: { readonly target: DocumentTarget; readonly source: MarkdownSource; readonly before: KnownRow },
): Promise<{ readonly updated: boolean; readonly notes: readonly ImportNote[] }> => {
  const { target, source, before } = options
  const { file } = source
  const origin = originOf(target, source, before.id)
  if (before.sourceHash === origin.sourceHash) return { updated: false, notes: [] }
  const document = await readDocument(deps, before.id)
  if (!document) {
    return {
      updated: false,
      notes: [{ file, message: 'The file has changed; its document was thrown away and stays so.' }],
    }
  }
  const detail = document.title
  if (before.sourceHash === null) {
    const isEqual = contentToMarkdown(contentFrom('markdown', source.markdown, 'value')) === document.markdown
    // written in since, and nobody knows whether the file changed: people's words count more
    if (isEqual || document.typed || document.content_version > 1) {
      await importer.run([importer.noteSource(origin, isEqual)])
      const message =
        'People wrote in the document, and it was imported before changes of files were noted: it stays as it is.'
      return { updated: false, notes: isEqual ? [] : [{ file, message, detail }] }
    }
  }
  const [written] = await importer.run([
    importer.command('document.write', {
      id: before.id,
      mode: 'replace',
      format: 'markdown',
      value: source.markdown,
    }),
    importer.noteSource(origin, true),
  ])
  const { content_version: version } = written as { readonly content_version: number }
  if (version === document.content_version) return { updated: false, notes: [] }
  const isAlone = !document.typed && (before.sourceHash === null || version - 1 === before.contentVersion)
  const message =
    'The file and its document were both changed: the document says what the file says, and its version history what it said before.'
  return { updated: true, notes: [...(isAlone ? [] : [{ file, message, detail }]), ...lossesOf(source)] }
}
