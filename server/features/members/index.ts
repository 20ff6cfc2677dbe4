// Members and roles of an application.
import type { Feature } from '#server/kernel/feature.ts'
import { memberCommands } from './commands.ts'
import { memberRoutes } from './routes.ts'
import { memberShapes } from './shape.ts'

export const members: Feature = {
  name: 'members',
  commands: memberCommands,
  routes: memberRoutes,
  shapes: memberShapes,
}
