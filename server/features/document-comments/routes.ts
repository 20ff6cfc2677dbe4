// /api/documents/:id/comments, /api/document-comments/:id.
import { sql } from 'kysely'
import { z } from 'zod'
import { createPlaces } from '#server/content/anchor.ts'
import { pageOf } from '#server/kernel/answers.ts'
import type { Reader } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import { page, pageQuery, type PageQuery } from '#server/kernel/pages.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readState } from '../documents/content.ts'
import { readDocument } from '../documents/read.ts'
import { documentCommentCommands } from './commands.ts'
import { documentCommentColumns, documentCommentRow } from './schema.ts'

interface Filters extends PageQuery {
  readonly order: 'asc' | 'desc'
  readonly resolved?: boolean | undefined
  readonly with_place: boolean
}

interface Anchored {
  readonly anchor_start: string | null
  readonly anchor_end: string | null
}

/** Says of each comment where its text is now; null where it is gone, or was never named. */
const withPlaces = async <Row extends Anchored>(reader: Reader, documentId: string, rows: readonly Row[]) => {
  const state = await readState(reader, documentId)
  const places = state && createPlaces(state.doc)
  const found = rows.map(row => {
    const { anchor_start: start, anchor_end: end } = row
    return { ...row, place: (start !== null && end !== null && places?.({ start, end })) || null }
  })
  state?.doc.destroy()
  return found
}

const listThreads = async (reader: Reader, documentId: string, filters: Filters) => {
  let query = reader
    .selectFrom('document_comments as c')
    .select(documentCommentColumns)
    .where('c.document_id', '=', documentId)
    .where('c.parent_id', 'is', null)
  if (filters.resolved !== undefined) query = query.where('c.resolved_at', filters.resolved ? 'is not' : 'is', null)
  const found = await page(query, {
    sort: [{ by: sql`c.created_at`, type: 'timestamptz', descending: filters.order === 'desc' }],
    id: sql`c.id`,
    request: filters,
    filters: [documentId, filters.order, filters.resolved ?? null],
  })
  const threads = filters.with_place ? await withPlaces(reader, documentId, found.data) : found.data
  const replies = await reader
    .selectFrom('document_comments')
    .select(documentCommentColumns)
    .where(sql<boolean>`parent_id = any(${threads.map(row => row.id)}::uuid[])`)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  const repliesOf = Map.groupBy(replies, reply => must(reply.parent_id))
  return { ...found, data: threads.map(row => ({ ...row, replies: repliesOf.get(row.id) ?? [] })) }
}

const write = (
  name: string,
  route: Pick<Parameters<typeof writeRoute>[0], 'method' | 'path' | 'status' | 'params'>,
): Route => {
  const command = must(
    documentCommentCommands.find(one => one.name === `document_comment.${name}`),
    name,
  )
  return writeRoute({ ...route, access: command.access, summary: command.summary, command })
}

export const documentCommentRoutes: readonly Route[] = [
  readRoute({
    path: '/api/documents/:id/comments',
    access: 'DOCVIEW',
    limits: [{ name: 'comment_lists', count: 120, seconds: 60, per: 'person' }],
    summary: 'Threads of a document, newest first, replies nested; `with_place` says where their texts are now.',
    query: z.strictObject({
      ...pageQuery,
      order: z.enum(['asc', 'desc']).default('desc').describe('`desc`: the newest first'),
      resolved: z.stringbool().optional().describe('Settled threads alone, or open ones alone'),
      with_place: z.stringbool().default(false).describe('Where each stands in the present text, as `place`'),
    }),
    response: pageOf(documentCommentRow),
    run: async (context, params, query) => {
      const { id } = await readDocument(context, must(params.id))
      return listThreads(context.reader, id, query)
    },
  }),
  write('create', {
    method: 'POST',
    path: '/api/documents/:id/comments',
    params: { id: 'document_id' },
    status: 201,
  }),
  write('update', { method: 'PATCH', path: '/api/document-comments/:id' }),
  write('delete', { method: 'DELETE', path: '/api/document-comments/:id' }),
  write('resolve', { method: 'POST', path: '/api/document-comments/:id/resolve' }),
  write('reopen', { method: 'POST', path: '/api/document-comments/:id/reopen' }),
]
