// Shapes from their first request to their end: one shape per identity, what it listens to, its retirement and eviction.
// Invariants: a handle is never given twice; a shape leaves the router before anything else when it ends; nobody is
// told about its end before that is durable.
import { join } from 'node:path'
import { pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { newFileLog, openFileLog } from '../log/file-log.ts'
import type { PgSnapshot } from '../protocol.ts'
import { identifyWholly } from '../replication/publication.ts'
import { isFull, type Storage, storageRetryMs } from '../storage.ts'
import type { CatalogEntry } from './catalog.ts'
import { Looks, misfit, type TableName } from './compare.ts'
import { sameInner, type ShapeDefinition } from './definition.ts'
import { type Folder, folderAt } from './folder.ts'
import { makeSnapshot, type SnapshotParts } from './make-snapshot.ts'
import type { Resolved } from './resolve.ts'
import type { Router } from './router.ts'
import { type Loaded, Shape } from './shape.ts'
import { ClauseRaised, explainFailure, SnapshotRefused } from './snapshot.ts'
import { Snapshot } from './snapshot-files.ts'
import { compileShapeWhere } from './subquery/compile.ts'
import { innerTablesOf } from './subquery/definition.ts'
import { readTable, type Table } from './tables.ts'

/** What the shapes of an engine are made and kept with. */
export interface LifecycleParts extends SnapshotParts {
  readonly folder: string
  readonly chunkBytes: number
  readonly router: Router
  readonly durableLsn: () => bigint
  /** The shape is gone, and its files are about to go. */
  readonly onRetired: (shape: Shape) => void
  readonly storage: Storage
  readonly log: Log
  readonly now: () => number
  /** Microseconds, strictly rising; see `createHandleClock`. */
  readonly handleTime: () => bigint
}

/** A shape that is being made. */
interface Starting {
  readonly abort: AbortController
  /** Settles when it is there, or has failed and ended. */
  readonly done: Promise<void>
  /** Settles when nothing is written to its folder any more. */
  readonly over: Promise<void>
  /** See `Shapes.taken`. */
  readonly taken: Promise<PgSnapshot | undefined>
}

/** Definitions whose clause is known to raise, at most. */
const raisedLimit = 1000

/** The shapes of an engine. */
export class Shapes {
  readonly #parts: LifecycleParts
  readonly #byHandle = new Map<string, Shape>()
  readonly #byIdentity = new Map<string, Shape>()
  readonly #starting = new Map<Shape, Starting>()
  readonly #failures = new WeakMap<Shape, Error>()
  /** Definitions whose clause raised for some row. */
  readonly #raised = new Set<string>()
  readonly #knownTables = new Set<number>()
  readonly #roots = new Map<number, Set<Shape>>()
  /** The relations whose changes reach a shape, and since when (performance.now()). */
  readonly #sources = new Map<Shape, Map<number, number>>()
  readonly #looks = new Looks()
  readonly #closing = new AbortController()

  constructor(parts: LifecycleParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#byHandle.size
  }

  byHandle(handle: string): Shape | undefined {
    return this.#byHandle.get(handle)
  }

  byIdentity(identity: string): Shape | undefined {
    return this.#byIdentity.get(identity)
  }

  /** Why the snapshot of `shape` could not be made. */
  failureOf(shape: Shape): Error | undefined {
    return this.#failures.get(shape)
  }

  /** Takes over a shape of an earlier run; its files are opened when someone needs them. */
  restore(entry: CatalogEntry): void {
    const folder = this.#folderOf(entry.handle)
    const shape = new Shape({
      handle: entry.handle,
      definition: entry.definition,
      snapshot: Snapshot.restore(folder, entry.snapshot, entry.chunks),
      since: 0,
      now: this.#parts.now(),
      filter: { snapshot: entry.snapshot, until: entry.until },
      loaded: () => this.#load(shape, entry),
    })
    shape.recorded = true
    shape.publishedAs = entry.publishedAs
    this.#byHandle.set(shape.handle, shape)
    this.#byIdentity.set(entry.definition.identity, shape)
    for (const oid of [...entry.sources, ...entry.definition.inner.map(inner => inner.oid)]) this.#knownTables.add(oid)
    this.#listen(shape, entry.sources)
  }

  /** The snapshot that the rows of `shape` are read in, once it is taken; undefined when it will not be, or was before. */
  taken(shape: Shape): Promise<PgSnapshot | undefined> {
    return this.#starting.get(shape)?.taken ?? Promise.resolve(undefined)
  }

  /** The shape of this definition; begins to make it when there is none. */
  getOrCreate(resolved: Resolved): Shape {
    const { definition, table } = resolved
    const existing = this.#byIdentity.get(definition.identity)
    if (existing !== undefined) return existing
    const { reader, unproven, now } = this.#parts
    const hash = Number.parseInt(definition.identity.slice(0, 8), 16)
    const handle = `${hash}-${this.#parts.handleTime()}`
    const folder = this.#folderOf(handle)
    const shape = new Shape({
      handle,
      definition,
      snapshot: Snapshot.create(folder, this.#parts.chunkBytes),
      since: reader.nextSequence,
      now: now(),
      filter: null,
      loaded: this.#begun(folder, resolved),
    })
    // In one step: from here on no transaction is missed, and these are the ones that the snapshot has to contain.
    this.#listen(shape, table.sources)
    const { filter } = resolved
    if (filter !== null)
      shape.moves = this.#parts.subqueries.attach(shape, filter, {
        sources: table.sources,
        since: shape.since,
        snapshot: undefined,
      })
    const needed = unproven.touching(relationsOf(definition, table.sources), reader.openXid)
    this.#byHandle.set(handle, shape)
    this.#byIdentity.set(definition.identity, shape)
    const abort = new AbortController()
    const taken = Promise.withResolvers<PgSnapshot | undefined>()
    const making = makeSnapshot(
      {
        shape,
        resolved,
        needed,
        signal: abort.signal,
        knownTables: this.#knownTables,
        onTaken: taken.resolve,
        raised: this.#raised,
      },
      this.#parts,
    )
    const done = making.catch((error: unknown) => this.fail(shape, error))
    const over = making.catch(() => {})
    void over.then(() => taken.resolve(undefined))
    this.#starting.set(shape, { abort, done, over, taken: taken.promise })
    void done.finally(() => this.#starting.delete(shape))
    return shape
  }

  /** Ends a shape; settles when that is durable. Readers are told then. */
  retire(shape: Shape, reason: string): Promise<void> {
    shape.retiring ??= this.#retire(shape, reason)
    return shape.retiring
  }

  /** Ends every shape. */
  async retireAll(reason: string): Promise<void> {
    await Promise.all([...this.#byHandle.values()].map(shape => this.retire(shape, reason)))
  }

  /** Ends the shapes that were not asked for the longest time until `most` are left; those that someone waits for last. */
  async evict(most: number): Promise<void> {
    const extra = this.#byHandle.size - most
    if (extra <= 0) return
    const oldest = [...this.#byHandle.values()]
      .sort((a, b) => Number(a.waiting > 0) - Number(b.waiting > 0) || a.lastUsed - b.lastUsed)
      .slice(0, extra)
    await Promise.all(oldest.map(shape => this.retire(shape, 'there are too many shapes')))
  }

  /**
   * Ends the shapes that no longer fit what the catalogs say; `table` is null when the name is gone. `withPublication`
   * looks at the publication as well, which a table read while another request publishes it would get wrong.
   */
  compare(name: TableName, table: Table | null, withPublication: boolean): void {
    // Nearly always nothing has changed since the last look; then the number of shapes must not matter.
    if (this.#looks.isSame(name, table, this.size === 0) && !withPublication) return
    for (const shape of this.#byHandle.values()) {
      const reason = misfit(shape, {
        name,
        table,
        withPublication: withPublication && !this.#starting.has(shape),
        sources: this.#sources.get(shape),
        follow: oid => this.follow(shape, oid),
      })
      if (reason !== null) void this.retire(shape, reason)
    }
  }

  /** A partition of the shape's table has appeared: its changes reach the shape from now on. */
  follow(shape: Shape, oid: number): void {
    const sources = this.#sources.get(shape)
    if (sources === undefined || sources.has(oid)) return
    sources.set(oid, performance.now())
    const { router, publicationMode, pool, log } = this.#parts
    router.add(shape, [oid])
    shape.moves?.addSource(oid)
    if (publicationMode === 'automatic')
      identifyWholly(pool, oid).catch((error: unknown) => log.warn('a partition keeps its REPLICA IDENTITY', { error }))
  }

  /** Shapes of partitioned tables by the table's oid. */
  roots(): ReadonlyMap<number, ReadonlySet<Shape>> {
    return this.#roots
  }

  /** Names of the tables that have shapes. */
  tables(): readonly TableName[] {
    const names = new Map<string, TableName>()
    for (const { definition } of this.#byHandle.values())
      for (const { schema, name } of [definition, ...definition.inner])
        names.set(JSON.stringify([schema, name]), { schema, name })
    return [...names.values()]
  }

  /** Stops making snapshots; what is unfinished is gone. */
  async close(): Promise<void> {
    this.#closing.abort()
    const starting = [...this.#starting.values()]
    for (const { abort } of starting) abort.abort()
    await Promise.all(starting.map(({ done }) => done))
  }

  #listen(shape: Shape, sources: readonly number[]): void {
    const { oid, inner } = shape.definition
    this.#parts.router.add(shape, sources)
    this.#sources.set(shape, new Map(sources.map(oid => [oid, 0])))
    this.#parts.router.add(
      shape,
      inner.map(table => table.oid),
      true,
    )
    if (sources.includes(oid)) return
    const shapes = this.#roots.get(oid)
    if (shapes === undefined) this.#roots.set(oid, new Set([shape]))
    else shapes.add(shape)
  }

  #folderOf(handle: string): Folder {
    const split = handle.slice(-2)
    return folderAt(join(this.#parts.folder, 'shapes', split, handle))
  }

  /** What a new shape has: nothing is on disk before its first rows are. */
  #begun(folder: Folder, { where, filter }: Resolved): Loaded {
    const { chunkBytes, reach } = this.#parts
    const log = newFileLog(join(folder.path, 'log'), { chunkBytes, reach, ready: folder.ready })
    return { log, bindFilter: where === null || filter !== null ? null : columns => where.compile(columns) }
  }

  /** What an earlier run has left. */
  async #load(shape: Shape, origin: CatalogEntry): Promise<Loaded> {
    const { chunkBytes, durableLsn, reach, pool, publication, subqueries, reader } = this.#parts
    await shape.snapshot.check()
    const path = join(shape.snapshot.folder.path, 'log')
    const log = await openFileLog(path, { chunkBytes, durableLsn: durableLsn(), reach })
    const { where, oid } = shape.definition
    if (where === null) return { log, bindFilter: null }
    const table = await readTable(pool, shape.definition, publication)
    if (table?.oid !== oid) throw new Error('the table is gone')
    const compiled = await compileShapeWhere(where.text, where.params, table, relation =>
      readTable(pool, relation, publication),
    )
    const { filter } = compiled
    if (filter === null) return { log, bindFilter: columns => compiled.where.compile(columns) }
    if (!sameInner(shape.definition.inner, innerTablesOf(filter)))
      throw new Error('a table of its subqueries was altered')
    if (shape.retiring === undefined) {
      // Nothing of its tables has been decoded before this: the transaction that is open may be the first.
      shape.moves = subqueries.attach(shape, filter, {
        sources: [...(this.#sources.get(shape)?.keys() ?? origin.sources)],
        since: reader.sequence,
        snapshot: { snapshot: origin.snapshot, until: origin.until },
      })
      subqueries.load(shape.moves)
    }
    return { log, bindFilter: null }
  }

  /** Ends a shape that could not be made, or not be kept; its readers hear why. */
  fail(shape: Shape, error: unknown): Promise<void> {
    if (shape.retiring === undefined && !this.#closing.signal.aborted)
      this.#parts.log.warn('a snapshot failed', { handle: shape.handle, error })
    if (isFull(error)) void this.#parts.storage.concerns(error)
    const { where, identity } = shape.definition
    const explained = explainFailure(error, where !== null)
    if (explained instanceof ClauseRaised && this.#raised.add(identity).size > raisedLimit)
      this.#raised.delete(must([...this.#raised][0]))
    this.#failures.set(shape, explained)
    shape.snapshot.fail(explained)
    // The catalog is closed, and does not have this shape.
    if (this.#closing.signal.aborted && this.#starting.has(shape)) return Promise.resolve()
    return this.retire(shape, 'its snapshot failed')
  }

  async #retire(shape: Shape, reason: string): Promise<void> {
    const { router, catalog, log, reach } = this.#parts
    router.remove(shape)
    this.#sources.delete(shape)
    if (shape.moves !== undefined) this.#parts.subqueries.detach(shape.moves)
    const { identity, oid } = shape.definition
    const roots = this.#roots.get(oid)
    roots?.delete(shape)
    if (roots?.size === 0) this.#roots.delete(oid)
    if (this.#byIdentity.get(identity) === shape) this.#byIdentity.delete(identity)
    const starting = this.#starting.get(shape)
    starting?.abort.abort()
    log.info('a shape ends', { handle: shape.handle, reason })
    if (shape.recorded) catalog.retire(shape.handle)
    reach('shape.before-retire')
    if (shape.recorded && !(await this.#stored(shape))) return
    reach('shape.retired')
    this.#byHandle.delete(shape.handle)
    shape.retired = true
    this.#parts.onRetired(shape)
    shape.snapshot.fail(new SnapshotRefused('The shape has ended'))
    shape.wake()
    const removed = this.#remove(shape, starting?.over)
    // what is still being made ends by itself, and nobody waits for that
    if (starting === undefined || this.#failures.has(shape)) await removed
  }

  /** Removes the files of a shape once nothing is written to them any more: they would come back. */
  async #remove({ handle, snapshot }: Shape, over: Promise<void> | undefined): Promise<void> {
    await over
    await snapshot.folder
      .remove()
      .catch((error: unknown) =>
        this.#parts.log.warn('the files of an ended shape could not be removed', { handle, error }),
      )
  }

  /** Stores the end of `shape`, however long that takes; false when the engine closes first: then it never ended. */
  async #stored({ handle }: Shape): Promise<boolean> {
    const { catalog, storage, log } = this.#parts
    for (;;) {
      try {
        await catalog.sync()
        return true
      } catch (error) {
        if (this.#closing.signal.aborted) return false
        // Nobody may be told what is not durable: until it is, the shape is refused with 503.
        if (!(await storage.concerns(error))) log.error('the end of a shape could not be stored', { handle, error })
        await pause(storageRetryMs, this.#closing.signal)
      }
    }
  }
}

/** The relations that a snapshot of a shape reads. */
export const relationsOf = (definition: ShapeDefinition, sources: readonly number[]): readonly number[] => [
  ...sources,
  ...definition.inner.map(inner => inner.oid),
]

/** Microseconds of Unix time, never twice the same, never less than `floor`. */
export const createHandleClock = (now: () => number): (() => bigint) => {
  let last = 0n
  return () => {
    const time = BigInt(Math.floor(now() * 1000))
    last = time > last ? time : last + 1n
    return last
  }
}
