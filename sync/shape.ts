// A shape as data: the one file of sync that features import. The gate turns it into table, columns and where clause;
// clients never name any of these themselves.

import type { ShapeDefinition } from '#server/kernel/feature.ts'

export type { ShapeDefinition }

/** Checks what the type cannot: scope and right fit together, the scope column is listed. */
export const defineShape = (definition: ShapeDefinition): ShapeDefinition => {
  if ((definition.scope === 'user') !== (definition.who === 'SELF')) {
    throw new Error(`shape ${definition.name}: scope ${definition.scope} does not fit ${definition.who}`)
  }
  for (const column of [definition.scopeColumn, definition.projectColumn, ...(definition.archiveColumns ?? [])]) {
    if (column !== undefined && !definition.columns.includes(column)) {
      throw new Error(`shape ${definition.name}: column ${column} is not listed`)
    }
  }
  return definition
}
