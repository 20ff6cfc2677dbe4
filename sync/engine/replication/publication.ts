// Is a table's every change going to reach us from now on? In manual mode this only looks and refuses; in automatic mode
// it publishes the table, sets REPLICA IDENTITY FULL, and lets no writer through that began before (the writer
// barrier): publication is judged per change, so an earlier change of a transaction still open would never be sent.
import type { Pool, PoolClient } from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { quoteIdentifier, quoteLiteral, quoteRelation } from '../identifiers.ts'
import { defaults } from '../protocol.ts'
import { SnapshotRefused } from '../shapes/snapshot.ts'
import type { Table } from '../shapes/tables.ts'

/** SQLSTATE of a missing publication. */
const undefinedObject = '42704'

/** Whether Postgres could not go on because the publication was missing at some point of the WAL. */
export const lacksPublication = (error: unknown): boolean => {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === undefinedObject && String(message).startsWith('publication ')
}

export type PublicationMode = 'manual' | 'automatic'

/** Oid of the publication; undefined when there is none. */
export const publicationOid = async (pool: Pool, name: string): Promise<string | undefined> => {
  const { rows } = await pool.query<{ oid: string }>('SELECT oid::text AS oid FROM pg_publication WHERE pubname = $1', [
    name,
  ])
  return rows[0]?.oid
}

/** Creates the publication if it does not exist (automatic), or complains when it does not (manual). Returns its oid. */
export const ensurePublication = async (pool: Pool, name: string, mode: PublicationMode): Promise<string> => {
  const existing = await publicationOid(pool, name)
  if (existing !== undefined) return existing
  if (mode === 'manual')
    throw Object.assign(new Error(`publication "${name}" does not exist`), { code: undefinedObject })
  const version = await pool.query<{ server_version_num: string }>('SHOW server_version_num')
  const generated = Number(version.rows[0]?.server_version_num) >= 180_000
  await pool.query(
    `CREATE PUBLICATION ${quoteIdentifier(name)}${generated ? ' WITH (publish_generated_columns = stored)' : ''}`,
  )
  return must(await publicationOid(pool, name), 'the new publication')
}

/** Refuses, with the text for the reader, when the table is not completely published. */
export const checkPublished = (table: Table, publication: string): void => {
  const name = `"${table.schema}.${table.name}"`
  if (!table.published)
    throw new SnapshotRefused(
      `Database table ${name} is missing from the publication "${publication}" and the ELECTRIC_MANUAL_TABLE_PUBLISHING setting prevents Electric from adding it`,
    )
  if (!table.fullIdentity)
    throw new SnapshotRefused(`Database table ${name} does not have its replica identity set to FULL`)
}

const sourceNames = async (client: PoolClient, table: Table): Promise<readonly string[]> => {
  const { rows } = await client.query<{ schema: string; name: string }>(
    'SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1::oid[])',
    [table.sources],
  )
  return rows.map(quoteRelation)
}

/** Publishes the table and waits out its writers. Throws SnapshotRefused when locks cannot be had in time. */
export const publishTable = async (pool: Pool, table: Table, publication: string): Promise<void> => {
  const client = await pool.connect()
  const relation = quoteRelation(table)
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${defaults.lockTimeoutMs}`)
    // One engine's requests for several tables at once must not deadlock on the publication's own row.
    await client.query(`SELECT pg_advisory_xact_lock(hashtext(${quoteLiteral(publication)}))`)
    if (!table.published) await client.query(`ALTER PUBLICATION ${quoteIdentifier(publication)} ADD TABLE ${relation}`)
    if (!table.fullIdentity)
      for (const source of await sourceNames(client, table))
        await client.query(`ALTER TABLE ONLY ${source} REPLICA IDENTITY FULL`)
    await client.query(`LOCK TABLE ${relation} IN SHARE MODE`)
    await client.query('COMMIT')
    client.release()
  } catch (error) {
    client.release(true)
    const { code, message } = error as { code?: string; message: string }
    if (code === '42710') return
    if (code === '55P03' || code === '40P01')
      throw new SnapshotRefused('Snapshot timed out while waiting for a table lock')
    throw new SnapshotRefused(`Unable to create initial snapshot: ${message}`)
  }
}

/** REPLICA IDENTITY FULL for a partition that has appeared. Best effort: without it, its first update ends the shapes. */
export const identifyWholly = async (pool: Pool, oid: number): Promise<void> => {
  const client = await pool.connect()
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${defaults.lockTimeoutMs}`)
    const { rows } = await client.query<{ name: string }>(
      `SELECT oid::regclass::text AS name FROM pg_class WHERE oid = $1 AND relreplident <> 'f'`,
      [oid],
    )
    for (const { name } of rows) await client.query(`ALTER TABLE ONLY ${name} REPLICA IDENTITY FULL`)
    await client.query('COMMIT')
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** Waits until every transaction that has written to the table by now is over, without standing in anyone's way. */
export const awaitWriters = async (pool: Pool, sources: readonly number[], signal: AbortSignal): Promise<void> => {
  const writers = async () =>
    (
      await pool.query<{ id: string }>(
        `SELECT DISTINCT virtualtransaction AS id FROM pg_locks
         WHERE locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND relation = ANY($1::oid[]) AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
           AND granted AND pid IS DISTINCT FROM pg_backend_pid()`,
        [sources],
      )
    ).rows.map(row => row.id)
  let waitingFor = await writers()
  const deadline = Date.now() + defaults.lockTimeoutMs
  while (waitingFor.length > 0) {
    if (Date.now() > deadline || signal.aborted)
      throw new SnapshotRefused('Snapshot timed out while waiting for a table lock')
    await pause(20, signal)
    const now = new Set(await writers())
    waitingFor = waitingFor.filter(id => now.has(id))
  }
}
