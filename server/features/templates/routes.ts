// /api/document-templates…
import { sql } from 'kysely'
import { z } from 'zod'
import { commandNamed } from '#server/kernel/command.ts'
import { must } from '#server/kernel/must.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { ofOwner, placeOfOwner } from '../documents/owned.ts'
import { readPlace, requireReadable } from '../documents/read.ts'
import { hasScopeId, ownerPlace, scopeIdIssue } from '../documents/schema.ts'
import { templateCommands } from './commands.ts'
import { headColumns, templateColumns, templateHead, templateRow } from './schema.ts'

const write = (name: string, route: Pick<Parameters<typeof writeRoute>[0], 'method' | 'path' | 'status'>): Route => {
  const command = commandNamed(templateCommands, name)
  return writeRoute({ ...route, access: 'DOCEDIT', summary: command.summary, command })
}

export const templateRoutes: readonly Route[] = [
  readRoute({
    path: '/api/document-templates',
    access: 'DOCVIEW',
    summary: 'Templates by name, without content.',
    query: z.strictObject(ownerPlace).refine(hasScopeId, scopeIdIssue),
    response: z.object({ data: z.array(templateHead), next_cursor: z.null() }),
    run: async (context, _params, query) => {
      const owner = await readPlace(context, query)
      const data = await context.reader
        .selectFrom('document_templates')
        .select(headColumns)
        .where(ofOwner(owner))
        .orderBy(sql`lower(name)`)
        .execute()
      return { data, next_cursor: null }
    },
  }),
  readRoute({
    path: '/api/document-templates/:id',
    access: 'DOCVIEW',
    summary: 'One template with its content, as JSON and as Markdown.',
    query: z.strictObject({}),
    response: z.object({ data: templateRow }),
    run: async (context, params) => {
      const template = await context.reader
        .selectFrom('document_templates')
        .select(templateColumns)
        .where('id', '=', must(params.id))
        .executeTakeFirst()
      await requireReadable(context, template && placeOfOwner(template))
      return { data: template }
    },
  }),
  write('template.create', { method: 'POST', path: '/api/document-templates', status: 201 }),
  write('template.update', { method: 'PATCH', path: '/api/document-templates/:id' }),
  write('template.delete', { method: 'DELETE', path: '/api/document-templates/:id' }),
]
