// /api/projects/:id/statuses, /api/statuses/:id (domain rules, section 5.6).
import { z } from 'zod'
import { commandNamed } from '#server/kernel/command.ts'
import { must } from '#server/kernel/must.ts'
import { readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readProject } from '../projects/read.ts'
import { statusCommands } from './commands.ts'
import { listStatuses } from './queries.ts'
import { statusRow } from './schema.ts'

const command = (name: string) => commandNamed(statusCommands, name)

export const statusRoutes: readonly Route[] = [
  readRoute({
    path: '/api/projects/:id/statuses',
    access: 'MEMBER',
    summary: 'Columns in board order, with visible task counts.',
    query: z.strictObject({}),
    response: z.object({ data: z.array(statusRow), next_cursor: z.null() }),
    run: async (context, params) => {
      await readProject(context, must(params.id))
      return { data: await listStatuses(context.reader, must(params.id)), next_cursor: null }
    },
  }),
  writeRoute({
    method: 'POST',
    path: '/api/projects/:id/statuses',
    access: 'PADMIN',
    summary: 'Adds a column.',
    command: command('status.create'),
    params: { id: 'project_id' },
    status: 201,
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/statuses/:id',
    access: 'PADMIN',
    summary: 'Renames or recolours a column.',
    command: command('status.update'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/statuses/:id/move',
    access: 'PADMIN',
    summary: 'Moves a column.',
    command: command('status.move'),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/statuses/:id',
    access: 'PADMIN',
    summary: 'Deletes a column.',
    command: command('status.delete'),
    queryArgs: ['target_status_id'],
  }),
]
