// People: the own account and what others see of it.
import type { Feature } from '#server/kernel/feature.ts'
import { userCommands } from './commands.ts'
import { userRoutes } from './routes.ts'
import { userShapes } from './shape.ts'

export const users: Feature = { name: 'users', commands: userCommands, routes: userRoutes, shapes: userShapes }
