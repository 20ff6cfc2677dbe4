// Whether a shape still fits what the catalogs say about its tables: names, columns, keys, partitions, publication.
// Pure but for the callback; whoever asks ends the shapes that do not fit.
import { innerStillFits, type ShapeDefinition, stillFits } from './definition.ts'
import { keyPrefix } from './encode.ts'
import type { Shape } from './shape.ts'
import type { Table } from './tables.ts'

/** A table by its name. */
export interface TableName {
  readonly schema: string
  readonly name: string
}

/** What the catalogs last said about each table. */
export class Looks {
  readonly #last = new Map<string, string>()

  /** Whether the table is as it was at the last look; `none`: there is no shape that it could matter to. */
  isSame(name: TableName, table: Table | null, none: boolean): boolean {
    const key = keyPrefix(name.schema, name.name)
    const before = this.#last.get(key)
    if (table === null) {
      // Names that are no tables come from outside and must not be collected.
      this.#last.delete(key)
      return before === undefined && none
    }
    const now = JSON.stringify([table.oid, table.columns, table.primaryKey, table.sources, table.inherited])
    this.#last.set(key, now)
    return before === now
  }
}

/** What a shape is compared with. */
export interface Look {
  readonly name: TableName
  /** Null when the name is gone. */
  readonly table: Table | null
  /** Whether the publication is looked at as well. */
  readonly withPublication: boolean
  /** The relations whose changes reach the shape, and since when (performance.now()); undefined when it has ended. */
  readonly sources: ReadonlyMap<number, number> | undefined
  /** Called for each partition that has joined. */
  readonly follow: (oid: number) => void
}

const isPublished = (table: Table | null) => table !== null && table.published && table.fullIdentity

const fits = (definition: ShapeDefinition, table: Table) =>
  stillFits(definition, table.columns) && JSON.stringify(definition.primaryKey) === JSON.stringify(table.primaryKey)

/** New partitions are followed; false when rows came or went with one, without a change that says so. */
const keepsPartitions = (table: Table, { sources, follow }: Look): boolean => {
  if (sources === undefined) return true
  if ([...sources].some(([oid, since]) => since < table.readAt && !table.sources.includes(oid))) return false
  const added = table.sources.filter(oid => !sources.has(oid))
  if (added.some(oid => table.attached.includes(oid))) return false
  for (const oid of added) follow(oid)
  return true
}

const innerMisfit = ({ inner: tables }: ShapeDefinition, { name, table, withPublication }: Look): string | null => {
  const inner = tables.find(({ schema, name: own }) => schema === name.schema && own === name.name)
  if (inner === undefined)
    return tables.some(({ oid }) => oid === table?.oid) ? 'a table of its subqueries was renamed' : null
  if (table === null || inner.oid !== table.oid || table.inherited || !innerStillFits(inner, table.columns))
    return 'a table of its subqueries is gone or was altered'
  return withPublication && !isPublished(table) ? 'a table of its subqueries is no longer published' : null
}

const outerMisfit = ({ definition, publishedAs }: Shape, look: Look): string | null => {
  const { name, table, withPublication } = look
  const sameName = definition.schema === name.schema && definition.name === name.name
  if (!sameName) return table !== null && definition.oid === table.oid ? 'its table was renamed' : null
  if (table === null) return 'its table is gone'
  if (definition.oid !== table.oid) return 'its table was replaced'
  if (table.inherited || !fits(definition, table)) return 'its table was altered'
  if (table.partitioned && !keepsPartitions(table, look)) return 'a partition was attached or detached'
  if (!withPublication) return null
  if (!isPublished(table)) return 'its table is no longer published'
  const wasOut = publishedAs !== undefined && publishedAs !== table.publishedAs
  return wasOut ? 'its table was taken out of the publication for a while' : null
}

/** Why the shape no longer fits what the catalogs say; null when it does. */
export const misfit = (shape: Shape, look: Look): string | null =>
  innerMisfit(shape.definition, look) ?? outerMisfit(shape, look)
