// What a shape is: everything that two requests must agree on to read the same log, in a form that can be stored.
import type { RelationName } from '../identifiers.ts'

/** A row filter as it is stored: the request's text plus what compiling it found out. */
export interface StoredWhere {
  readonly text: string
  readonly params: Readonly<Record<string, string>>
  readonly sql: string
  readonly columns: readonly string[]
  readonly equalities: readonly { readonly column: string; readonly values: readonly string[] }[]
}

/** A column that the shape depends on; a change of any of these ends the shape. */
export interface DefinitionColumn {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  /** pg_attribute.attnum: another column of the same name has another. The stream does not know it, nor the collation. */
  readonly number?: number
  readonly collationOid?: number
}

/** A table that a subquery reads, with the columns that it looks at: a change of one of them ends the shape. */
export interface InnerTable extends RelationName {
  readonly oid: number
  readonly columns: readonly DefinitionColumn[]
}

export interface ShapeDefinition extends RelationName {
  /** Equal for requests that share a shape. */
  readonly identity: string
  readonly oid: number
  /** Names of the primary key's columns; empty without one. */
  readonly primaryKey: readonly string[]
  /** All columns of the table, in its order. */
  readonly tableColumns: readonly DefinitionColumn[]
  /** Names of the columns that are sent, in the table's order. */
  readonly selected: readonly string[]
  /** `columns` was not given: a new column of the table ends the shape. */
  readonly allColumns: boolean
  readonly where: StoredWhere | null
  /** The tables of the clause's subqueries, each once. */
  readonly inner: readonly InnerTable[]
  readonly replica: 'default' | 'full'
  readonly log: 'full' | 'changes_only'
}

/** Names of the columns whose values make the key: the primary key, or every column. */
export const keyColumns = (definition: ShapeDefinition): readonly string[] =>
  definition.primaryKey.length > 0 ? definition.primaryKey : definition.tableColumns.map(column => column.name)

/** What a definition remembers of a column. */
export const rememberedColumn = (column: Required<DefinitionColumn>): DefinitionColumn => {
  const { name, typeOid, typmod, number, collationOid } = column
  return { name, typeOid, typmod, number, collationOid }
}

const agree = (before: number | undefined, now: number | undefined) =>
  before === undefined || now === undefined || before === now

const isSame = (before: DefinitionColumn, now: DefinitionColumn | undefined): boolean =>
  now !== undefined &&
  before.typeOid === now.typeOid &&
  before.typmod === now.typmod &&
  agree(before.number, now.number) &&
  agree(before.collationOid, now.collationOid)

/** Whether an inner table still has the columns that the shape looks at. */
export const innerStillFits = (inner: InnerTable, columns: readonly DefinitionColumn[]): boolean =>
  inner.columns.every(column =>
    isSame(
      column,
      columns.find(({ name }) => name === column.name),
    ),
  )

/** Whether a clause's inner tables, compiled anew, are those that were stored: perhaps by a version that knew less of columns. */
export const sameInner = (before: readonly InnerTable[], now: readonly InnerTable[]): boolean =>
  before.length === now.length &&
  before.every((table, index) => {
    const other = now[index]
    return (
      other?.oid === table.oid &&
      other.schema === table.schema &&
      other.name === table.name &&
      other.columns.length === table.columns.length &&
      innerStillFits(table, other.columns)
    )
  })

/** Whether rows of a table that now has `columns` still are what the shape's log says they are. */
export const stillFits = (definition: ShapeDefinition, columns: readonly DefinitionColumn[]): boolean => {
  if (definition.allColumns && columns.length !== definition.tableColumns.length) return false
  const now = new Map(columns.map(column => [column.name, column]))
  const needed =
    definition.allColumns || definition.primaryKey.length === 0
      ? null
      : new Set([...definition.selected, ...definition.primaryKey, ...(definition.where?.columns ?? [])])
  return definition.tableColumns.every(
    column => (needed !== null && !needed.has(column.name)) || isSame(column, now.get(column.name)),
  )
}
