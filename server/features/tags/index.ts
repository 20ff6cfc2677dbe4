// Tags of documents.
import type { Feature } from '#server/kernel/feature.ts'
import { kbShapes } from '../documents/shape.ts'
import { tagCommands } from './commands.ts'
import { tagRoutes } from './routes.ts'
import { assignmentColumns, tagColumns } from './schema.ts'

export const tags: Feature = {
  name: 'tags',
  commands: tagCommands,
  routes: tagRoutes,
  shapes: [
    ...kbShapes({ shared: 'tags', personal: 'personal_tags' }, { table: 'document_tags', columns: tagColumns }),
    ...kbShapes(
      { shared: 'tag_assignments', personal: 'personal_tag_assignments' },
      { table: 'document_tag_assignments', columns: assignmentColumns },
    ),
  ],
}
