// Projects: boards, their contributors and counters.
import type { Feature } from '#server/kernel/feature.ts'
import { defineShape } from '#sync/shape.ts'
import { projectCommands } from './commands.ts'
import { projectMemberCommands } from './member-commands.ts'
import { projectRoutes } from './routes.ts'
import { aggregateColumns, projectColumns, projectMemberColumns } from './schema.ts'

const inApplication = { scope: 'application', scopeColumn: 'application_id', who: 'MEMBER' } as const

export const projects: Feature = {
  name: 'projects',
  commands: [...projectCommands, ...projectMemberCommands],
  routes: projectRoutes,
  shapes: [
    defineShape({
      name: 'projects',
      table: 'projects',
      columns: projectColumns,
      ...inApplication,
      projectColumn: 'id',
      archiveColumns: ['archived_at'],
    }),
    defineShape({
      name: 'project_members',
      table: 'project_members',
      columns: projectMemberColumns,
      ...inApplication,
      projectColumn: 'project_id',
    }),
    defineShape({
      name: 'project_aggregates',
      table: 'project_aggregates',
      columns: aggregateColumns,
      ...inApplication,
      projectColumn: 'project_id',
    }),
  ],
}
