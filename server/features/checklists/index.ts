// Checklists of tasks and their items.
import type { Feature } from '#server/kernel/feature.ts'
import { defineShape } from '#sync/shape.ts'
import { checklistCommands } from './commands.ts'
import { itemCommands } from './item-commands.ts'
import { checklistRoutes } from './routes.ts'
import { checklistColumns, itemColumns } from './schema.ts'

const inApplication = {
  scope: 'application',
  scopeColumn: 'application_id',
  who: 'MEMBER',
  projectColumn: 'project_id',
} as const

export const checklists: Feature = {
  name: 'checklists',
  commands: [...checklistCommands, ...itemCommands],
  routes: checklistRoutes,
  shapes: [
    defineShape({ name: 'checklists', table: 'checklists', columns: checklistColumns, ...inApplication }),
    defineShape({ name: 'checklist_items', table: 'checklist_items', columns: itemColumns, ...inApplication }),
  ],
}
