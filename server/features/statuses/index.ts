// Board columns.
import type { Feature } from '#server/kernel/feature.ts'
import { defineShape } from '#sync/shape.ts'
import { statusCommands } from './commands.ts'
import { statusRoutes } from './routes.ts'
import { statusColumns } from './schema.ts'

export const statuses: Feature = {
  name: 'statuses',
  commands: statusCommands,
  routes: statusRoutes,
  shapes: [
    defineShape({
      name: 'task_statuses',
      table: 'task_statuses',
      columns: statusColumns,
      scope: 'application',
      scopeColumn: 'application_id',
      who: 'MEMBER',
      projectColumn: 'project_id',
    }),
  ],
}
