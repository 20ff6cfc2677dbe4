// /api/documents… (domain rules, section 5.11); content has a file of its own.
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { type AnyCommand, commandNamed } from '#server/kernel/command.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { callerOf } from '#server/kernel/reading.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { reference } from '#server/kernel/schemas.ts'
import { contentRoutes, type ContentRouteDeps } from './content-routes.ts'
import { findPlace } from './place.ts'
import { activeLocks, listDocuments, listTrash, lockOf, projectsWithContent, scopesOf, tagsOf } from './queries.ts'
import { grantedDocument, readPlace, rightsAt, rightsOf } from './read.ts'
import { contentBodyLimit, documentRow, hasScopeId, place, scopeIdIssue } from './schema.ts'

const one = <Row extends z.ZodType>(row: Row) => z.object({ data: row })
const several = z.preprocess(value => (typeof value === 'string' ? [value] : value), z.array(reference).max(20))

const listQuery = z
  .strictObject({
    ...pageQuery,
    ...place,
    folder_id: z
      .union([z.literal('root'), reference])
      .optional()
      .describe('In this folder, or `root` for those in none'),
    tag_id: several.default([]).describe('With this tag; repeated, with all of them'),
    search: z.string().trim().min(1).max(200).optional().describe('Stands in the title'),
    sort: z.enum(['title', 'updated_at', 'rank']).default('title').describe('`updated_at`: the newest first'),
  })
  .refine(hasScopeId, scopeIdIssue)

const placeQuery = z.strictObject(place).refine(hasScopeId, scopeIdIssue)

const trashQuery = z
  .strictObject({
    ...pageQuery,
    scope: place.scope.optional().describe('Of one knowledge base alone'),
    scope_id: place.scope_id,
  })
  .refine(({ scope, scope_id }) => scope === undefined || hasScopeId({ scope, scope_id }), scopeIdIssue)

const reads: readonly Route[] = [
  readRoute({
    path: '/api/documents',
    access: 'DOCVIEW',
    summary: 'Documents of one scope, without content.',
    query: listQuery,
    response: pageOf(documentRow),
    run: async (context, _params, query) => {
      const { scope, scope_id, ...filters } = query
      return listDocuments(context.reader, await readPlace(context, { scope, scope_id }), filters)
    },
  }),
  readRoute({
    path: '/api/documents/trash',
    access: 'DOCEDIT',
    summary: 'Deleted folders and documents with the day of their end; without scope everything that I may edit.',
    query: trashQuery,
    response: pageOf(z.looseObject({ id: z.uuid(), kind: z.enum(['folder', 'document']), purge_at: z.iso.datetime() })),
    run: async (context, _params, query) => {
      const { scope, scope_id, ...request } = query
      const where =
        scope === undefined ? callerOf(context.actor) : await readPlace(context, { scope, scope_id }, 'edit')
      return listTrash(context.reader, where, request)
    },
  }),
  readRoute({
    path: '/api/documents/scopes-summary',
    access: 'USER',
    summary: 'Where I can look for documents.',
    query: z.strictObject({}),
    response: one(z.looseObject({ has_personal: z.boolean(), applications: z.array(z.unknown()) })),
    run: async ({ reader, actor }) => ({ data: await scopesOf(reader, callerOf(actor)) }),
  }),
  readRoute({
    path: '/api/documents/projects-with-content',
    access: 'MEMBER',
    summary: 'Projects of an application that hold folders or documents.',
    query: z.strictObject({ application_id: reference.describe('Whose projects') }),
    response: one(z.array(z.object({ project_id: z.uuid(), can_edit: z.boolean() }))),
    run: async (context, _params, { application_id: id }) => {
      await readPlace(context, { scope: 'application', scope_id: id })
      return { data: await projectsWithContent(context.reader, id, callerOf(context.actor).userId) }
    },
  }),
  readRoute({
    path: '/api/documents/permissions',
    access: 'USER',
    summary: 'What I may do in a scope.',
    query: placeQuery,
    response: one(z.object({ can_view: z.boolean(), can_edit: z.boolean(), is_owner: z.boolean() })),
    run: async (context, _params, query) => ({
      data: await rightsAt(context, await findPlace(context.reader, query, context.actor.userId)),
    }),
  }),
  readRoute({
    path: '/api/documents/active-locks',
    access: 'DOCVIEW',
    summary: 'Locks of a scope that hold now; those of an application include its projects’.',
    query: z.strictObject({ ...pageQuery, ...place }).refine(hasScopeId, scopeIdIssue),
    response: pageOf(z.looseObject({ document_id: z.uuid(), holder_id: z.uuid() })),
    run: async (context, _params, { scope, scope_id, ...request }) =>
      activeLocks(context, await readPlace(context, { scope, scope_id }), request),
  }),
  readRoute({
    path: '/api/documents/:id',
    access: 'DOCVIEW',
    summary: 'One document with its tags, its lock and what I may do; also from the trash.',
    query: z.strictObject({}),
    response: one(documentRow),
    run: async (context, params) => {
      const found = await grantedDocument(context, must(params.id))
      const { can_view: view, can_edit: edit } = rightsOf(context.actor, found)
      const document = found.row
      return {
        data: {
          ...document,
          tags: await tagsOf(context.reader, document.id),
          lock: await lockOf(context.reader, document.id, context.now),
          my_access: { view, edit },
        },
      }
    },
  }),
]

const writes: readonly (Pick<Parameters<typeof writeRoute>[0], 'method' | 'path' | 'params' | 'status'> & {
  readonly name: string
})[] = [
  { name: 'document.update', method: 'PATCH', path: '/api/documents/:id' },
  { name: 'document.delete', method: 'DELETE', path: '/api/documents/:id' },
  { name: 'document.move', method: 'POST', path: '/api/documents/:id/move' },
  {
    name: 'document.duplicate',
    method: 'POST',
    path: '/api/documents/:id/duplicate',
    params: { id: 'document_id' },
    status: 201,
  },
  { name: 'document.restore', method: 'POST', path: '/api/documents/:id/restore' },
  { name: 'document.purge', method: 'DELETE', path: '/api/documents/:id/permanent' },
]

/** All routes of documents but those of tags, locks and snapshots. */
export const documentRoutes = (
  commands: readonly AnyCommand[],
  merge: AnyCommand,
  deps: ContentRouteDeps,
): readonly Route[] => {
  const command = (name: string) => commandNamed(commands, name)
  return [
    ...reads,
    writeRoute({
      method: 'POST',
      path: '/api/documents',
      access: 'DOCEDIT',
      summary: command('document.create').summary,
      command: command('document.create'),
      status: 201,
      bodyLimit: contentBodyLimit,
    }),
    ...writes.map(({ name, ...route }) =>
      writeRoute({ ...route, access: 'DOCEDIT', summary: command(name).summary, command: command(name) }),
    ),
    ...contentRoutes(command('document.write'), merge, deps),
  ]
}
