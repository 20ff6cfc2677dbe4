// The engine as a service: one replication stream under a lock, the shapes it feeds, and the route that reads them.
// The loop connects, takes the lock, opens the folder, checks that slot and folder belong together, and streams;
// whatever goes wrong ends in the next round. Requests are answered from what is stored meanwhile.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { backoff, pause, type Service, withDeadline } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import type { ShapeUpstream, UpstreamHealth } from '../upstream.ts'
import { passThrough, type Reach } from './crash-point.ts'
import { EncodedBodies } from './encoded-bodies.ts'
import { HotFiles } from './hot-files.ts'
import { Admission, type AdmissionLimits } from './admission.ts'
import { createEndpoint, notReady, type Running, type Stage } from './endpoint.ts'
import { defaults } from './protocol.ts'
import { createAsker } from './replication/ask.ts'
import { connectReplication, type ReplicationConnection, withDisplaySettings } from './replication/connection.ts'
import { Flusher } from './replication/flusher.ts'
import type { Relation } from './replication/pgoutput.ts'
import { createReporter, MisconfiguredError } from './replication/misconfigured.ts'
import { makePrivateFolder } from './private-folder.ts'
import { openPositionFile } from './replication/position.ts'
import { ensurePublication, lacksPublication, publicationOid, type PublicationMode } from './replication/publication.ts'
import { createPump } from './replication/pump.ts'
import { openWriters } from './replication/open-writers.ts'
import { replicationStatus, type ReplicationStatus } from './replication/status.ts'
import { ensureSlot, tryLock } from './replication/slot.ts'
import { TransactionReader } from './replication/transactions.ts'
import { Unproven } from './replication/unproven.ts'
import { createServer } from './serve.ts'
import { openCatalog, type ShapeCatalog } from './shapes/catalog.ts'
import { innerStillFits, stillFits } from './shapes/definition.ts'
import { createHandleClock, Shapes } from './shapes/lifecycle.ts'
import { parseSnapshot } from './shapes/pg-snapshot.ts'
import { createResolver } from './shapes/resolve.ts'
import { Router } from './shapes/router.ts'
import { Subqueries } from './shapes/subquery/subqueries.ts'
import { partitionedAbove, readTable } from './shapes/tables.ts'
import { Storage } from './storage.ts'

export interface EngineOptions {
  readonly databaseUrl: string
  /** Logs, snapshots and positions; of this engine alone, on a local disk. */
  readonly storageDir: string
  /** 'manual': tables and REPLICA IDENTITY are set elsewhere; 'automatic': by the first shape of a table. */
  readonly publication: PublicationMode
  readonly log: Log
  /** Makes the names of slot and publication; a second engine with the same one waits. Default `default`. */
  readonly replicationId?: string
  readonly publicationName?: string
  readonly slotName?: string
  readonly longPollMs?: number
  readonly sseMs?: number
  readonly sseKeepAliveMs?: number
  readonly chunkBytes?: number
  readonly allowDelete?: boolean
  readonly maxAge?: number
  readonly staleAge?: number
  readonly poolSize?: number
  /** More shapes than this, and those unused for the longest time end at the next reconciliation. */
  readonly maxShapes?: number
  /** The most requests at once; absent: no limit. */
  readonly admission?: AdmissionLimits
  /** Told once when trying again cannot help; absent: the engine says so in the log and keeps trying. */
  readonly onMisconfigured?: (error: MisconfiguredError) => void
  readonly reconcileMs?: number
  /** How long a snapshot may wait for a dispatched commit to become visible. */
  readonly visibilityMs?: number
  /** Transactions of one shape that may wait while rows move in; more end the shape. */
  readonly moveTransactions?: number
  /** How long requests wait for the engine to become ready. */
  readonly readinessMs?: number
  /** Crash points, for tests. */
  readonly reach?: Reach
  readonly now?: () => number
  readonly random?: () => number
}

/** What a caller may see and wait for. */
export interface Engine extends Service, ShapeUpstream {
  /** Every change up to this LSN is in the shapes. */
  lastProcessedLsn(): bigint
  /** What the slot was told to be durable. */
  confirmedLsn(): bigint
  /** Waits until every transaction that was committed before `lsn` is in the shapes; rejects after `ms`. */
  advance(lsn: bigint, ms?: number): Promise<void>
  /** Number of live shapes. */
  shapeCount(): number
  /** Number of value sets that subqueries of live shapes need. */
  valueSetCount(): number
  /** Items that were put into shapes since the engine was made. */
  changeCount(): number
  /** Changes of rows that were held against the filters of shapes with subqueries since the engine was made. */
  judgedCount(): number
  /** Requests that wait for a shape to change. */
  waiting(): number
  /** How the stream stands; undefined while Postgres does not say. */
  replicationStatus(): Promise<ReplicationStatus | undefined>
  /** The code of the failure while nothing can be stored (ENOSPC, EROFS, EIO …): then the stream stands still. */
  storageFailure(): string | undefined
  /** Looks for altered and dropped tables now, instead of at the next turn. */
  reconcile(): Promise<void>
}

