// The snapshot of a new shape: its tables published, its rows copied, its files sealed, the shape recorded. Invariants:
// the shape listens before this begins; it is recorded only when everything it is made of is durable; no reader gets half
// a body of a clause that is known to raise.
import type { Pool } from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import type { Reach } from '../crash-point.ts'
import { defaults, type PgSnapshot, snapshotEnd } from '../protocol.ts'
import { awaitWriters, checkPublished, type PublicationMode, publishTable } from '../replication/publication.ts'
import type { TransactionReader } from '../replication/transactions.ts'
import type { Unproven } from '../replication/unproven.ts'
import type { ShapeCatalog } from './catalog.ts'
import { createRowEncoder, type RowEncoder } from './copy-text.ts'
import { syncFolder } from './folder.ts'
import type { Resolved } from './resolve.ts'
import type { Shape } from './shape.ts'
import { selectRows, SnapshotRefused, withReadTransaction } from './snapshot.ts'
import { createTaggedEncoder } from './subquery/rows.ts'
import type { Subqueries } from './subquery/subqueries.ts'
import { readTable, type Table } from './tables.ts'

/** What snapshots are made with. */
export interface SnapshotParts {
  readonly pool: Pool
  readonly publication: string
  readonly publicationMode: PublicationMode
  readonly visibilityMs: number
  readonly firstRowMs: number
  readonly reader: TransactionReader
  readonly unproven: Unproven
  readonly subqueries: Subqueries
  readonly catalog: ShapeCatalog
  readonly onDirty: (shape: Shape) => void
  readonly reach: Reach
}

/** One snapshot that is to be made. */
export interface Making {
  readonly shape: Shape
  readonly resolved: Resolved
  /** Transactions that the snapshot has to contain. */
  readonly needed: readonly number[]
  readonly signal: AbortSignal
  /** Relations whose writers have been waited for; more join them here. */
  readonly knownTables: Set<number>
  /** Hears of the snapshot as soon as it is taken. */
  readonly onTaken: (snapshot: PgSnapshot) => void
  /** Identities of definitions whose clause raised for some row. */
  readonly raised: ReadonlySet<string>
}

/** Read again when the table has only just been published. */
const publishedAsOf = async (table: Table, { pool, publication }: SnapshotParts): Promise<string | undefined> => {
  const now = table.published ? table : await readTable(pool, table, publication)
  return now?.publishedAs ?? undefined
}

const ensurePublished = async (
  table: Table,
  { knownTables, signal }: Making,
  { pool, publication, publicationMode, reach }: SnapshotParts,
): Promise<void> => {
  const first = table.sources.some(oid => !knownTables.has(oid))
  if (publicationMode === 'manual') {
    checkPublished(table, publication)
    if (first) await awaitWriters(pool, table.sources, signal)
  } else if (!table.published || !table.fullIdentity) {
    await publishTable(pool, table, publication)
    reach('table.published')
  } else if (first) await awaitWriters(pool, table.sources, signal)
  for (const oid of table.sources) knownTables.add(oid)
}

/**
 * Lets readers see the rows. A clause may raise for some row, and then the answer is 400 and not half a body: it is
 * given a moment, and, when it is known to have raised, until the last row.
 */
const hold = (
  { shape: { snapshot, definition }, raised }: Making,
  pg: PgSnapshot,
): { now: () => void; timer: NodeJS.Timeout | undefined } => {
  const now = () => snapshot.begin(pg)
  if (definition.where === null) now()
  const held = definition.where !== null && !raised.has(definition.identity)
  return { now, timer: held ? setTimeout(now, defaults.clauseHoldMs) : undefined }
}

const encoderOf = ({ definition, moves }: Shape, { filter }: Resolved): RowEncoder =>
  filter === null || moves === undefined
    ? createRowEncoder(definition)
    : createTaggedEncoder(definition, filter, moves.tagger)

const takeRows = async (
  { shape: { snapshot }, signal }: Making,
  rows: AsyncIterable<Buffer>,
  encoder: RowEncoder,
): Promise<void> => {
  const push = encoder.into(snapshot)
  const began = performance.now()
  for await (const piece of rows) {
    push(piece)
    // What is quickly there is served as a whole; else its beginning goes out, and the pieces cut themselves.
    if (snapshot.last === 0 && performance.now() - began > defaults.firstPieceMs) snapshot.publish()
    await snapshot.backpressure()
    if (signal.aborted) throw new SnapshotRefused('Snapshot was interrupted')
  }
}

/**
 * Makes the snapshot of a new shape, which listens already: publishes its tables, reads its rows, records it. Rejects
 * with whatever is in the way, SnapshotRefused where a later attempt may succeed; the caller ends the shape then. When it
 * settles, nothing is written to the shape's folder any more.
 */
export const makeSnapshot = async (making: Making, parts: SnapshotParts): Promise<void> => {
  const { shape, resolved, needed, signal } = making
  const { catalog, pool, unproven, reader, subqueries, visibilityMs, firstRowMs, reach } = parts
  const { definition } = shape
  await ensurePublished(resolved.table, making, parts)
  shape.publishedAs = await publishedAsOf(resolved.table, parts)
  for (const table of resolved.inner) await ensurePublished(table, making, parts)
  if (shape.moves !== undefined) subqueries.load(shape.moves)
  reach('snapshot.started')
  let until = 0n
  const encoder = encoderOf(shape, resolved)
  await withReadTransaction(
    pool,
    definition.log === 'full' ? selectRows(definition, encoder.columns) : null,
    {
      needed: () => needed,
      seen: snapshot => unproven.prove(snapshot, reader.openXid),
      visibilityMs,
      firstRowMs,
      signal,
    },
    async transaction => {
      until = transaction.insertLsn
      making.onTaken(transaction.snapshot)
      const release = hold(making, transaction.snapshot)
      shape.activate({ snapshot: transaction.snapshot, until })
      subqueries.progress()
      parts.onDirty(shape)
      reach('snapshot.activated')
      try {
        await takeRows(making, transaction.rows, encoder)
      } finally {
        clearTimeout(release.timer)
      }
      release.now()
      shape.snapshot.finish(snapshotEnd(transaction.snapshot))
      shape.wake()
    },
  )
  reach('snapshot.rows-written')
  // Nobody waits for this; but those who have just been given the rows are about to ask for what follows them.
  await pause(defaults.sealDelayMs, signal)
  const chunks = await shape.snapshot.seal()
  await shape.log.flush(true)
  await syncFolder(shape.snapshot.folder.path)
  reach('snapshot.before-complete')
  if (shape.retiring !== undefined) return
  shape.recorded = true
  const { handle, publishedAs } = shape
  catalog.complete({
    handle,
    definition,
    sources: resolved.table.sources,
    ...(publishedAs === undefined ? {} : { publishedAs }),
    snapshot: must(shape.snapshot.pg),
    until,
    chunks,
  })
  await catalog.sync()
  reach('snapshot.complete')
}
