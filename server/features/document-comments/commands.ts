// document_comment.*: decided by arrival order, as comments on tasks are.
import { isDeepStrictEqual } from 'node:util'
import type { Updateable } from 'kysely'
import { anchorAt } from '#server/content/anchor.ts'
import type { ContentNode } from '#server/content/model.ts'
import { mentionedIds } from '#server/content/text.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import type { DB } from '#server/kernel/database.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { readBody } from '../comments/body.ts'
import { requireRoom, requireThread, type Subject, writersIn } from '../comments/threads.ts'
import { readState } from '../documents/content.ts'
import { type LockedDocument, openDocument, recordIn } from '../documents/open.ts'
import { shapeIn } from '../documents/place.ts'
import { type DocumentCommentAction, documentCommentPolicy } from './policy.ts'
import { createInput, documentCommentColumns, idInput, updateInput, documentCommentRow } from './schema.ts'

const readComment = (context: WriteContext, id: string) =>
  context.tx.selectFrom('document_comments').select(documentCommentColumns).where('id', '=', id)

type Comment = NonNullable<Awaited<ReturnType<ReturnType<typeof readComment>['executeTakeFirst']>>>

const subjectOf = ({ id }: LockedDocument): Subject => ({ table: 'document_comments', column: 'document_id', id })

const touch = (context: WriteContext, document: LockedDocument): void =>
  context.touch(shapeIn(document, 'document_comments'))

const recordOf = (document: LockedDocument, comment: Comment) => ({
  ...recordIn(document),
  entityType: 'document_comment',
  entityId: comment.id,
  entityLabel: (comment.body_text || document.title).slice(0, 300),
  documentId: document.id,
})

/** What a notice about a comment says: it leads to the document. */
const noticeOf = (document: LockedDocument, comment: Comment) => ({
  title: document.title,
  message: comment.body_text,
  entity: { type: 'document', id: document.id },
  event: comment.id,
  applicationId: document.application_id ?? undefined,
  ...(document.project_id === null ? {} : { projectId: document.project_id }),
})

/** The comment and its document, locked in the order document, comment. */
const open = async (context: WriteContext, id: string, action: DocumentCommentAction) => {
  const found = await context.tx
    .selectFrom('document_comments as c')
    .innerJoin('documents as d', 'd.id', 'c.document_id')
    .select(['c.author_id', 'c.document_id', 'd.application_id', 'd.project_id', 'd.user_id'])
    .where('c.id', '=', id)
    .executeTakeFirst()
  requireLive(await decide(documentCommentPolicy, action, found, context.actor, context.access))
  const document = await openDocument(context, must(found).document_id, 'read')
  const comment = await readComment(context, id).forNoKeyUpdate().executeTakeFirst()
  if (!comment) throw notFound()
  if (comment.deleted_at) throw new AppError('comment_deleted')
  return { document, comment }
}

/** Why there is no place for a comment on a text that the document holds `seen` times. */
const absence = (seen: number): string =>
  seen === 0
    ? 'No paragraph of the document holds that text; upper and lower case differ.'
    : `The document holds that text only ${seen === 1 ? 'once' : `${seen} times`}.`

/** The columns of the anchor that a creation names; a text is looked for in the present state of the document. */
const anchorOf = async (
  context: WriteContext,
  documentId: string,
  { anchor, find }: Pick<typeof createInput._output, 'anchor' | 'find'>,
) => {
  if (anchor !== undefined) return { anchor_start: anchor.start, anchor_end: anchor.end, quote: anchor.quote }
  if (find === undefined) return {}
  const { doc } = must(await readState(context.tx, documentId))
  const { anchor: found, seen } = anchorAt(doc, find.text, find.occurrence)
  doc.destroy()
  if (!found) throw invalidAt('find', 'out_of_range', absence(seen))
  return { anchor_start: found.start, anchor_end: found.end, quote: find.text }
}

