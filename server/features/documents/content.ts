// The content of a document in the database: state and log read together, a changed state stored with everything that is
// derived from it (domain rules, sections 8.2 to 8.4 and 8.8). The document's row is locked by the caller.
import { sql } from 'kysely'
import * as Y from 'yjs'
import { checkContent } from '#server/content/check.ts'
import { type Derived, derive, jsonOf } from '#server/content/document-state.ts'
import { contentToMarkdown } from '#server/content/markdown-write.ts'
import { markdownToContent, UnreadableMarkdown } from '#server/content/markdown.ts'
import type { OnLoss } from '#server/content/markdown-links.ts'
import type { ContentNode } from '#server/content/model.ts'
import { plainText, textToContent } from '#server/content/text.ts'
import { bringsNews } from '#server/content/update-news.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import type { Reader } from '#server/kernel/database.ts'
import { AppError, invalid, invalidAt } from '#server/kernel/errors.ts'
import { markdown } from '#server/kernel/schemas.ts'
import { check, issuesOf } from '#server/kernel/validation.ts'
import { membersAmong, saveMentions } from '../comments/mentions.ts'
import { type LockedDocument, touchDocument } from './open.ts'
import { contentBodyLimit, documentColumns } from './schema.ts'

export interface OpenState {
  /** Stored state and log merged. The caller's to change, and to destroy. */
  readonly doc: Y.Doc
  /** The log that is in it but not folded yet. */
  readonly pending: readonly string[]
}

/** The present state of a document; undefined when it is gone. */
export const readState = async (db: Pick<Reader, 'selectFrom'>, documentId: string): Promise<OpenState | undefined> => {
  // the log first: what is folded meanwhile is in the state then, and known twice is no harm
  const updates = await db
    .selectFrom('document_updates')
    .select([sql<string>`id::text`.as('id'), 'update'])
    .where('document_id', '=', documentId)
    .orderBy('document_updates.id')
    .execute()
  const stored = await db
    .selectFrom('document_contents')
    .select('ydoc')
    .where('document_id', '=', documentId)
    .executeTakeFirst()
  if (!stored) return undefined
  const doc = new Y.Doc()
  Y.applyUpdate(doc, stored.ydoc)
  for (const { update } of updates) {
    try {
      if (bringsNews(doc, update)) Y.applyUpdate(doc, update)
    } catch {
      // no state of anybody's: it must not lock everybody out, and says nothing that could be kept
    }
  }
  return { doc, pending: updates.map(row => row.id) }
}

export const formats = ['json', 'markdown', 'text', 'yjs'] as const
export type Format = (typeof formats)[number]

/** Is something typed in it that is not folded yet? */
export const isTypedIn = async (db: Pick<Reader, 'selectFrom'>, documentId: string): Promise<boolean> =>
  (await db.selectFrom('document_updates').select('id').where('document_id', '=', documentId).limit(1).execute())
    .length > 0

/** Where the contents of documents and of snapshots hold each format. */
export const columnOf = {
  json: 'content_json',
  markdown: 'content_markdown',
  text: 'content_plain',
  yjs: 'ydoc',
} as const

const valueIn = (doc: Y.Doc, format: Format) => {
  if (format === 'yjs') return Y.encodeStateAsUpdate(doc)
  const json = jsonOf(doc)
  return format === 'json' ? json : format === 'markdown' ? contentToMarkdown(json) : plainText(json)
}

/**
 * The present content of a document in one format (bytes for yjs); undefined when it is gone. Read from the one column
 * that holds it, unless something is `typed` that no column has yet.
 */
export const presentContent = async (
  db: Pick<Reader, 'selectFrom'>,
  documentId: string,
  format: Format,
  typed: boolean,
): Promise<unknown> => {
  if (!typed) {
    const stored = await db
      .selectFrom('document_contents')
      .select(`${columnOf[format]} as value`)
      .where('document_id', '=', documentId)
      .executeTakeFirst()
    return stored?.value
  }
  const state = await readState(db, documentId)
  if (!state) return undefined
  try {
    return valueIn(state.doc, format)
  } finally {
    state.doc.destroy()
  }
}

// what Postgres cannot hold, and what a client may have typed nevertheless
const storableText = (text: string): string => text.toWellFormed().replaceAll('\0', '')

const storable = (value: unknown): unknown => {
  if (typeof value === 'string') return storableText(value)
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [storableText(name), storable(inner)]))
}

/** What is stored of a state, and copied into snapshots. */
export interface StoredContent {
  readonly ydoc: Buffer
  readonly content_json: string
  readonly content_markdown: string
  readonly content_plain: string
  readonly attachment_ids: string[]
  readonly derived: Derived
}

/** The state with everything derived from it; 413 `body_too_large` beyond `maxBytes`. */
export const storedContent = (doc: Y.Doc, maxBytes: number): StoredContent => {
  const bytes = Y.encodeStateAsUpdate(doc)
  if (bytes.length > maxBytes) {
    throw new AppError('body_too_large', {
      message: 'The document has become too large; delete parts of it or begin a new one.',
      details: { limit: maxBytes },
    })
  }
  const found = derive(doc)
  const derived = { ...found, excerpt: storableText(found.excerpt) }
  return {
    ydoc: Buffer.from(bytes),
    content_json: JSON.stringify(storable(derived.json)),
    content_markdown: storableText(derived.markdown),
    content_plain: storableText(derived.plain),
    attachment_ids: [...derived.attachmentIds],
    derived,
  }
}