interface Opened extends Running {
  readonly catalog: ShapeCatalog
  readonly flusher: Flusher
  readonly position: Awaited<ReturnType<typeof openPositionFile>>
  readonly router: Router
}

/** The slot of the engine with replication id `id`. */
export const slotNameOf = (id: string): string => `skerry_slot_${id}`

/** Its publication: Electric's name, so that the one it made is used on. */
export const publicationNameOf = (id: string): string => `electric_publication_${id}`

/** How long a reader of metrics, or the flusher for a proof, waits for Postgres. */
const statusMs = 2000
/** How long the catalogs may take to be compared. */
const reconcileDeadlineMs = 300_000

/** Removes the folders of shapes that are not in the catalog. */
const removeOrphans = async (folder: string, handles: ReadonlySet<string>): Promise<void> => {
  const root = join(folder, 'shapes')
  for (const split of await readdir(root).catch(() => []))
    for (const handle of await readdir(join(root, split)))
      if (!handles.has(handle)) await rm(join(root, split, handle), { recursive: true, force: true })
}

/** An engine; nothing happens before `start`. */
export const createEngine = (options: EngineOptions): Engine => {
  const { log, databaseUrl, storageDir } = options
  const id = options.replicationId ?? 'default'
  if (!/^[a-z0-9_]{1,40}$/.test(id)) throw new Error('replicationId: lower-case letters, digits and _ only')
  const slot = options.slotName ?? slotNameOf(id)
  const publication = options.publicationName ?? publicationNameOf(id)
  const reach = options.reach ?? passThrough
  const now = options.now ?? Date.now
  const random = options.random ?? Math.random
  const visibilityMs = options.visibilityMs ?? defaults.visibilityMs
  const stop = new AbortController()
  let state: UpstreamHealth = 'starting'
  let stage: Stage = 'connection'
  let opened: Opened | undefined
  let connection: ReplicationConnection | undefined
  let loop: Promise<void> | undefined
  let catchUpTo = 0n
  let reconciler: NodeJS.Timeout | undefined
  let reconciling: Promise<void> | undefined
  /** Oid of the publication that the stream began with. */
  let published: string | undefined
  let reset: string | null = null
  let stopping: Promise<void> | undefined
  const stateWaiters = new Set<() => void>()
  const handleTime = createHandleClock(now)
  const encoded = new EncodedBodies()

  const pool = new pg.Pool({
    connectionString: withDisplaySettings(databaseUrl),
    max: options.poolSize ?? 10,
    application_name: 'skerry-sync',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // a connection in use that dies between two statements is reported by the next one, not by ending the process
  pool.on('connect', client => client.on('error', () => undefined))
  pool.on('error', error => log.warn('an idle database connection failed', { error }))

  const report = createReporter(log)
  const storage = new Storage(storageDir, log)
  const admission = new Admission(options.admission ?? null)
  const asker = createAsker(databaseUrl, log)

  const setState = (next: UpstreamHealth) => {
    state = next
    for (const waiter of stateWaiters) waiter()
  }

  const onRelation = (parts: { router: Router; shapes: () => Shapes }, relation: Relation): Promise<void> | null => {
    const { router, shapes } = parts
    for (const shape of router.all())
      for (const { schema, name, oid } of [shape.definition, ...shape.definition.inner]) {
        const sameName = schema === relation.schema && name === relation.name
        if (oid === relation.oid ? !sameName : sameName)
          void shapes().retire(shape, 'its table was renamed or replaced')
      }
    for (const shape of router.shapesOf(relation.oid)) {
      const { definition, moves } = shape
      const inner = definition.inner.find(({ oid }) => oid === relation.oid)
      const outer = inner === undefined || definition.oid === relation.oid || moves?.isOuter(relation.oid) === true
      if (outer && !stillFits(definition, relation.columns)) void shapes().retire(shape, 'its table was altered')
      if (inner !== undefined && !innerStillFits(inner, relation.columns))
        void shapes().retire(shape, 'a table of its subqueries was altered')
    }
    const roots = shapes().roots()
    if (roots.size === 0) return null
    // Perhaps a partition that has appeared after the shape was made.
    return partitionedAbove(pool, relation.oid).then(above => {
      for (const { oid, attached } of above)
        for (const shape of roots.get(oid) ?? [])
          if (!attached) shapes().follow(shape, relation.oid)
          else if (!router.feeds(shape, relation.oid)) void shapes().retire(shape, 'a partition was attached')
    })
  }

  const open = async (): Promise<Opened> => {
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
        onRelation: relation => onRelation({ router, shapes: () => shapes }, relation),
        ask: question => asker.ask(question),
        onDirty: (shape, size) => flusher.dirty(shape, size),
      },
    })
    const subqueries = new Subqueries({
      pool,
      router,
      reader,
      unproven,
      visibilityMs,
      moveTransactions: options.moveTransactions ?? defaults.moveTransactions,
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
      publicationMode: options.publication,
      chunkBytes: options.chunkBytes ?? defaults.chunkBytes,
      visibilityMs,
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
      now,
      handleTime,
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
          statusMs,
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
      pool,
      publication,
      lives: identity => shapes.byIdentity(identity) !== undefined,
      onTable: (name, table) => shapes.compare(name, table, false),
    })
    for (const entry of catalog.entries) shapes.restore(entry)
    return { shapes, subqueries, resolver, reader, unproven, catalog, flusher, position, router }
  }

  const close = async (): Promise<void> => {
    const current = opened
    if (current === undefined) return
    opened = undefined
    current.flusher.stop()
    await current.shapes.close()
    await current.subqueries.close()
    await current.catalog.close()
  }

  const awaitLock = async (stream: ReplicationConnection): Promise<void> => {
    stage = 'lock'
    for (let attempt = 0; !(await withDeadline(tryLock(stream, slot), 15_000, 'asking for the lock')); attempt++) {
      if (attempt === 0) log.info('another engine holds the slot; waiting')
      setState('waiting')
      // Whoever has the lock may write to the same folder: nothing of it may stay in memory here.
      await close()
      await pause(250, stop.signal)
      if (stop.signal.aborted) throw new Error('stopped')
    }
    setState('starting')
  }

  const streamOnce = async (): Promise<void> => {
    stage = 'connection'
    const stream = await connectReplication(databaseUrl, error => {
      if (!stop.signal.aborted) log.warn('the replication connection failed', { error })
    })
    connection = stream
    try {
      if (stop.signal.aborted) return
      await awaitLock(stream)
      stage = 'slot'
      const oid = await withDeadline(
        ensurePublication(pool, publication, options.publication),
        15_000,
        'looking for the publication',
      )
      opened ??= await open()
      const current = opened
      const { shapes, reader, flusher, position } = current
      const { origin, confirmed, walEnd, broken } = await ensureSlot(stream, {
        slot,
        publication: oid,
        position: position.last,
        reset,
        onWaiting: () => void openWriters(pool).then(report.waiting, () => undefined),
        reach,
      })
      if (broken !== null) {
        log[shapes.size > 0 ? 'warn' : 'info']('the logs cannot be continued', { reason: broken, shapes: shapes.size })
        await shapes.retireAll(broken)
      }
      await position.write({ origin, lsn: confirmed, unproven: broken === null ? current.unproven.list() : [] })
      reset = null
      published = oid
      reader.restart(confirmed, broken !== null)
      catchUpTo = walEnd
      flusher.attach(stream, origin, confirmed)
      const pump = createPump(stream, reader, flusher, {
        start: () => {
          setState('active')
          report.streaming()
          log.info('streaming', { slot, publication, shapes: shapes.size })
          // The publication may have been changed while nobody looked.
          void reconcileNow()
        },
        failure: error => log.error('the stream could not be applied', { error }),
      })
      try {
        await stream.stream(slot, publication, pump)
      } catch (error) {
        if (lacksPublication(error)) reset = 'the publication was missing for a while'
        throw error
      } finally {
        flusher.detach()
        await pump.idle()
        reader.restart(0n, false)
      }
    } finally {
      stream.close()
      if (!stop.signal.aborted) setState('starting')
    }
  }

  const run = async (): Promise<void> => {
    for (let attempt = 0; !stop.signal.aborted; ) {
      const began = Date.now()
      try {
        await streamOnce()
      } catch (error) {
        if (stop.signal.aborted) return
        report.interrupted(error)
        if (error instanceof MisconfiguredError) stage = 'misconfigured'
        if (error instanceof MisconfiguredError && options.onMisconfigured !== undefined) {
          options.onMisconfigured(error)
          return
        }
      }
      if (stop.signal.aborted) return
      attempt = Date.now() - began > 10_000 ? 0 : attempt + 1
      await pause(backoff(attempt, 50, 5_000), stop.signal)
    }
  }

  const reconcile = async (): Promise<void> => {
    const current = opened
    if (current === undefined) return
    if (published !== undefined && (await publicationOid(pool, publication)) !== published && state === 'active') {
      // From some point of the WAL on Postgres sends nothing any more: the next round begins again, with a new slot.
      log.warn('the publication was dropped', { publication })
      connection?.close()
      return
    }
    for (const name of current.shapes.tables())
      current.shapes.compare(name, await readTable(pool, name, publication), true)
    if (options.maxShapes !== undefined) await current.shapes.evict(options.maxShapes)
  }

  /** One at a time; a failure is a line in the log. */
  const reconcileNow = (): Promise<void> =>
    (reconciling ??= withDeadline(reconcile(), reconcileDeadlineMs, 'comparing the catalogs')
      .catch((error: unknown) => log.warn('the catalogs could not be compared', { error }))
      .finally(() => (reconciling = undefined)))

  /** The engine once it has streamed; also while Postgres is away, but not while another engine has the lock. */
  const usable = () =>
    opened === undefined || state === 'waiting' || opened.reader.processed === 0n ? undefined : opened

  const running = async (): Promise<Running | string> => {
    const deadline = Date.now() + (options.readinessMs ?? defaults.readinessMs)
    for (;;) {
      const current = usable()
      if (current !== undefined) return current
      const left = deadline - Date.now()
      if (left <= 0 || stop.signal.aborted) return notReady(stage, report.cause)
      await new Promise<void>(resolve => {
        const finish = () => {
          clearTimeout(timer)
          stateWaiters.delete(finish)
          resolve()
        }
        const timer = setTimeout(finish, left)
        stateWaiters.add(finish)
      })
    }
  }

  const endpoint = createEndpoint({
    running,
    server: createServer({
      longPollMs: options.longPollMs ?? defaults.longPollMs,
      sseMs: options.sseMs ?? defaults.sseMs,
      sseKeepAliveMs: options.sseKeepAliveMs ?? defaults.sseKeepAliveMs,
      maxAge: options.maxAge ?? defaults.maxAge,
      staleAge: options.staleAge ?? defaults.staleAge,
      processed: () => opened?.reader.processed ?? 0n,
      ready: () => state === 'active',
      encoded,
      hot: new HotFiles(),
      caughtUp: () => (opened?.reader.processed ?? 0n) + 1n >= catchUpTo && state === 'active',
      now,
    }),
    pool,
    allowDelete: options.allowDelete ?? false,
    admission,
    isUnwritable: () => storage.failure !== undefined,
    lives: handle => opened?.shapes.byHandle(handle) !== undefined,
    visibilityMs,
    random,
    now,
    log,
  })

  const stopNow = async (): Promise<void> => {
    stop.abort()
    clearInterval(reconciler)
    await opened?.flusher.flush().catch((error: unknown) => log.error('the last flush failed', { error }))
    connection?.close()
    await loop
    await close()
    await reconciling
    await asker.close()
    await pool.end()
  }

  return {
    name: 'shape engine',
    start: async () => {
      loop ??= run()
      reconciler ??= setInterval(() => void reconcileNow(), options.reconcileMs ?? defaults.reconcileMs)
    },
    stop: () => (stopping ??= stopNow()),
    handle: endpoint,
    health: async () => state,
    problem: () => (storage.failure === undefined ? undefined : `the storage cannot be written (${storage.failure})`),
    storageFailure: () => storage.failure,
    lastProcessedLsn: () => opened?.reader.processed ?? 0n,
    confirmedLsn: () => opened?.flusher.confirmed ?? 0n,
    advance: async (lsn, ms = 10_000) => {
      const deadline = Date.now() + ms
      while ((opened?.reader.processed ?? 0n) + 1n < lsn) {
        if (Date.now() > deadline) throw new Error(`the engine did not reach ${lsn} within ${ms} ms`)
        await pause(2)
      }
    },
    shapeCount: () => opened?.shapes.size ?? 0,
    valueSetCount: () => opened?.subqueries.size ?? 0,
    changeCount: () => opened?.reader.items ?? 0,
    judgedCount: () => opened?.subqueries.judged ?? 0,
    waiting: () => opened?.router.all().reduce((sum, shape) => sum + shape.waiting, 0) ?? 0,
    replicationStatus: async () => {
      try {
        return await withDeadline(
          replicationStatus(pool, slot, opened?.reader.processed),
          statusMs,
          'asking for the slot',
        )
      } catch {
        return undefined
      }
    },
    reconcile,
  }
}
