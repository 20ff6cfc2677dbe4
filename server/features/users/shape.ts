// The own account as a synced row (domain rules, section 12).
import type { ShapeDefinition } from '#server/kernel/feature.ts'
import { ownColumns } from './schema.ts'

export const userShapes: readonly ShapeDefinition[] = [
  { name: 'me', table: 'users', columns: ownColumns, scope: 'user', scopeColumn: 'id', who: 'SELF' },
]
