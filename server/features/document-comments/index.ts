// Comments on documents, anchored to their text.
import type { Feature } from '#server/kernel/feature.ts'
import { kbShapes } from '../documents/shape.ts'
import { documentCommentCommands } from './commands.ts'
import { documentCommentRoutes } from './routes.ts'
import { documentCommentColumns } from './schema.ts'

export const documentComments: Feature = {
  name: 'document-comments',
  commands: documentCommentCommands,
  routes: documentCommentRoutes,
  shapes: kbShapes(
    { shared: 'document_comments', personal: 'personal_document_comments' },
    { table: 'document_comments', columns: documentCommentColumns },
  ),
}
