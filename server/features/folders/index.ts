// Folders of the knowledge base.
import type { Feature } from '#server/kernel/feature.ts'
import { kbShapes } from '../documents/shape.ts'
import { folderCommands, purgeFolder } from './commands.ts'
import { folderRoutes } from './routes.ts'
import { folderColumns } from './schema.ts'

export { purgeFolder }

export const folders: Feature = {
  name: 'folders',
  commands: folderCommands,
  routes: folderRoutes,
  shapes: kbShapes(
    { shared: 'folders', personal: 'personal_folders' },
    {
      table: 'document_folders',
      columns: folderColumns,
      projectColumn: 'project_id',
      archiveColumns: ['deleted_at'],
    },
  ),
}
