// Kept states of documents (domain rules, section 8.4). Read over REST, in no shape.
import type { Database } from '#server/kernel/database.ts'
import type { Feature } from '#server/kernel/feature.ts'
import type { DocumentSettings } from '../documents/schema.ts'
import { snapshotCommands } from './commands.ts'
import { snapshotRoutes } from './routes.ts'

export { thinSnapshots } from './thin.ts'

/** The feature with the limits of content. */
export const snapshotsFeature = (
  settings: DocumentSettings,
  deps: { readonly database: Pick<Database, 'read'> },
): Feature => {
  const commands = snapshotCommands(settings)
  return { name: 'snapshots', commands, routes: snapshotRoutes(commands, deps), shapes: [] }
}
