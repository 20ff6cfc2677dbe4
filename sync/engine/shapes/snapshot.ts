// Reading a shape's rows, for its snapshot and for subsets, in a REPEATABLE READ transaction whose pg_snapshot is known.
// A snapshot counts only when it contains every transaction that was dispatched before the shape began to listen:
// otherwise that transaction would be neither in the rows nor in the stream.
import type { Pool, PoolClient } from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { quoteRelation, type RelationName } from '../identifiers.ts'
import { parseLsn } from '../lsn.ts'
import { isFull } from '../storage.ts'
import { defaults, type PgSnapshot } from '../protocol.ts'
import { containsAll } from '../replication/unproven.ts'
import { CopyOut } from './copy-out.ts'
import type { ShapeDefinition } from './definition.ts'
import { parseSnapshot } from './pg-snapshot.ts'

/** Refusals that the reader may repeat: 503 with this text. */
export class SnapshotRefused extends Error {
  override name = 'SnapshotRefused'
}

/** The shape's own clause raises for one of the rows: 400 with Postgres' text. */
export class ClauseRaised extends Error {
  override name = 'ClauseRaised'
}

/** An open read transaction. */
export interface ReadTransaction {
  readonly snapshot: PgSnapshot
  /** No transaction in the snapshot has a commit record at or after this. */
  readonly insertLsn: bigint
  /** The bytes of `COPY (query) TO STDOUT`, once; none without a query. */
  readonly rows: AsyncIterable<Buffer>
}

/** What a read transaction needs beside its query. */
export interface ReadOptions {
  /** Transactions that the snapshot has to contain. */
  readonly needed: () => readonly number[]
  /** Hears of every snapshot that was taken. */
  readonly seen: (snapshot: PgSnapshot) => void
  /** How long is waited for a snapshot that contains them. */
  readonly visibilityMs: number
  /** How long the first row, and the locks and the snapshot before it, may take together; without it as long as Postgres lets them. */
  readonly firstRowMs?: number
  readonly signal: AbortSignal
}

/** What a read transaction reads. */
export interface Query {
  readonly sql: string
  /** All tables that it names. */
  readonly tables: readonly RelationName[]
}

/**
 * The tables are locked first, as the query would: one that another transaction writes anew (ALTER TABLE with a new type or
 * default) looks empty in snapshots from before that, and must not be altered between the snapshot and the rows.
 */
