// /api/document-folders… (domain rules, section 5.11).
import { z } from 'zod'
import { commandNamed } from '#server/kernel/command.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readPlace } from '../documents/read.ts'
import { hasScopeId, place, scopeIdIssue } from '../documents/schema.ts'
import { folderCommands } from './commands.ts'
import { folderTree } from './tree.ts'

const write = (name: string, route: Pick<Parameters<typeof writeRoute>[0], 'method' | 'path' | 'status'>): Route => {
  const command = commandNamed(folderCommands, name)
  return writeRoute({ ...route, access: 'DOCEDIT', summary: command.summary, command })
}

export const folderRoutes: readonly Route[] = [
  readRoute({
    path: '/api/document-folders/tree',
    access: 'DOCVIEW',
    summary: 'The folders of one scope, nested, with the number of documents in each.',
    query: z.strictObject(place).refine(hasScopeId, scopeIdIssue),
    response: z.object({
      data: z.object({ folders: z.array(z.unknown()), unfiled: z.object({ document_count: z.int() }) }),
    }),
    run: async (context, _params, query) => ({
      data: await folderTree(context.reader, await readPlace(context, query)),
    }),
  }),
  write('folder.create', { method: 'POST', path: '/api/document-folders', status: 201 }),
  write('folder.update', { method: 'PATCH', path: '/api/document-folders/:id' }),
  write('folder.delete', { method: 'DELETE', path: '/api/document-folders/:id' }),
  write('folder.move', { method: 'POST', path: '/api/document-folders/:id/move' }),
  write('folder.restore', { method: 'POST', path: '/api/document-folders/:id/restore' }),
  write('folder.purge', { method: 'DELETE', path: '/api/document-folders/:id/permanent' }),
]
