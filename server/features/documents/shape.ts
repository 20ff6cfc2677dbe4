// Documents on the wire: metadata, of an application and of a person. The text goes over the socket, not through shapes.
import { defineShape, type ShapeDefinition } from '#sync/shape.ts'
import { documentColumns } from './schema.ts'

type Shared = Pick<ShapeDefinition, 'table' | 'columns' | 'archiveColumns' | 'projectColumn'>

/** The two shapes of a table of the knowledge base: by application, and a person's own. */
export const kbShapes = (
  names: { readonly shared: string; readonly personal: string },
  { projectColumn, ...shape }: Shared,
): ShapeDefinition[] => [
  defineShape({
    ...shape,
    ...(projectColumn === undefined ? {} : { projectColumn }),
    name: names.shared,
    scope: 'application',
    scopeColumn: 'application_id',
    who: 'MEMBER',
  }),
  defineShape({ ...shape, name: names.personal, scope: 'user', scopeColumn: 'user_id', who: 'SELF' }),
]

export const documentShapes = kbShapes(
  { shared: 'documents', personal: 'personal_documents' },
  { table: 'documents', columns: documentColumns, projectColumn: 'project_id', archiveColumns: ['deleted_at'] },
)