const begin = (query: Query | null): string => {
  const tables = (query?.tables ?? []).map(quoteRelation).join(', ')
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = ${defaults.lockTimeoutMs};
${tables === '' ? '' : `LOCK TABLE ${tables} IN ACCESS SHARE MODE;\n`}SELECT pg_current_snapshot()::text AS snapshot, pg_current_wal_insert_lsn()::text AS lsn`
}

/** Ends a wait with `tookTooLong`. */
interface TimeLimit {
  race<T>(promise: Promise<T>): Promise<T>
  /** What was waited for is there. */
  clear(): void
}

/** Counts from now; none without `ms`. */
const limitTo = (ms: number | undefined): TimeLimit | undefined => {
  if (ms === undefined) return undefined
  const late = Promise.withResolvers<never>()
  late.promise.catch(() => {})
  const timer = setTimeout(() => late.reject(tookTooLong(ms)), ms)
  return { race: promise => Promise.race([promise, late.promise]), clear: () => clearTimeout(timer) }
}

/** `rows`, of which the first piece, or their end, has to come in time. They are left where they are when it does not. */
async function* inTime(rows: CopyOut, limit: TimeLimit): AsyncGenerator<Buffer, void> {
  const iterator = rows[Symbol.asyncIterator]()
  let next = await limit.race(iterator.next())
  limit.clear()
  for (; next.done !== true; next = await iterator.next()) yield next.value
}

/** `use` in one transaction; null when its snapshot lacks something that is needed. */
const attempt = async <T>(
  pool: Pool,
  query: Query | null,
  together: boolean,
  { needed, seen, firstRowMs }: ReadOptions,
  use: (transaction: ReadTransaction) => Promise<T>,
): Promise<{ readonly result: T } | null> => {
  const client = await pool.connect()
  let broken = true
  let rows: CopyOut | undefined
  const limit = limitTo(firstRowMs)
  try {
    const rest = query === null ? 'COMMIT' : `COPY (${query.sql}) TO STDOUT; COMMIT`
    rows = client.query(together ? new CopyOut(begin(query), rest) : new CopyOut(begin(query)))
    const [text, lsn] = await (limit?.race(rows.row) ?? rows.row)
    const snapshot = parseSnapshot(must(text))
    seen(snapshot)
    if (!containsAll(snapshot, needed())) {
      rows.discard()
      broken = !(await rollsBack(client))
      return null
    }
    if (!together) rows = client.query(new CopyOut(rest))
    const taken = limit === undefined ? rows : inTime(rows, limit)
    const result = await use({ snapshot, insertLsn: parseLsn(must(lsn)), rows: taken })
    broken = !rows.over
    return { result }
  } catch (error) {
    // what is still to come must not hold up what follows
    rows?.discard()
    broken = !(await rollsBack(client))
    throw error
  } finally {
    limit?.clear()
    client.release(broken)
  }
}

/**
 * Runs `use` in a transaction whose snapshot contains all of `needed()`, with the rows of `query`; waits at most
 * `visibilityMs` for that.
 */
export const withReadTransaction = async <T>(
  pool: Pool,
  query: Query | null,
  options: ReadOptions,
  use: (transaction: ReadTransaction) => Promise<T>,
): Promise<T> => {
  const deadline = Date.now() + options.visibilityMs
  for (let tries = 0; ; tries++) {
    // Nearly always the first snapshot is good; the rows of those that are not would be read in vain again and again.
    const read = await attempt(pool, query, tries === 0, options, use)
    if (read !== null) return read.result
    if (Date.now() > deadline || options.signal.aborted)
      throw new SnapshotRefused('Snapshot timed out while waiting for a commit to become visible')
    await pause(Math.min(50, 2 ** tries), options.signal)
  }
}

/** True when the connection is usable again; a COPY that was left in the middle is not worth draining. */
const rollsBack = (client: PoolClient): Promise<boolean> =>
  Promise.race([
    client.query('ROLLBACK').then(
      () => true,
      () => false,
    ),
    pause(100).then(() => false),
  ])

/** `SELECT columns FROM the table WHERE …`; every condition stands in parentheses of its own. */
export const selectRows = (
  definition: ShapeDefinition,
  columns: string,
  conditions: readonly string[] = [],
  rest = '',
): Query => {
  const all = [...(definition.where === null ? [] : [definition.where.sql]), ...conditions]
  const where = all.length === 0 ? '' : ` WHERE ${all.map(condition => `(${condition})`).join(' AND ')}`
  const sql = `SELECT ${columns} FROM ${quoteRelation(definition)}${where}${rest}`
  return { sql, tables: [definition, ...definition.inner] }
}

/** Nothing has come for `ms`. */
export const tookTooLong = (ms: number): SnapshotRefused =>
  new SnapshotRefused(`Snapshot query took too long to return data (cancelled after ${ms}ms)`)

// Data exceptions, exceeded limits, collations that contradict each other, and NaN or infinity as an integer.
const clauseCodes = /^(22|54|42P22|0A000)/

/** Whether Postgres raised because of what a clause computes. */
export const isOfClause = (error: unknown): boolean => clauseCodes.test((error as { code?: string }).code ?? '')

/** What a failure while rows are read means for the reader; `where` when the rows were chosen by a clause. */
export const explainFailure = (error: unknown, where = false): SnapshotRefused | ClauseRaised => {
  if (error instanceof SnapshotRefused) return error
  const { code, message } = error as { code?: string; message: string }
  if (where && isOfClause(error)) return new ClauseRaised(message)
  if (code === '55P03') return new SnapshotRefused('Snapshot timed out while waiting for a table lock')
  if (code === '57014') return tookTooLong(defaults.snapshotFirstRowMs)
  if (isFull(error))
    return new SnapshotRefused('Unable to create initial snapshot: the storage of the server cannot be written')
  if (code === '42501') return new SnapshotRefused(`Unable to create initial snapshot: ${message}`)
  return new SnapshotRefused('Unable to create initial snapshot')
}
