// Membership rows on the wire: one's own everywhere, and everybody's in an application.
import { defineShape } from '#sync/shape.ts'
import { memberColumns } from './schema.ts'

export const memberShapes = [
  defineShape({
    name: 'my_memberships',
    table: 'application_members',
    columns: memberColumns,
    scope: 'user',
    scopeColumn: 'user_id',
    who: 'SELF',
  }),
  defineShape({
    name: 'application_members',
    table: 'application_members',
    columns: memberColumns,
    scope: 'application',
    scopeColumn: 'application_id',
    who: 'MEMBER',
  }),
]
