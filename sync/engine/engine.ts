// What an engine is given and what it gives: its options, and what a caller may see and wait for.
import type { Service } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { ShapeUpstream } from '../upstream.ts'
import type { AdmissionLimits } from './admission.ts'
import type { Reach } from './crash-point.ts'
import type { MisconfiguredError } from './replication/misconfigured.ts'
import type { PublicationMode } from './replication/publication.ts'
import type { ReplicationStatus } from './replication/status.ts'

/** Only the first four have to be given; everything else has a default. */
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
  /** How long a snapshot may wait for its first row. */
  readonly firstRowMs?: number
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
