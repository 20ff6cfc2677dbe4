// tag.* (domain rules, sections 4 and 7). Tags belong to an application or to a person.
import { fieldEdits, mergeRow, recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { invalidAt } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import { forgetClocks, openDocument, recordIn, recordOf as recordOfDocument } from '../documents/open.ts'
import { ofOwner, openOwned, placeOfOwner, requireFreeName, requireRoom } from '../documents/owned.ts'
import { openPlace, shapeIn } from '../documents/place.ts'
import {
  assignInput,
  assignmentColumns,
  createInput,
  idInput,
  tagColumns,
  updateInput,
  assignmentRow,
  tagRow,
  unassigned,
} from './schema.ts'

const tagLimit = 500

const readTag = (context: WriteContext, id: string) =>
  context.tx.selectFrom('document_tags').select(tagColumns).where('id', '=', id)

type Tag = NonNullable<Awaited<ReturnType<ReturnType<typeof readTag>['executeTakeFirst']>>>

const recordOf = (tag: Tag) => ({
  ...recordIn(placeOfOwner(tag)),
  entityType: 'tag',
  entityId: tag.id,
  entityLabel: tag.name,
})

const create = defineCommand({
  name: 'tag.create',
  summary: 'Makes a tag.',
  access: 'DOCEDIT',
  input: createInput,
  output: tagRow,
  inTransactions: true,
  run: async (context, input) => {
    const owner = await openPlace(context, input)
    await requireFreeId(context, 'document_tags', input.id)
    await requireRoom(context, 'document_tags', owner, tagLimit)
    await requireFreeName(context, 'document_tags', owner, input)
    const tag = await context.tx
      .insertInto('document_tags')
      .values({
        id: input.id ?? uuid7(),
        application_id: owner.application_id,
        user_id: owner.user_id,
        name: input.name,
        color: input.color ?? null,
      })
      .returning(tagColumns)
      .executeTakeFirstOrThrow()
    startClock(context, 'tag', tag.id)
    context.touch(shapeIn(owner, 'tags'))
    context.record(recordOf(tag))
    return { data: tag }
  },
})

const update = defineCommand({
  name: 'tag.update',
  summary: 'Renames or recolours a tag.',
  access: 'DOCEDIT',
  input: updateInput,
  output: tagRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, ['name', 'color'])) {
      throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    }
    const tag = await openOwned(context, readTag(context, input.id))
    const merged = await mergeRow(context, 'tag', tag, fieldEdits(input, tag, ['name', 'color']))
    let row = tag
    if (merged.changed.length > 0) {
      const set = Object.fromEntries(merged.changed.map(edit => [edit.field, edit.value]))
      if (typeof set.name === 'string')
        await requireFreeName(context, 'document_tags', tag, { name: set.name, except: tag.id })
      row = await context.tx
        .updateTable('document_tags')
        .set(set)
        .where('id', '=', tag.id)
        .returning(tagColumns)
        .executeTakeFirstOrThrow()
      context.touch(shapeIn(placeOfOwner(tag), 'tags'))
    }
    recordMerge(context, recordOf(row), merged)
    return { data: row, superseded: merged.superseded }
  },
})

const remove = defineCommand({
  name: 'tag.delete',
  summary: 'Deletes a tag and takes it off every document.',
  access: 'DOCEDIT',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const tag = await openOwned(context, readTag(context, input.id))
    await forgetClocks(context, 'tag', [tag.id])
    await context.tx.deleteFrom('document_tags').where('id', '=', tag.id).execute()
    context.touch(shapeIn(placeOfOwner(tag), 'tags'), shapeIn(placeOfOwner(tag), 'tag_assignments'))
    context.record(recordOf(tag))
    return { data: { id: tag.id } }
  },
})

const assign = defineCommand({
  name: 'tag.assign',
  summary: 'Puts a tag on a document.',
  access: 'DOCEDIT',
  input: assignInput,
  output: assignmentRow,
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.document_id, 'edit')
    const tag = await readTag(context, input.tag_id).where(ofOwner(document)).forShare().executeTakeFirst()
    if (!tag) throw invalidAt('tag_id', 'tag_foreign', 'The tag belongs to another application or person.')
    const { id, application_id, user_id } = document
    const made = await context.tx
      .insertInto('document_tag_assignments')
      .values({ id: uuid7(), application_id, user_id, document_id: id, tag_id: tag.id })
      .onConflict(conflict => conflict.columns(['document_id', 'tag_id']).doNothing())
      .returning(assignmentColumns)
      .executeTakeFirst()
    if (made) {
      context.touch(shapeIn(document, 'tag_assignments'))
      context.record({ ...recordOfDocument(document), changes: { tag: { old: null, new: tag.name } } })
      return { data: made }
    }
    const present = await context.tx
      .selectFrom('document_tag_assignments')
      .select(assignmentColumns)
      .where('document_id', '=', id)
      .where('tag_id', '=', tag.id)
      .executeTakeFirst()
    return { data: must(present) }
  },
})

const unassign = defineCommand({
  name: 'tag.unassign',
  summary: 'Takes a tag off a document.',
  access: 'DOCEDIT',
  input: assignInput,
  output: unassigned,
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.document_id, 'edit')
    const tag = await readTag(context, input.tag_id).where(ofOwner(document)).executeTakeFirst()
    if (!tag) throw invalidAt('tag_id', 'tag_foreign', 'The tag belongs to another application or person.')
    const gone = await context.tx
      .deleteFrom('document_tag_assignments')
      .where('document_id', '=', document.id)
      .where('tag_id', '=', tag.id)
      .returning('id')
      .executeTakeFirst()
    if (gone) {
      context.touch(shapeIn(document, 'tag_assignments'))
      context.record({ ...recordOfDocument(document), changes: { tag: { old: tag.name, new: null } } })
    }
    return { data: { id: gone?.id ?? null, document_id: document.id, tag_id: tag.id } }
  },
})

export const tagCommands: readonly AnyCommand[] = [create, update, remove, assign, unassign]
