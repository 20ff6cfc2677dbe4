// The proof: every row of every shape, in both clients and in Postgres, compared column by column.
import { sql } from 'kysely'
import type { Database } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import type { Collection } from '#sync/client/collection.ts'
import type { AnyRow } from '#sync/client/types.ts'
import { type BoardShape, boardShapes } from './desktop.ts'

const tables: Readonly<Record<BoardShape, readonly [table: string, scope: string]>> = {
  application: ['applications', 'id'],
  application_members: ['application_members', 'application_id'],
  projects: ['projects', 'application_id'],
  project_members: ['project_members', 'application_id'],
  project_aggregates: ['project_aggregates', 'application_id'],
  task_statuses: ['task_statuses', 'application_id'],
  tasks: ['tasks', 'application_id'],
  checklists: ['checklists', 'application_id'],
  checklist_items: ['checklist_items', 'application_id'],
  comments: ['comments', 'application_id'],
  mentions: ['mentions', 'application_id'],
}

const keyOf = (row: AnyRow): string => (row.id ?? row.project_id) as string

/** A row as one comparable text: columns by name, values as JSON writes them. */
const textOf = (row: AnyRow, columns: readonly string[]): string =>
  JSON.stringify(columns.map(column => [column, row[column] ?? null]))

const fromPostgres = async (database: Database, shape: BoardShape, applicationId: string): Promise<AnyRow[]> => {
  const [table, scope] = tables[shape]
  const { rows } = await database.read(reader =>
    sql<AnyRow>`select * from ${sql.table(table)} where ${sql.ref(scope)} = ${applicationId}`.execute(reader),
  )
  // through JSON, as the API sends them: dates become text
  return JSON.parse(JSON.stringify(rows)) as AnyRow[]
}

export interface Comparison {
  /** Rows in Postgres, each of which was compared with every copy. */
  readonly rows: number
  readonly differences: readonly string[]
}

/** Who holds copies of the board's shapes. */
export interface Holder {
  readonly name: string
  readonly shapes: ReadonlyMap<BoardShape, Collection<AnyRow>>
}

/** Compares all shapes of `desktops` with Postgres. */
export const compareEverywhere = async (
  database: Database,
  applicationId: string,
  desktops: readonly Holder[],
): Promise<Comparison> => {
  const differences: string[] = []
  let rows = 0
  for (const shape of boardShapes) {
    const truth = new Map((await fromPostgres(database, shape, applicationId)).map(row => [keyOf(row), row]))
    rows += truth.size
    for (const { name, shapes } of desktops) {
      const held = new Map(
        must(shapes.get(shape))
          .rows()
          .map(row => [keyOf(row), row]),
      )
      for (const [key, row] of truth) {
        const mine = held.get(key)
        if (!mine) differences.push(`${name} misses ${shape} ${key}`)
        else {
          const columns = Object.keys(mine).toSorted((a, b) => (a < b ? -1 : 1))
          if (textOf(mine, columns) !== textOf(row, columns)) differences.push(`${name} holds another ${shape} ${key}`)
        }
      }
      for (const key of held.keys()) if (!truth.has(key)) differences.push(`${name} still holds ${shape} ${key}`)
    }
  }
  return { rows, differences }
}
