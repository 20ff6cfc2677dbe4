// Templates of documents.
import type { Feature } from '#server/kernel/feature.ts'
import { kbShapes } from '../documents/shape.ts'
import { templateCommands } from './commands.ts'
import { templateRoutes } from './routes.ts'
import { templateColumns } from './schema.ts'

export const templates: Feature = {
  name: 'templates',
  commands: templateCommands,
  routes: templateRoutes,
  shapes: kbShapes(
    { shared: 'document_templates', personal: 'personal_document_templates' },
    { table: 'document_templates', columns: templateColumns },
  ),
}
