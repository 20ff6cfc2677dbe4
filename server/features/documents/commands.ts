// document.create, .update, .move, .write, .merge and .duplicate (domain rules, sections 4, 7 and 8).
import { z } from 'zod'
import * as Y from 'yjs'
import { appendUpdate, jsonOf, prependUpdate, replaceUpdate, stateOf } from '#server/content/document-state.ts'
import { keepUncarried } from '#server/content/markdown-merge.ts'
import { type ContentNode, emptyContent } from '#server/content/model.ts'
import { maxUpdateDepth, UnsoundUpdate } from '#server/content/update-news.ts'
import { recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, type CommandResult, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { invalidAt } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { isEmptyChange, reference } from '#server/kernel/schemas.ts'
import { changeContent } from './change-content.ts'
import { contentFrom, readState, saveState, storedContent, writerOf } from './content.ts'
import { contentFromTemplate } from './from-template.ts'
import { mergePlace, type PlaceEdits } from './merge-place.ts'
import { type LockedDocument, openDocument, recordOf, requireUnlocked, touchDocument } from './open.ts'
import { freeName, openPlace, type Place, placeOf, rankIn, requireFolder, shapeIn } from './place.ts'
import {
  contentWrites,
  createInput,
  type DocumentSettings,
  documentColumns,
  duplicateInput,
  moveInput,
  updateInput,
  writeInput,
  documentRow,
} from './schema.ts'

/** Puts the tags into the document; 422 `tag_foreign` for one that belongs elsewhere. */
const assignTags = async (context: WriteContext, document: LockedDocument, tagIds: readonly string[]) => {
  const wanted = [...new Set(tagIds)]
  if (wanted.length === 0) return
  const owner = document.user_id === null ? 'application_id' : 'user_id'
  const tags = await context.tx
    .selectFrom('document_tags')
    .select('id')
    .where('id', 'in', wanted)
    .where(owner, '=', must(document[owner]))
    .forShare()
    .execute()
  if (tags.length < wanted.length) {
    throw invalidAt('tag_ids', 'tag_foreign', 'A tag belongs to another application or person.')
  }
  await context.tx
    .insertInto('document_tag_assignments')
    .values(
      wanted.map(tagId => ({
        id: uuid7(),
        application_id: document.application_id,
        user_id: document.user_id,
        document_id: document.id,
        tag_id: tagId,
      })),
    )
    .execute()
  context.touch(shapeIn(document, 'tag_assignments'))
}

/** Writes the row, its first state and its edit clock. The place is locked, the name free. */
const insertDocument = async (
  context: WriteContext,
  place: Place,
  wanted: {
    readonly id: string | undefined
    readonly title: string
    readonly folderId: string | null
    readonly content: ContentNode | undefined
    /** It names nobody anew. */
    readonly isCopy: boolean
    readonly tagIds: readonly string[]
  },
  settings: DocumentSettings,
): Promise<LockedDocument> => {
  const list = { table: 'documents', place, folderId: wanted.folderId } as const
  const empty = await context.tx
    .insertInto('documents')
    .values({
      id: wanted.id ?? uuid7(),
      ...place,
      folder_id: wanted.folderId,
      title: wanted.title,
      rank: must(await rankIn(context, list, { moved: true })),
      created_by_id: context.userId,
    })
    .returning(documentColumns)
    .executeTakeFirstOrThrow()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, stateOf(wanted.content ?? emptyContent))
  const content = storedContent(doc, settings.maxDocumentBytes)
  doc.destroy()
  let document = empty
  const written = { folded: [], by: writerOf(context), quiet: wanted.isCopy }
  if (wanted.content) document = await saveState(context, empty, content, written)
  else {
    const { derived: _derived, ...columns } = content
    await context.tx
      .insertInto('document_contents')
      .values({ document_id: empty.id, ...columns })
      .execute()
  }
  await assignTags(context, document, wanted.tagIds)
  startClock(context, 'document', document.id)
  touchDocument(context, document)
  context.record(recordOf(document))
  return document
}

const change = async (context: WriteContext, document: LockedDocument, edits: PlaceEdits): Promise<CommandResult> => {
  const { set, changed, superseded } = await mergePlace(
    context,
    {
      entityType: 'document',
      table: 'documents',
      row: document,
      name: { field: 'title', value: document.title },
      parent: { field: 'folder_id', value: document.folder_id },
    },
    edits,
  )
  let row = document
  if (changed.length > 0) {
    await requireUnlocked(context, document.id)
    row = await context.tx
      .updateTable('documents')
      .set(set)
      .where('id', '=', document.id)
      .returning(documentColumns)
      .executeTakeFirstOrThrow()
    touchDocument(context, document)
    context.emit({ type: 'document.changed', documentId: document.id })
  }
  recordMerge(context, recordOf(row), { changed, superseded })
  return { data: row, superseded }
}

const updates = { replace: replaceUpdate, append: appendUpdate, prepend: prependUpdate } as const

const move = defineCommand({
  name: 'document.move',
  summary: 'Moves a document to a folder of its scope, or to another place in its folder.',
  access: 'DOCEDIT',
  input: moveInput,
  output: documentRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, ['folder_id', 'after_id', 'before_id', 'rank'])) {
      throw invalidAt('', 'nothing_to_change', 'Name a folder, an anchor or a rank.')
    }
    const document = await openDocument(context, input.id, 'edit', true)
    const { folder_id: folderId, after_id, before_id, rank } = input
    return change(context, document, { parentId: folderId, anchors: { after_id, before_id, rank } })
  },
})

