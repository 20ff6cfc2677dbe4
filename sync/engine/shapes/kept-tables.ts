// What the catalogs said about tables, kept for the next shape of the same table. Reading them takes longer than reading
// a board's rows; whether they are still so is a smaller question, which Postgres can answer while the rows are read, or
// which the snapshot of the rows answers: where no transaction has ended since, nothing was altered.
import type { Pool } from 'pg'
import { must } from '#server/kernel/must.ts'
import type { RelationName } from '../identifiers.ts'
import type { PgSnapshot } from '../protocol.ts'
import { shareReads } from '../share-reads.ts'
import { formatSnapshot } from './pg-snapshot.ts'
import { readTable, readVersions, type Table } from './tables.ts'

/** Tables that are kept, at most. */
const keptLimit = 1000

export interface KeptTables {
  /** What the catalogs say, read after this was called; null when there is no such table. */
  read(relation: RelationName): Promise<Table | null>
  /** What they said when the table was last read. */
  kept(relation: RelationName): Table | undefined
  /**
   * Whether what `kept` gave is still so, asked after this was called; or, with `snapshot`, in a snapshot that was taken
   * after that: Postgres is not asked when it is the one of the last look.
   */
  isStillSo(table: Table, snapshot?: PgSnapshot): Promise<boolean>
}

/** The tables of a database, as far as `publication` concerns them. */
export const createKeptTables = (pool: Pool, publication: string): KeptTables => {
  const tables = new Map<string, Table>()
  /** The snapshot in which a table was last looked at again. Equal snapshots contain the same transactions, also of catalogs. */
  const seen = new WeakMap<Table, string>()
  const keyOf = ({ schema, name }: RelationName) => JSON.stringify([schema, name])
  const read = shareReads(keyOf, relation => readTable(pool, relation, publication))
  const versions = shareReads(keyOf, relation => readVersions(pool, relation, publication))
  return {
    read: async relation => {
      const table = await read(relation)
      const key = keyOf(relation)
      tables.delete(key)
      // One that has yet to be published is about to change.
      if (table !== null && table.versions !== null && table.published && table.fullIdentity) {
        tables.set(key, table)
        if (tables.size > keptLimit) tables.delete(must(tables.keys().next().value))
      }
      return table
    },
    kept: relation => tables.get(keyOf(relation)),
    isStillSo: async (table, snapshot) => {
      if (snapshot !== undefined && (seen.get(table) ?? table.asOf) === formatSnapshot(snapshot)) return true
      const now = await versions(table)
      if (now.versions !== table.versions) return false
      seen.set(table, now.asOf)
      return true
    },
  }
}
