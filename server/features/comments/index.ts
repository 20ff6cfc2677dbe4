// Comments on tasks, with mentions.
import type { Feature } from '#server/kernel/feature.ts'
import { defineShape } from '#sync/shape.ts'
import { commentCommands } from './commands.ts'
import { commentRoutes } from './routes.ts'
import { commentColumns, mentionColumns } from './schema.ts'

export const comments: Feature = {
  name: 'comments',
  commands: commentCommands,
  routes: commentRoutes,
  shapes: [
    defineShape({
      name: 'comments',
      table: 'comments',
      columns: commentColumns,
      scope: 'application',
      scopeColumn: 'application_id',
      who: 'MEMBER',
      projectColumn: 'project_id',
    }),
    defineShape({
      name: 'mentions',
      table: 'mentions',
      columns: mentionColumns,
      scope: 'application',
      scopeColumn: 'application_id',
      who: 'MEMBER',
    }),
  ],
}
