// One shape while the engine runs. Until its snapshot is known its changes are kept aside; then those that the
// snapshot contains are dropped, by xid, and the rest go to the log. Waiters are woken once per commit.
import { must } from '#server/kernel/must.ts'
import type { ShapeLog } from '../log/log.ts'
import { afterSnapshot, type Offset } from '../lsn.ts'
import type { PgSnapshot } from '../protocol.ts'
import type { Relation } from '../replication/pgoutput.ts'
import type { ShapeDefinition } from './definition.ts'
import type { Plan } from './encode.ts'
import { isVisible } from './pg-snapshot.ts'
import type { Snapshot } from './snapshot-files.ts'
import type { Moves } from './subquery/moves.ts'

/** A row filter bound to a relation's column order. */
export type RowFilter = (row: readonly (string | null)[]) => boolean

/** The shape's filter and plan for rows of one relation. */
export interface Binding {
  readonly relation: Relation
  readonly matches: RowFilter | null
  readonly plan: Plan
}

/** What the snapshot already contains: transactions up to `until` are looked up in it, later ones never are. */
export interface SnapshotFilter {
  readonly snapshot: PgSnapshot
  readonly until: bigint
}

/** What has to be loaded before the shape can take changes or be read. */
export interface Loaded {
  readonly log: ShapeLog
  /** Compiles the filter for a column order; null when there is none. */
  readonly bindFilter: ((columns: readonly string[]) => RowFilter) | null
}

/** Told that a shape has something new, or has ended. */
export interface Waiter {
  wake(): void
}

interface Aside {
  readonly tx: bigint
  readonly xid: number
  readonly items: { op: number; json: string }[]
}

/** More than this many bytes of changes before the snapshot is known ends the shape. */
const asideLimit = 64 * 1024 * 1024

export class Shape {
  readonly handle: string
  readonly definition: ShapeDefinition
  readonly snapshot: Snapshot
  /** Number of the first transaction of this run that the shape takes part in. */
  readonly since: number
  readonly bindings = new Map<number, Binding>()
  /** Milliseconds; when it was last asked for. */
  lastUsed: number
  /** The highest `electric-cursor` beyond its window that its readers were given. */
  cursor = 0
  /** Settles when the shape's end is durable; undefined while it lives. */
  retiring: Promise<void> | undefined
  retired = false
  /** See `Table.publishedAs`, as it was when the shape began; undefined for shapes of earlier versions. */
  publishedAs: string | undefined
  /** It is in the catalog, or on its way there. */
  recorded = false
  overflowed = false
  /** What a shape with subqueries still has to do; undefined for others, and before `prepare`. */
  moves: Moves | undefined
  #loaded: Loaded | undefined
  #load: (() => Promise<Loaded>) | undefined
  #loading: Promise<void> | undefined
  #filter: SnapshotFilter | null
  #aside: Aside[] | null
  #asideBytes = 0
  #current: Aside | undefined
  #decidedTx = -1n
  #skip = false
  readonly #waiters = new Set<Waiter>()

  /** `loaded`, or what opens the log and compiles the filter; `filter` is null while the snapshot is not yet known. */
  constructor(options: {
    handle: string
    definition: ShapeDefinition
    snapshot: Snapshot
    since: number
    now: number
    filter: SnapshotFilter | null
    loaded: Loaded | (() => Promise<Loaded>)
  }) {
    this.handle = options.handle
    this.definition = options.definition
    this.snapshot = options.snapshot
    this.since = options.since
    this.lastUsed = options.now
    this.#filter = options.filter
    this.#aside = options.filter === null ? [] : null
    if (typeof options.loaded === 'function') this.#load = options.loaded
    else this.#loaded = options.loaded
  }

  /** The log; only after `prepare`. */
  get log(): ShapeLog {
    return must(this.#loaded, 'loaded shape').log
  }

  get loaded(): Loaded | undefined {
    return this.#loaded
  }

  /** Offset of the last visible item. */
  get tail(): Offset {
    return this.#loaded?.log.tail ?? afterSnapshot
  }

  /** The stream has passed transactions that are not yet in the log. */
  get lags(): boolean {
    return this.moves !== undefined && this.moves.held !== null
  }

  /** The LSN up to which readers may be promised everything, when the stream has been processed up to `processed`. */
  promise(processed: bigint): bigint {
    return this.moves?.promise(processed) ?? processed
  }

  /** Null when the shape is ready for changes and readers, else what to wait for. */
  prepare(): Promise<void> | null {
    if (this.#loaded !== undefined) return null
    this.#loading ??= must(this.#load)().then(
      loaded => {
        this.#loaded = loaded
        this.#load = undefined
      },
      error => {
        this.#loading = undefined
        throw error
      },
    )
    return this.#loading
  }

  /** Adds an item of the transaction `tx`, unless the shape already has it. */
  stage(tx: bigint, xid: number, op: number, json: string): void {
    if (this.#aside !== null) {
      if (this.#current?.tx !== tx) {
        this.#current = { tx, xid, items: [] }
        this.#aside.push(this.#current)
      }
      this.#current.items.push({ op, json })
      this.#asideBytes += json.length
      if (this.#asideBytes > asideLimit) this.overflowed = true
      return
    }
    if (this.#decidedTx !== tx) {
      this.#decidedTx = tx
      this.#skip = this.#has(tx, xid)
    }
    if (!this.#skip) this.log.stage(tx, op, json)
  }

  /** Makes the transaction visible; true when readers have something new. */
  commit(): boolean {
    this.#current = undefined
    return this.#aside === null && !this.retired && this.log.commit()
  }

  /** Forgets the transaction that was being staged. */
  abort(): void {
    this.#decidedTx = -1n
    if (this.#aside !== null) {
      if (this.#current !== undefined) this.#aside = this.#aside.filter(aside => aside !== this.#current)
      this.#current = undefined
    } else this.#loaded?.log.abort()
  }

  /** The snapshot is known: what was kept aside is filtered and becomes visible; an open transaction goes on. */
  activate(filter: SnapshotFilter): void {
    this.moves?.activate(filter)
    const aside = must(this.#aside, 'changes kept aside')
    const open = this.#current
    this.#filter = filter
    this.#aside = null
    this.#current = undefined
    for (const { tx, xid, items } of aside) {
      for (const { op, json } of items) this.stage(tx, xid, op, json)
      if (open === undefined || open.tx !== tx) this.log.commit()
    }
    this.wake()
  }

  /** Wakes everyone who waits for this shape. */
  wake(): void {
    for (const waiter of this.#waiters) waiter.wake()
  }

  /** Wakes `waiter` at every wake, until it is removed. */
  addWaiter(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  removeWaiter(waiter: Waiter): void {
    this.#waiters.delete(waiter)
  }

  get waiting(): number {
    return this.#waiters.size
  }

  #has(tx: bigint, xid: number): boolean {
    if (tx <= this.log.tail.tx) return true
    if (this.#filter === null) return false
    if (tx > this.#filter.until) {
      this.#filter = null
      return false
    }
    return isVisible(xid, this.#filter.snapshot)
  }
}