const create = defineCommand({
  name: 'document_comment.create',
  summary: 'Writes a comment on a document or on a text in it, or a reply.',
  access: 'DOCVIEW',
  input: createInput,
  output: documentCommentRow,
  limits: [{ name: 'document_comments', count: 120, seconds: 60, per: 'person' }],
  inTransactions: true,
  run: async (context, input) => {
    const document = await openDocument(context, input.document_id, 'read')
    await requireFreeId(context, 'document_comments', input.id)
    const subject = subjectOf(document)
    if (input.parent_id !== undefined) await requireThread(context, subject, input.parent_id)
    const { content, text, people } = await readBody(context, document.application_id, input)
    await requireRoom(context, subject, content)
    const comment = await context.tx
      .insertInto('document_comments')
      .values({
        id: input.id ?? uuid7(),
        application_id: document.application_id,
        user_id: document.user_id,
        document_id: document.id,
        parent_id: input.parent_id ?? null,
        author_id: context.userId,
        author_name: context.actor.displayName,
        body: JSON.stringify(content),
        body_text: text,
        ...(await anchorOf(context, document.id, input)),
      })
      .returning(documentCommentColumns)
      .executeTakeFirstOrThrow()
    const notice = noticeOf(document, comment)
    context.notify({ ...notice, type: 'mention', to: people })
    if (comment.parent_id !== null)
      context.notify({ ...notice, type: 'task_commented', to: await writersIn(context, subject, comment.parent_id) })
    context.record(recordOf(document, comment))
    touch(context, document)
    return { data: comment }
  },
})

/** Writes `set`, and says so. */
const change = async (
  context: WriteContext,
  { document, comment }: { readonly document: LockedDocument; readonly comment: Comment },
  set: Updateable<DB['document_comments']>,
) => {
  const changed = await context.tx
    .updateTable('document_comments')
    .set(set)
    .where('id', '=', comment.id)
    .returning(documentCommentColumns)
    .executeTakeFirstOrThrow()
  touch(context, document)
  return changed
}

const update = defineCommand({
  name: 'document_comment.update',
  summary: 'Rewrites one’s own comment.',
  access: 'AUTHOR',
  input: updateInput,
  output: documentCommentRow,
  inTransactions: true,
  run: async (context, input) => {
    const opened = await open(context, input.id, 'update')
    const { document, comment } = opened
    const { content, text, people } = await readBody(context, document.application_id, input)
    // jsonb has an order of keys of its own
    if (isDeepStrictEqual(content, comment.body)) return { data: comment }
    await requireRoom(context, subjectOf(document), content, comment.body)
    const before = new Set(mentionedIds(comment.body as unknown as ContentNode))
    const changed = await change(context, opened, {
      body: JSON.stringify(content),
      body_text: text,
      body_edited_at: context.stamp.editedAt,
    })
    context.notify({ ...noticeOf(document, changed), type: 'mention', to: people.filter(id => !before.has(id)) })
    context.record({ ...recordOf(document, changed), changes: { body_text: { old: comment.body_text, new: text } } })
    return { data: changed }
  },
})

const remove = defineCommand({
  name: 'document_comment.delete',
  summary: 'Leaves a tombstone: the text goes, the replies stay.',
  access: 'AUTHOR',
  input: idInput,
  output: documentCommentRow,
  inTransactions: true,
  run: async (context, input) => {
    const opened = await open(context, input.id, 'delete')
    const reply = await context.tx
      .selectFrom('document_comments')
      .select('id')
      .where('parent_id', '=', opened.comment.id)
      .limit(1)
      .executeTakeFirst()
    const changed = await change(context, opened, {
      // what replies speak of stays
      ...(reply === undefined ? { anchor_start: null, anchor_end: null, quote: null } : {}),
      body: null,
      body_text: '',
      deleted_at: context.stamp.editedAt,
      deleted_by_id: context.userId,
    })
    context.record(recordOf(opened.document, changed))
    return { data: changed }
  },
})

/** Settles a thread or takes that back; one that is so already stays as it is. */
const settle = (name: 'resolve' | 'reopen', summary: string): AnyCommand =>
  defineCommand({
    name: `document_comment.${name}`,
    summary,
    access: 'AUTHOR',
    input: idInput,
    output: documentCommentRow,
    inTransactions: true,
    run: async (context, input) => {
      const opened = await open(context, input.id, 'resolve')
      const { document, comment } = opened
      if (comment.parent_id !== null)
        throw invalidAt('id', 'reply_to_reply', 'A thread is settled as a whole: name its first comment.')
      if ((comment.resolved_at !== null) === (name === 'resolve')) return { data: comment }
      const changed = await change(
        context,
        opened,
        name === 'resolve'
          ? { resolved_at: context.stamp.editedAt, resolved_by_id: context.userId }
          : { resolved_at: null, resolved_by_id: null },
      )
      context.record(recordOf(document, changed))
      return { data: changed }
    },
  })

export const documentCommentCommands: readonly AnyCommand[] = [
  create,
  update,
  remove,
  settle('resolve', 'Settles a thread.'),
  settle('reopen', 'Opens a settled thread again.'),
]
