// Reading the parse tree: names, lists, places.

import type { Node } from 'libpg-query'
import { refuse } from './errors.ts'
import type { Expr } from './tree.ts'

/** Where in the text a node stands, as the parser counts. */
export type Location = number | undefined

/** Resolves a node that stands inside of another. */
export type Resolve = (node: Node) => Expr

/** The parts of a name; `*` where it has something else than an identifier. */
export const nameParts = (nodes: readonly Node[] | undefined): string[] =>
  (nodes ?? []).map(node => ('String' in node ? (node.String.sval ?? '') : '*'))

/** A name without its pg_catalog; undefined when it is in another schema. */
export const catalogName = (nodes: readonly Node[] | undefined): string | undefined => {
  const parts = nameParts(nodes)
  if (parts.length === 2 && parts[0] === 'pg_catalog') return parts[1]
  return parts.length === 1 ? parts[0] : undefined
}

/** A node that the grammar always fills in. */
export const required = (node: Node | undefined, location: Location): Node => {
  if (node === undefined) throw refuse(location, 'the expression is incomplete')
  return node
}

/** The nodes of a list, or the one node. */
export const items = (node: Node | undefined): readonly Node[] =>
  node !== undefined && 'List' in node ? (node.List.items ?? []) : node === undefined ? [] : [node]

/** Where a node stands, if it says so. */
export const locationOf = (node: Node | undefined): Location => {
  if (node === undefined) return undefined
  const [body] = Object.values(node) as [{ location?: number; lexpr?: Node; arg?: Node }?]
  return body?.location ?? (body?.arg === undefined ? undefined : locationOf(body.arg))
}

/** Whether a column is referred to anywhere below. */
export const hasColumn = (node: unknown): boolean =>
  typeof node === 'object' &&
  node !== null &&
  ('ColumnRef' in node || Object.values(node).some(value => typeof value === 'object' && hasColumn(value)))
