// template.*: name and description merge by edit time, content is decided by arrival.
import { isDeepStrictEqual } from 'node:util'
import { contentToMarkdown } from '#server/content/markdown-write.ts'
import type { ContentNode } from '#server/content/model.ts'
import { fieldEdits, mergeRow, recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { invalidAt } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import type { UnitEdit } from '#server/kernel/merge.ts'
import { must } from '#server/kernel/must.ts'
import { decide } from '#server/kernel/policy.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import { contentFrom, isTypedIn, presentContent } from '../documents/content.ts'
import { forgetClocks, recordIn } from '../documents/open.ts'
import { openOwned, placeOfOwner, requireFreeName, requireRoom } from '../documents/owned.ts'
import { openPlace, shapeIn } from '../documents/place.ts'
import { placePolicy, type PlaceSubject } from '../documents/policy.ts'
import { contentWrites } from '../documents/schema.ts'
import { createInput, idInput, templateColumns, updateInput, templateRow } from './schema.ts'

/** Of an application or a person. */
const templateLimit = 200
/** Bytes, as JSON: every client of the application keeps all of its templates. */
const contentBytes = 256 * 1024
/** Characters of a content that the activity keeps: as many as of the longest other text. */
const recordedLength = 102_400

const readTemplate = (context: WriteContext, id: string) =>
  context.tx.selectFrom('document_templates').select(templateColumns).where('id', '=', id)

type Template = NonNullable<Awaited<ReturnType<ReturnType<typeof readTemplate>['executeTakeFirst']>>>

const recordOf = (template: Template) => ({
  ...recordIn(placeOfOwner(template)),
  entityType: 'template',
  entityId: template.id,
  entityLabel: template.name,
})

const touch = (context: WriteContext, row: PlaceSubject): void => context.touch(shapeIn(row, 'document_templates'))

/** What is stored of `content`; 422 `too_long`. */
const stored = (content: ContentNode, path: string) => {
  const json = JSON.stringify(content)
  if (Buffer.byteLength(json) > contentBytes)
    throw invalidAt(path, 'too_long', `The content of a template has at most ${contentBytes / 1024} KiB as JSON.`)
  return { content_json: json, content_markdown: contentToMarkdown(content) }
}

/** The present content of a document that the caller may read, checked as any other. */
const contentOf = async (context: WriteContext, documentId: string): Promise<ContentNode> => {
  const document = await context.tx
    .selectFrom('documents')
    .select(['application_id', 'project_id', 'user_id'])
    .where('id', '=', documentId)
    .executeTakeFirst()
  await decide(placePolicy, 'read', document, context.actor, context.access)
  const typed = await isTypedIn(context.tx, documentId)
  return contentFrom('json', await presentContent(context.tx, documentId, 'json', typed), 'document_id')
}

const create = defineCommand({
  name: 'template.create',
  summary: 'Makes a template of documents, from a content or from what a document holds.',
  access: 'DOCEDIT',
  input: createInput,
  output: templateRow,
  limits: contentWrites,
  inTransactions: true,
  run: async (context, input) => {
    const { document_id: documentId } = input
    const columns =
      documentId === undefined
        ? stored(contentFrom(must(input.content).format, must(input.content).value, 'content.value'), 'content.value')
        : stored(await contentOf(context, documentId), 'document_id')
    const owner = await openPlace(context, input)
    await requireFreeId(context, 'document_templates', input.id)
    await requireRoom(context, 'document_templates', owner, templateLimit)
    await requireFreeName(context, 'document_templates', owner, input)
    const template = await context.tx
      .insertInto('document_templates')
      .values({
        id: input.id ?? uuid7(),
        application_id: owner.application_id,
        user_id: owner.user_id,
        name: input.name,
        description: input.description ?? null,
        ...columns,
        created_by_id: context.userId,
      })
      .returning(templateColumns)
      .executeTakeFirstOrThrow()
    startClock(context, 'template', template.id)
    touch(context, owner)
    context.record(recordOf(template))
    return { data: template }
  },
})

/** What the activity says of a rewritten content. */
const contentEdit = (before: Template, after: Pick<Template, 'content_markdown'>): UnitEdit => {
  const [current, value] = [before, after].map(row => row.content_markdown.slice(0, recordedLength).toWellFormed())
  return { unit: 'content_markdown', field: 'content_markdown', value, current }
}

const update = defineCommand({
  name: 'template.update',
  summary: 'Renames, describes or rewrites a template.',
  access: 'DOCEDIT',
  input: updateInput,
  output: templateRow,
  limits: contentWrites,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, ['name', 'description', 'content'])) {
      throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    }
    const content = input.content && contentFrom(input.content.format, input.content.value, 'content.value')
    const columns = content && stored(content, 'content.value')
    const template = await openOwned(context, readTemplate(context, input.id))
    const merged = await mergeRow(context, 'template', template, fieldEdits(input, template, ['name', 'description']))
    // jsonb has an order of keys of its own
    const rewritten = isDeepStrictEqual(content ?? template.content_json, template.content_json) ? undefined : columns
    const changed = [...merged.changed, ...(rewritten ? [contentEdit(template, rewritten)] : [])]
    let row = template
    if (changed.length > 0) {
      const set: Record<string, unknown> = {
        ...rewritten,
        ...Object.fromEntries(merged.changed.map(edit => [edit.field, edit.value])),
      }
      if (typeof set.name === 'string') {
        await requireFreeName(context, 'document_templates', template, { name: set.name, except: template.id })
      }
      row = await context.tx
        .updateTable('document_templates')
        .set(set)
        .where('id', '=', template.id)
        .returning(templateColumns)
        .executeTakeFirstOrThrow()
      touch(context, placeOfOwner(template))
    }
    recordMerge(context, recordOf(row), { changed, superseded: merged.superseded })
    return { data: row, superseded: merged.superseded }
  },
})

const remove = defineCommand({
  name: 'template.delete',
  summary: 'Deletes a template; documents that were made from it stay.',
  access: 'DOCEDIT',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const template = await openOwned(context, readTemplate(context, input.id))
    await forgetClocks(context, 'template', [template.id])
    await context.tx.deleteFrom('document_templates').where('id', '=', template.id).execute()
    touch(context, placeOfOwner(template))
    context.record(recordOf(template))
    return { data: { id: template.id } }
  },
})

export const templateCommands: readonly AnyCommand[] = [create, update, remove]
