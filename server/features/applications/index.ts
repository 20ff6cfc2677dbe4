// Applications: the unit of sharing.
import type { Feature } from '#server/kernel/feature.ts'
import type { Presence } from '#server/kernel/presence.ts'
import { applicationCommands } from './commands.ts'
import { applicationRoutes } from './routes.ts'
import { applicationShapes } from './shape.ts'

/** The feature, with who is present. */
export const applicationsFeature = (presence: Presence): Feature => ({
  name: 'applications',
  commands: applicationCommands,
  routes: applicationRoutes(presence),
  shapes: applicationShapes,
})
