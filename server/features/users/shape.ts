// The own account as a synced row (domain rules, section 12).
import { defineShape, type ShapeDefinition } from '#sync/shape.ts'
import { ownColumns } from './schema.ts'

export const userShapes: readonly ShapeDefinition[] = [
  defineShape({ name: 'me', table: 'users', columns: ownColumns, scope: 'user', scopeColumn: 'id', who: 'SELF' }),
]
