// Notifications: who is told of what, what he wants to hear of, and how much of it is unread.
import type { Feature } from '#server/kernel/feature.ts'
import { notificationCommands } from './commands.ts'
import { notify } from './notify.ts'
import { purgeNotifications } from './purge.ts'
import { notificationRoutes } from './routes.ts'
import { notificationShapes } from './shape.ts'

export { notify, purgeNotifications }

export const notifications: Feature = {
  name: 'notifications',
  commands: notificationCommands,
  routes: notificationRoutes,
  shapes: notificationShapes,
}
