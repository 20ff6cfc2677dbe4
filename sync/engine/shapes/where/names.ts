// Names in the parse tree: lists of identifiers, with or without a schema.

import type { Node } from 'libpg-query'

/** The parts of a name; `*` where it has something else than an identifier. */
export const nameParts = (nodes: readonly Node[] | undefined): string[] =>
  (nodes ?? []).map(node => ('String' in node ? (node.String.sval ?? '') : '*'))

/** A name without its pg_catalog; undefined when it is in another schema. */
export const catalogName = (nodes: readonly Node[] | undefined): string | undefined => {
  const parts = nameParts(nodes)
  if (parts.length === 2 && parts[0] === 'pg_catalog') return parts[1]
  return parts.length === 1 ? parts[0] : undefined
}
