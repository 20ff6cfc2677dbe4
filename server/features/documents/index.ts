// Documents: metadata, content, trash, and what their sockets ask of the database.
import type { Feature } from '#server/kernel/feature.ts'
import { contentCommands, mergeCommand } from './commands.ts'
import type { ContentRouteDeps } from './content-routes.ts'
import { lifecycleCommands, purgeDocument } from './lifecycle.ts'
import { documentRoutes } from './routes.ts'
import type { DocumentSettings } from './schema.ts'
import { documentShapes } from './shape.ts'

export { purgeDocument }
export type { DocumentSettings } from './schema.ts'
export { createDocuments } from './store.ts'
export { verifyContents } from './verify.ts'

/** The feature with its limits. */
export const documentsFeature = (settings: DocumentSettings, deps: ContentRouteDeps): Feature => {
  const commands = [...contentCommands(settings), ...lifecycleCommands]
  return {
    name: 'documents',
    commands,
    routes: documentRoutes(commands, mergeCommand(settings), deps),
    shapes: documentShapes,
  }
}
