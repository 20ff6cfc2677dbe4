// /api/document-tags… and the tags of a document (domain rules, section 5.11).
import { sql } from 'kysely'
import { z } from 'zod'
import { commandNamed } from '#server/kernel/command.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { ofOwner } from '../documents/owned.ts'
import { readPlace } from '../documents/read.ts'
import { hasScopeId, ownerPlace, scopeIdIssue } from '../documents/schema.ts'
import { tagCommands } from './commands.ts'
import { tagColumns, tagRow } from './schema.ts'

const write = (
  name: string,
  route: Pick<Parameters<typeof writeRoute>[0], 'method' | 'path' | 'status' | 'params'>,
): Route => {
  const command = commandNamed(tagCommands, name)
  return writeRoute({ ...route, access: 'DOCEDIT', summary: command.summary, command })
}

export const tagRoutes: readonly Route[] = [
  readRoute({
    path: '/api/document-tags',
    access: 'DOCVIEW',
    summary: 'Tags by name, with the number of live documents that have each.',
    query: z.strictObject(ownerPlace).refine(hasScopeId, scopeIdIssue),
    response: z.object({ data: z.array(tagRow.extend({ use_count: z.int() })), next_cursor: z.null() }),
    run: async (context, _params, query) => {
      const owner = await readPlace(context, query)
      const data = await context.reader
        .selectFrom('document_tags as t')
        .select(tagColumns.map(column => `t.${column}` as const))
        .select(
          sql<number>`(select count(*)::int from document_tag_assignments a join documents d on d.id = a.document_id
            where a.tag_id = t.id and d.deleted_at is null)`.as('use_count'),
        )
        .where(ofOwner(owner))
        .orderBy(sql`lower(t.name)`)
        .execute()
      return { data, next_cursor: null }
    },
  }),
  write('tag.create', { method: 'POST', path: '/api/document-tags', status: 201 }),
  write('tag.update', { method: 'PATCH', path: '/api/document-tags/:id' }),
  write('tag.delete', { method: 'DELETE', path: '/api/document-tags/:id' }),
  write('tag.assign', { method: 'POST', path: '/api/documents/:id/tags', params: { id: 'document_id' } }),
  write('tag.unassign', { method: 'DELETE', path: '/api/documents/:id/tags/:tag_id', params: { id: 'document_id' } }),
]
