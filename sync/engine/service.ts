// The engine as a service: one replication stream under a lock, the shapes it feeds, and the route that reads them.
// The loop connects, takes the lock, opens the folder, checks that slot and folder belong together, and streams;
// whatever goes wrong ends in the next round. Requests are answered from what is stored meanwhile.
import pg from 'pg'
import { backoff, pause, withDeadline } from '#server/kernel/lifecycle.ts'
import type { UpstreamHealth } from '../upstream.ts'
import { Admission } from './admission.ts'
import { passThrough } from './crash-point.ts'
import { EncodedBodies } from './encoded-bodies.ts'
import { createEndpoint, notReady, type Running, type Stage } from './endpoint.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { HotFiles } from './hot-files.ts'
import { closeParts, openParts, type Opened } from './opened.ts'
import { defaults } from './protocol.ts'
import { createAsker } from './replication/ask.ts'
import { connectReplication, type ReplicationConnection, withDisplaySettings } from './replication/connection.ts'
import { createReporter, MisconfiguredError } from './replication/misconfigured.ts'
import { openWriters } from './replication/open-writers.ts'
import { ensurePublication, lacksPublication, publicationOid } from './replication/publication.ts'
import { createPump } from './replication/pump.ts'
import { ensureSlot, tryLock } from './replication/slot.ts'
import { replicationStatus } from './replication/status.ts'
import { createServer } from './serve.ts'
import { createHandleClock } from './shapes/lifecycle.ts'
import { readTable } from './shapes/tables.ts'
import { Storage } from './storage.ts'

/** The slot of the engine with replication id `id`. */
export const slotNameOf = (id: string): string => `skerry_slot_${id}`

/** Its publication: Electric's name, so that the one it made is used on. */
export const publicationNameOf = (id: string): string => `electric_publication_${id}`

/** How long a reader of metrics waits for Postgres. */
const statusMs = 2000
/** How long the catalogs may take to be compared. */
const reconcileDeadlineMs = 300_000

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

  const close = async (): Promise<void> => {
    const current = opened
    if (current === undefined) return
    opened = undefined
    await closeParts(current)
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
      opened ??= await openParts({
        engine: options,
        pool,
        publication,
        storage,
        asker,
        encoded,
        visibilityMs,
        log,
        reach,
        now,
        handleTime,
      })
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
        if (shapes.size > 0) log.warn('the logs cannot be continued', { reason: broken, shapes: shapes.size })
        else log.info('the engine begins anew: it has no shapes yet', { reason: broken })
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

  const ready = async (): Promise<Running | string> => {
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
    running: usable,
    ready,
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
