// /api/tasks/:id/comments, /api/comments/:id (domain rules, section 5.8).
import { sql } from 'kysely'
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { commandNamed } from '#server/kernel/command.ts'
import type { Reader } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery, page, type PageQuery } from '#server/kernel/pages.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readTaskScope } from '../tasks/read.ts'
import { commentCommands } from './commands.ts'
import { commentColumns, commentRow, mentionColumns } from './schema.ts'

const command = (name: string) => commandNamed(commentCommands, name)

type Filters = PageQuery & { readonly order: 'asc' | 'desc'; readonly flat: boolean }

const listComments = async (reader: Reader, taskId: string, filters: Filters) => {
  let query = reader.selectFrom('comments as c').select(commentColumns).where('c.task_id', '=', taskId)
  if (!filters.flat) query = query.where('c.parent_id', 'is', null)
  const found = await page(query, {
    sort: [{ by: sql`c.created_at`, type: 'timestamptz', descending: filters.order === 'desc' }],
    id: sql`c.id`,
    request: filters,
    filters: [taskId, filters.order, filters.flat],
  })
  const ids = found.data.map(row => row.id)
  const replies =
    filters.flat || ids.length === 0
      ? []
      : await reader
          .selectFrom('comments')
          .select(commentColumns)
          .where('parent_id', 'in', ids)
          .orderBy('created_at')
          .orderBy('id')
          .execute()
  const all = [...ids, ...replies.map(row => row.id)]
  const mentions =
    all.length === 0
      ? []
      : await reader.selectFrom('mentions').select(mentionColumns).where('comment_id', 'in', all).execute()
  const mentionsOf = Map.groupBy(mentions, mention => mention.comment_id)
  const withMentions = <Row extends { readonly id: string }>(row: Row) => ({
    ...row,
    mentions: mentionsOf.get(row.id) ?? [],
  })
  const repliesOf = Map.groupBy(replies, reply => must(reply.parent_id))
  return {
    ...found,
    data: found.data.map(row =>
      filters.flat
        ? withMentions(row)
        : { ...withMentions(row), replies: (repliesOf.get(row.id) ?? []).map(withMentions) },
    ),
  }
}

export const commentRoutes: readonly Route[] = [
  readRoute({
    path: '/api/tasks/:id/comments',
    access: 'MEMBER',
    summary: 'Comments of a task, newest first, replies nested; tombstones included.',
    query: z.strictObject({
      ...pageQuery,
      order: z.enum(['asc', 'desc']).default('desc').describe('`desc`: the newest first'),
      flat: z.stringbool().default(false).describe('Replies as rows of their own, not below their thread'),
    }),
    response: pageOf(commentRow),
    run: async (context, params, query) => {
      await readTaskScope(context, must(params.id))
      return listComments(context.reader, must(params.id), query)
    },
  }),
  writeRoute({
    method: 'POST',
    path: '/api/tasks/:id/comments',
    access: 'MEMBER',
    summary: 'Writes a comment.',
    command: command('comment.create'),
    params: { id: 'task_id' },
    status: 201,
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/comments/:id',
    access: 'AUTHOR',
    summary: 'Rewrites one’s own comment.',
    command: command('comment.update'),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/comments/:id',
    access: 'AUTHOR',
    summary: 'Deletes a comment.',
    command: command('comment.delete'),
  }),
]
