// Applications: the unit of sharing.
import type { Feature } from '#server/kernel/feature.ts'
import { applicationCommands } from './commands.ts'
import { applicationRoutes } from './routes.ts'
import { applicationShapes } from './shape.ts'

export const applications: Feature = {
  name: 'applications',
  commands: applicationCommands,
  routes: applicationRoutes,
  shapes: applicationShapes,
}