/** The part that goes into a row. */
export const contentColumns = ({ derived: _derived, ...columns }: StoredContent) => columns

/** Somebody who writes in documents. */
export interface Writer {
  readonly id: string
  readonly display_name: string
}

/** The person behind the command, as the one who wrote. */
export const writerOf = ({ actor }: WriteContext): readonly Writer[] =>
  actor.userId === undefined ? [] : [{ id: actor.userId, display_name: actor.displayName }]

interface Saving {
  /** Ids of the part of the log that is in the content. */
  readonly folded: readonly string[]
  /** Who wrote, the last one at last; nobody where that is not known. */
  readonly by: readonly Writer[]
  /** The text was there before: those named in it do not hear of it. */
  readonly quiet?: boolean
}

const saveNamed = async (
  context: WriteContext,
  document: LockedDocument,
  named: readonly string[],
  { by, quiet = false }: Saving,
) => {
  const { id, application_id: applicationId } = document
  // personal documents have no members to mention
  if (applicationId === null) return
  const people = await membersAmong(context, applicationId, named)
  const fresh = await saveMentions(context, { column: 'document_id', id, applicationId }, people)
  if (quiet) return
  context.notify({
    type: 'mention',
    to: fresh,
    title: document.title,
    entity: { type: 'document', id },
    applicationId,
    ...(document.project_id === null ? {} : { projectId: document.project_id }),
    by,
  })
}

/** Contributors, `added` with those that are there; each once. */
const withContributors = (added: readonly Writer[]) =>
  sql<string[]>`array(select distinct unnest(document_contents.contributor_ids || ${added.map(one => one.id)}::uuid[]))`

/** Notes who wrote what is stored already. */
export const noteWriters = async (
  context: WriteContext,
  documentId: string,
  writers: readonly Writer[],
): Promise<void> => {
  if (writers.length === 0) return
  await context.tx
    .updateTable('document_contents')
    .set({ contributor_ids: withContributors(writers) })
    .where('document_id', '=', documentId)
    .execute()
}

/**
 * Stores `content` as the document's, with exactly `folded` of the log in it; whom it names for the first time hears of
 * it. Answers the document's row as it is then.
 */
export const saveState = async (
  context: WriteContext,
  document: LockedDocument,
  content: StoredContent,
  options: Saving,
): Promise<LockedDocument> => {
  const { derived } = content
  const columns = { ...contentColumns(content), updated_at: context.now }
  await context.tx
    .insertInto('document_contents')
    .values({ document_id: document.id, ...columns, contributor_ids: options.by.map(writer => writer.id) })
    .onConflict(conflict =>
      conflict.column('document_id').doUpdateSet({ ...columns, contributor_ids: withContributors(options.by) }),
    )
    .execute()
  if (options.folded.length > 0) {
    await sql`delete from document_updates where document_id = ${document.id} and id = any(${options.folded}::bigint[])`.execute(
      context.tx,
    )
  }
  await saveNamed(context, document, derived.mentionIds, options)
  const lastId = options.by.at(-1)?.id
  const row = await context.tx
    .updateTable('documents')
    .set({
      excerpt: derived.excerpt,
      word_count: derived.wordCount,
      content_version: document.content_version + 1,
      content_updated_at: context.now,
      ...(lastId === undefined ? {} : { content_updated_by_id: lastId }),
    })
    .where('id', '=', document.id)
    .returning(documentColumns)
    .executeTakeFirstOrThrow()
  touchDocument(context, document)
  return row
}

const checked = (content: unknown, path: string): ContentNode => {
  const result = checkContent(content, 'document')
  if ('content' in result) return result.content
  throw invalid(result.problems.map(one => ({ ...one, path: one.path === '' ? path : `${path}.${one.path}` })))
}

const inside = (path: string, work: () => ContentNode): ContentNode => {
  try {
    return work()
  } catch (error) {
    if (error instanceof UnreadableMarkdown) throw invalidAt(path, 'too_long', error.message)
    throw error
  }
}

/** Content that was read from Markdown here. No value from outside is the same object. */
const readBefore = new WeakSet<object>()

/**
 * Content as a caller gives it, checked against the model; 422 with every problem at `path`. As `markdown` also what this
 * answered before: an import reads a file once, by itself, to hear `onLoss`.
 */
export const contentFrom = (
  format: 'json' | 'markdown' | 'text',
  value: unknown,
  path: string,
  onLoss?: OnLoss,
): ContentNode => {
  if (format === 'json') return checked(value, path)
  if (typeof value === 'object' && value !== null && readBefore.has(value)) return value as ContentNode
  const text = check(markdown(contentBodyLimit), value)
  if (!text.success) throw invalid(issuesOf(text.error).map(issue => ({ ...issue, path })))
  if (format === 'text') return checked(textToContent(text.data), path)
  const content = checked(
    inside(path, () => markdownToContent(text.data, 'document', onLoss)),
    path,
  )
  readBefore.add(content)
  return content
}
