// What an engine has while it holds the lock of its slot: the folder's files, and the parts between the stream and the
// shapes, put together. Nothing of it outlives the lock, because the next holder may write to the same folder.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { withDeadline } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import type { Reach } from './crash-point.ts'
import type { EncodedBodies } from './encoded-bodies.ts'
import type { Running } from './endpoint.ts'
import type { EngineOptions } from './engine.ts'
import type { RelationName } from './identifiers.ts'
import { makePrivateFolder } from './private-folder.ts'
import { defaults } from './protocol.ts'
import type { Asker } from './replication/ask.ts'
import { Flusher } from './replication/flusher.ts'
import type { Relation } from './replication/pgoutput.ts'
import { openPositionFile } from './replication/position.ts'
import { TransactionReader } from './replication/transactions.ts'
import { Unproven } from './replication/unproven.ts'
import { openCatalog, type ShapeCatalog } from './shapes/catalog.ts'
import { innerStillFits, stillFits } from './shapes/definition.ts'
import { Shapes } from './shapes/lifecycle.ts'
import { parseSnapshot } from './shapes/pg-snapshot.ts'
import { createKeptTables } from './shapes/kept-tables.ts'
import { createResolver, type Resolver } from './shapes/resolve.ts'
import { Router } from './shapes/router.ts'
import { SnapshotRefused, withReadTransaction } from './shapes/snapshot.ts'
import { Subqueries } from './shapes/subquery/subqueries.ts'
import { partitionedAbove } from './shapes/tables.ts'
import type { Storage } from './storage.ts'

/** The parts of an engine that has its folder open. */
export interface Opened extends Running {
  readonly catalog: ShapeCatalog
  readonly flusher: Flusher
  readonly position: Awaited<ReturnType<typeof openPositionFile>>
  readonly router: Router
}

/** What the parts are made with; everything that lives as long as the engine itself. */
export interface OpenOptions {
  readonly engine: Pick<EngineOptions, 'storageDir' | 'publication' | 'chunkBytes' | 'moveTransactions' | 'firstRowMs'>
  readonly pool: Pool
  /** Name of the publication. */
  readonly publication: string
  readonly storage: Storage
  readonly asker: Asker
  readonly encoded: EncodedBodies
  readonly visibilityMs: number
  readonly log: Log
  readonly reach: Reach
  readonly now: () => number
  /** See `createHandleClock`. */
  readonly handleTime: () => bigint
}

/** How long the flusher waits for a snapshot that proves what has become visible. */
const proofMs = 2000

interface Affected {
  readonly pool: Pool
  readonly router: Router
  readonly shapes: Shapes
  readonly resolver: Resolver
  readonly reader: TransactionReader
  readonly visibilityMs: number
}

/** Settles when new snapshots, and with them the catalogs, show what the open transaction has done. */
const untilVisible = async ({ pool, reader: { openXid }, visibilityMs }: Affected): Promise<void> => {
  const needed = openXid === null ? [] : [openXid]
  const signal = AbortSignal.timeout(visibilityMs)
  await withReadTransaction(pool, null, { needed: () => needed, seen: () => {}, visibilityMs, signal }, async read => {
    for await (const _ of read.rows) void _
  })
}

/** Removes the folders of shapes that are not in the catalog. */
const removeOrphans = async (folder: string, handles: ReadonlySet<string>): Promise<void> => {
  const root = join(folder, 'shapes')
  for (const split of await readdir(root).catch(() => []))
    for (const handle of await readdir(join(root, split)))
      if (!handles.has(handle)) await rm(join(root, split, handle), { recursive: true, force: true })
}

/** Lets the shapes of partitioned tables follow the relation, which may be a partition that appeared after they were made. */
const onPartition = async (relation: Relation, { pool, router, shapes }: Affected): Promise<void> => {
  for (const { oid, attached } of await partitionedAbove(pool, relation.oid))
    for (const shape of shapes.roots().get(oid) ?? [])
      if (!attached) shapes.follow(shape, relation.oid)
      else if (!router.feeds(shape, relation.oid)) void shapes.retire(shape, 'a partition was attached')
}

/** For when nobody can say whether a relation is one of their partitions: its rows must not be missing. */
const endRoots = (error: unknown, { shapes }: Affected): void => {
  if (!(error instanceof SnapshotRefused)) throw error
  for (const followers of shapes.roots().values())
    for (const shape of followers) void shapes.retire(shape, 'a transaction with a new relation stays invisible')
}

