// comment.* (domain rules, section 4). Comments are decided by arrival order, not merged.
import { isDeepStrictEqual } from 'node:util'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { involvedIn, noticeAbout } from '../tasks/notices.ts'
import { type LockedTask, openTask } from '../tasks/open.ts'
import { readBody } from './body.ts'
import { type MentionSource, saveMentions } from './mentions.ts'
import { commentPolicy } from './policy.ts'
import { commentColumns, createInput, deleteInput, updateInput, commentRow } from './schema.ts'
import { requireRoom, requireThread, type Subject, writersIn } from './threads.ts'

const sourceOf = (comment: { readonly id: string; readonly application_id: string }): MentionSource => ({
  column: 'comment_id',
  id: comment.id,
  applicationId: comment.application_id,
})

const subjectOf = ({ id }: LockedTask): Subject => ({ table: 'comments', column: 'task_id', id })

const recordOf = (comment: {
  readonly id: string
  readonly application_id: string
  readonly project_id: string
  readonly task_id: string
  readonly body_text: string
}) => ({
  entityType: 'comment',
  entityId: comment.id,
  entityLabel: comment.body_text.slice(0, 300),
  applicationId: comment.application_id,
  projectId: comment.project_id,
  taskId: comment.task_id,
})

/** What a notice about a comment says. */
const noticeOf = (comment: { readonly id: string; readonly body_text: string }, task: LockedTask) => ({
  ...noticeAbout(task),
  entity: { type: 'comment', id: comment.id },
  message: comment.body_text,
})

const create = defineCommand({
  name: 'comment.create',
  summary: 'Writes a comment or a reply.',
  access: 'MEMBER',
  input: createInput,
  output: commentRow,
  inTransactions: true,
  // what there is already is read: the comment that is replied to, and how much it is
  lane: input => `comments/${input.task_id.toLowerCase()}`,
  run: async (context, input) => {
    const { task } = await openTask(context, input.task_id, 'comment')
    const subject = subjectOf(task)
    if (input.parent_id !== undefined) await requireThread(context, subject, input.parent_id)
    const { content, text, people } = await readBody(context, task.application_id, input)
    await requireRoom(context, subject, content)
    const comment = await context.tx
      .insertInto('comments')
      .values({
        id: input.id ?? uuid7(),
        application_id: task.application_id,
        project_id: task.project_id,
        task_id: task.id,
        parent_id: input.parent_id ?? null,
        author_id: context.userId,
        author_name: context.actor.displayName,
        body: JSON.stringify(content),
        body_text: text,
      })
      .returning(commentColumns)
      .executeTakeFirstOrThrow()
    const named = await saveMentions(context, sourceOf(comment), people)
    const notice = noticeOf(comment, task)
    context.notify({ ...notice, type: 'mention', to: named })
    const thread = comment.parent_id === null ? [] : await writersIn(context, subject, comment.parent_id)
    context.notify({ ...notice, type: 'task_commented', to: [...involvedIn(task), ...thread] })
    context.record(recordOf(comment))
    context.touch('comments', 'tasks')
    return { data: comment }
  },
})

/** The comment and its task, locked in the order task, comment. */
const open = async (context: WriteContext, id: string, action: 'update' | 'delete') => {
  const found = await context.tx
    .selectFrom('comments')
    .select(['task_id', 'application_id', 'project_id', 'author_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  requireLive(await decide(commentPolicy, action, found, context.actor, context.access))
  const { task } = await openTask(context, must(found).task_id, 'comment')
  const comment = await context.tx
    .selectFrom('comments')
    .select(commentColumns)
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!comment) throw notFound()
  if (comment.deleted_at) throw new AppError('comment_deleted')
  return { task, comment }
}

const update = defineCommand({
  name: 'comment.update',
  summary: 'Rewrites one’s own comment.',
  access: 'AUTHOR',
  input: updateInput,
  output: commentRow,
  inTransactions: true,
  run: async (context, input) => {
    const { task, comment } = await open(context, input.id, 'update')
    const { content, text, people } = await readBody(context, comment.application_id, input)
    // jsonb has an order of keys of its own
    if (isDeepStrictEqual(content, comment.body)) return { data: comment }
    await requireRoom(context, subjectOf(task), content, comment.body)
    const changed = await context.tx
      .updateTable('comments')
      .set({ body: JSON.stringify(content), body_text: text, body_edited_at: context.stamp.editedAt })
      .where('id', '=', comment.id)
      .returning(commentColumns)
      .executeTakeFirstOrThrow()
    const named = await saveMentions(context, sourceOf(changed), people)
    context.notify({ ...noticeOf(changed, task), type: 'mention', to: named })
    context.record({ ...recordOf(changed), changes: { body_text: { old: comment.body_text, new: text } } })
    context.touch('comments')
    return { data: changed }
  },
})

const remove = defineCommand({
  name: 'comment.delete',
  summary: 'Leaves a tombstone: the text goes, the replies stay.',
  access: 'AUTHOR',
  input: deleteInput,
  output: commentRow,
  inTransactions: true,
  run: async (context, input) => {
    const { comment } = await open(context, input.id, 'delete')
    await saveMentions(context, sourceOf(comment), [])
    const changed = await context.tx
      .updateTable('comments')
      .set({ body: null, body_text: '', deleted_at: context.stamp.editedAt, deleted_by_id: context.userId })
      .where('id', '=', comment.id)
      .returning(commentColumns)
      .executeTakeFirstOrThrow()
    context.record(recordOf(changed))
    context.touch('comments', 'tasks')
    return { data: changed }
  },
})

export const commentCommands: readonly AnyCommand[] = [create, update, remove]
