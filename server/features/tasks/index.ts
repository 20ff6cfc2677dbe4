// Tasks: the cards of a board.
import type { Feature } from '#server/kernel/feature.ts'
import { defineShape } from '#sync/shape.ts'
import { taskCommands } from './commands.ts'
import { purgeTask } from './lifecycle.ts'
import { taskRoutes } from './routes.ts'
import { taskColumns } from './schema.ts'

export { purgeTask }

export const tasks: Feature = {
  name: 'tasks',
  commands: taskCommands,
  routes: taskRoutes,
  shapes: [
    defineShape({
      name: 'tasks',
      table: 'tasks',
      columns: taskColumns,
      scope: 'application',
      scopeColumn: 'application_id',
      who: 'MEMBER',
      projectColumn: 'project_id',
      archiveColumns: ['archived_at', 'deleted_at'],
    }),
  ],
}