/** Ends the shapes that the relation, as the stream now describes it, does not fit any more. */
const onRelation = (relation: Relation, affected: Affected): Promise<void> | null => {
  const { router, shapes, resolver } = affected
  for (const shape of router.all())
    for (const { schema, name, oid } of [shape.definition, ...shape.definition.inner]) {
      const sameName = schema === relation.schema && name === relation.name
      if (oid === relation.oid ? !sameName : sameName) void shapes.retire(shape, 'its table was renamed or replaced')
    }
  const tables = new Map<number, RelationName>()
  for (const shape of router.shapesOf(relation.oid)) {
    const { definition, moves } = shape
    const inner = definition.inner.find(({ oid }) => oid === relation.oid)
    const outer = inner === undefined || definition.oid === relation.oid || moves?.isOuter(relation.oid) === true
    if (outer && !stillFits(definition, relation.columns)) void shapes.retire(shape, 'its table was altered')
    if (inner !== undefined && !innerStillFits(inner, relation.columns))
      void shapes.retire(shape, 'a table of its subqueries was altered')
    if (shape.retiring === undefined) tables.set((inner ?? definition).oid, inner ?? definition)
  }
  // A relation is described anew after every DDL. What only the catalogs know does not hold up the stream, and what they
  // cannot be asked now the reconciler will ask.
  const roots = shapes.roots()
  if (tables.size === 0 && roots.size === 0) return null
  const visible = untilVisible(affected)
  void visible.then(() => Promise.all([...tables.values()].map(table => resolver.look(table)))).catch(() => {})
  return roots.size === 0
    ? null
    : visible.then(
        () => onPartition(relation, affected),
        (error: unknown) => endRoots(error, affected),
      )
}

/** Opens the folder and puts the parts together; the shapes of an earlier run are there again, nothing streams yet. */
export const openParts = async (options: OpenOptions): Promise<Opened> => {
  const { pool, publication, storage, encoded, log, reach, visibilityMs } = options
  const { storageDir } = options.engine
  await makePrivateFolder(storageDir, log)
  await mkdir(join(storageDir, 'shapes'), { recursive: true })
  const position = await openPositionFile(storageDir, reach)
  const catalog = await openCatalog(storageDir, reach)
  await removeOrphans(storageDir, new Set(catalog.entries.map(entry => entry.handle)))
  const router = new Router()
  const unproven = new Unproven()
  for (const [xid, tables] of position.last?.unproven ?? []) unproven.add(xid, new Set(tables))
  const reader: TransactionReader = new TransactionReader({
    router,
    unproven,
    log,
    reach,
    followers: {
      change: (relation, change, size, concerned) => subqueries.change(relation, change, size, concerned),
      commit: transaction => subqueries.commit(transaction),
      rest: () => subqueries.rest(),
      abort: () => subqueries.abort(),
      truncated: oid => subqueries.truncated(oid),
      progress: () => subqueries.progress(),
    },
    events: {
      onRetire: (shape, reason) => void shapes.retire(shape, reason),
      onRelation: relation => onRelation(relation, { pool, router, shapes, resolver, reader, visibilityMs }),
      ask: question => options.asker.ask(question),
      onDirty: (shape, size) => flusher.dirty(shape, size),
    },
  })
  const subqueries = new Subqueries({
    pool,
    router,
    reader,
    unproven,
    visibilityMs,
    moveTransactions: options.engine.moveTransactions ?? defaults.moveTransactions,
    retire: (shape, reason) => void shapes.retire(shape, reason),
    onFailure: (shape, error) => void shapes.fail(shape, error),
    onDirty: (shape, size) => flusher.dirty(shape, size),
    relieve: () => flusher.relieve(),
    log,
    reach,
  })
  const shapes: Shapes = new Shapes({
    pool,
    folder: storageDir,
    publication,
    publicationMode: options.engine.publication,
    chunkBytes: options.engine.chunkBytes ?? defaults.chunkBytes,
    visibilityMs,
    firstRowMs: options.engine.firstRowMs ?? defaults.snapshotFirstRowMs,
    router,
    reader,
    unproven,
    subqueries,
    catalog,
    durableLsn: () => position.last?.lsn ?? 0n,
    storage,
    onDirty: shape => flusher.dirty(shape, 0),
    onRetired: shape => encoded.forget(shape.snapshot.folder),
    log,
    reach,
    now: options.now,
    handleTime: options.handleTime,
  })
  const flusher: Flusher = new Flusher({
    reader,
    unproven,
    catalog,
    position,
    storage,
    prove: async () => {
      const { rows } = await withDeadline(
        pool.query<{ s: string }>('SELECT pg_current_snapshot()::text AS s'),
        proofMs,
        'asking for a snapshot',
      )
      unproven.prove(parseSnapshot(must(rows[0]).s), reader.openXid)
    },
    retire: (shape, reason) => shapes.retire(shape, reason),
    held: () => subqueries.held,
    flushMs: defaults.flushMs,
    statusMs: defaults.statusMs,
    log,
    reach,
  })
  const resolver = createResolver({
    tables: createKeptTables(pool, publication),
    living: identity => shapes.byIdentity(identity)?.definition,
    onTable: (name, table) => shapes.compare(name, table, false),
  })
  for (const entry of catalog.entries) shapes.restore(entry)
  return { shapes, subqueries, resolver, reader, unproven, catalog, flusher, position, router }
}

/** Ends what was opened. What is not yet in the files comes from the slot again. */
export const closeParts = async ({ flusher, shapes, subqueries, catalog }: Opened): Promise<void> => {
  flusher.stop()
  await shapes.close()
  await subqueries.close()
  await catalog.close()
}
