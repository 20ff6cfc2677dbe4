// The application's own row.
import { defineShape } from '#sync/shape.ts'
import { applicationColumns } from './schema.ts'

export const applicationShapes = [
  defineShape({
    name: 'application',
    table: 'applications',
    columns: applicationColumns,
    scope: 'application',
    scopeColumn: 'id',
    who: 'MEMBER',
  }),
]