const update = defineCommand({
  name: 'document.update',
  summary: 'Renames a document.',
  access: 'DOCEDIT',
  input: updateInput,
  output: documentRow,
  inTransactions: true,
  run: async (context, input) => {
    if (input.title === undefined) throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    return change(context, await openDocument(context, input.id, 'edit', true), { name: input.title })
  },
})

const createCommand = (settings: DocumentSettings) =>
  defineCommand({
    name: 'document.create',
    summary: 'Makes a document, empty, with a first content, or from a template.',
    access: 'DOCEDIT',
    input: createInput,
    output: documentRow,
    limits: contentWrites,
    inTransactions: true,
    run: async (context, input) => {
      const given = input.content && contentFrom(input.content.format, input.content.value, 'content.value')
      const place = await openPlace(context, input)
      await requireFreeId(context, 'documents', input.id)
      const folderId = input.folder_id ?? null
      await requireFolder(context, place, folderId, 'folder_id')
      const title = await freeName(context, place, { folderId, name: input.title }, input.on_name_conflict)
      const content =
        input.template_id === undefined ? given : await contentFromTemplate(context, place, input.template_id, title)
      const wanted = { id: input.id, title, folderId, content, isCopy: false, tagIds: input.tag_ids ?? [] }
      return { data: await insertDocument(context, place, wanted, settings) }
    },
  })

const duplicateCommand = (settings: DocumentSettings) =>
  defineCommand({
    name: 'document.duplicate',
    summary: 'Copies the present content and the tags of a document.',
    access: 'DOCEDIT',
    input: duplicateInput,
    output: documentRow,
    limits: contentWrites,
    inTransactions: true,
    run: async (context, input) => {
      const source = await openDocument(context, input.document_id, 'edit', true)
      await requireFreeId(context, 'documents', input.id)
      const place = placeOf(source)
      const folderId = input.folder_id === undefined ? source.folder_id : input.folder_id
      await requireFolder(context, place, folderId, 'folder_id')
      const name = input.title ?? source.title
      // a copy that nobody named gets the next number
      const title = await freeName(context, place, { folderId, name }, input.title === undefined ? 'rename' : 'reject')
      const open = must(await readState(context.tx, source.id))
      const content = jsonOf(Y.encodeStateAsUpdate(open.doc))
      open.doc.destroy()
      const tags = await context.tx
        .selectFrom('document_tag_assignments')
        .select('tag_id')
        .where('document_id', '=', source.id)
        .execute()
      const wanted = { id: input.id, title, folderId, content, isCopy: true, tagIds: tags.map(row => row.tag_id) }
      return { data: await insertDocument(context, place, wanted, settings) }
    },
  })

const writeCommand = (settings: DocumentSettings) =>
  defineCommand({
    name: 'document.write',
    summary: 'Writes content: replaces what differs, or adds blocks at an end. Concurrent typing survives.',
    access: 'DOCEDIT',
    input: writeInput,
    output: documentRow,
    limits: contentWrites,
    inTransactions: true,
    run: async (context, input) => {
      const json = contentFrom(input.format, input.value, 'value')
      const document = await openDocument(context, input.id, 'edit')
      await requireUnlocked(context, document.id)
      const written = await changeContent(context, document, {
        settings,
        expected: input.expected_content_version ?? context.expectedVersion,
        compute: read => {
          const state = read()
          // what Markdown does not carry stays in the blocks that are left as they are
          return input.mode === 'replace' && input.format === 'markdown'
            ? replaceUpdate(state, keepUncarried(jsonOf(state), json))
            : updates[input.mode](state, json)
        },
        ...(input.mode === 'replace' ? { keep: 'before_replace' } : {}),
      })
      if (written.changed) context.record(recordOf(document))
      return { data: written.document }
    },
  })

/** Merges a Yjs update, for clients without a socket. Not for transactions: it carries bytes. */
export const mergeCommand = (settings: DocumentSettings): AnyCommand =>
  defineCommand({
    name: 'document.write',
    summary: 'Merges a Yjs update.',
    access: 'DOCEDIT',
    input: z.strictObject({ id: reference, update: z.instanceof(Uint8Array) }),
    output: documentRow,
    inTransactions: false,
    run: async (context, input) => {
      const document = await openDocument(context, input.id, 'edit')
      await requireUnlocked(context, document.id)
      const written = await soundly(async () =>
        changeContent(context, document, { settings, compute: () => input.update }),
      )
      if (written.changed) context.record(recordOf(document))
      return { data: written.document }
    },
  })

const soundly = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UnsoundUpdate)) throw error
    const refusal =
      error.problem === 'too_deep'
        ? invalidAt('', 'too_long', `The update nests more than ${maxUpdateDepth} levels deep.`)
        : invalidAt('', 'bad_format', 'The body is no Yjs update (version 1).')
    throw Object.assign(refusal, { cause: error })
  }
}

/** document.* but those of the trash. */
export const contentCommands = (settings: DocumentSettings): readonly AnyCommand[] => [
  createCommand(settings),
  update,
  move,
  writeCommand(settings),
  duplicateCommand(settings),
]
