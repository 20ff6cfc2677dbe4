// All subquery shapes of an engine and their value sets: which change concerns whom, when a commit is worked out (sets
// before the sets and shapes that depend on them), and what waits for the stream.
import type { Pool } from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { Reach } from '../../crash-point.ts'
import type { TransactionReader } from '../../replication/transactions.ts'
import type { Relation } from '../../replication/pgoutput.ts'
import type { Unproven } from '../../replication/unproven.ts'
import type { Change } from '../encode.ts'
import type { Router } from '../router.ts'
import type { Shape, SnapshotFilter } from '../shape.ts'
import { SnapshotRefused, type ReadOptions } from '../snapshot.ts'
import type { Filter } from './definition.ts'
import { Backlog } from './backlog.ts'
import { Moves, type MovesHooks } from './moves.ts'
import { createNudge } from './nudge.ts'
import { OpenTransaction } from './open-transaction.ts'
import type { Delta, TxRecord } from './records.ts'
import { SetRegistry } from './set-registry.ts'
import type { ValueSet } from './value-set.ts'

export interface SubqueryParts {
  readonly pool: Pool
  readonly router: Router
  readonly reader: TransactionReader
  readonly unproven: Unproven
  readonly visibilityMs: number
  /** Transactions of one shape that may wait while rows move in; more end the shape. */
  readonly moveTransactions: number
  readonly retire: (shape: Shape, reason: string) => void
  /** A set that a shape needs cannot be had. */
  readonly onFailure: (shape: Shape, error: Error) => void
  readonly onDirty: (shape: Shape, bytes: number) => void
  /** Not null when too much is in memory: settles when it is in the files. */
  readonly relieve: () => Promise<void> | null
  readonly log: Log
  readonly reach: Reach
}

/** How long a set may take to be read, with all attempts; milliseconds. */
const loadMs = 60_000
const retryMs = 250
/** How long a subset may wait for its shape; milliseconds. */
const reachMs = 5_000
const tooLargeReason = 'a transaction was too large for its subqueries'

/** The subquery shapes of an engine. */
export class Subqueries {
  readonly #parts: SubqueryParts
  readonly #sets: SetRegistry
  readonly #loading = new WeakMap<ValueSet, Promise<void>>()
  readonly #users = new Map<ValueSet, Set<Moves>>()
  readonly #unsettled = new Set<ValueSet>()
  readonly #backlog: Backlog
  readonly #waiters = new Set<{ readonly waitsFor: bigint }>()
  readonly #stop = new AbortController()
  readonly #nudge: () => void
  #open = new OpenTransaction()

  constructor(parts: SubqueryParts) {
    this.#parts = parts
    const { unproven, reader, pool, router, relieve } = parts
    this.#sets = new SetRegistry(oid => unproven.touching([oid], reader.openXid))
    this.#backlog = new Backlog({
      router,
      indexOf: set => this.#sets.indexOf(set),
      relieve,
      goOn: () => this.progress(),
    })
    this.#nudge = createNudge({ pool, waits: () => this.#waits(), signal: this.#stop.signal })
  }

  /** Number of sets. */
  get size(): number {
    return this.#sets.size
  }

  /** See `Backlog`. */
  get held(): bigint | null {
    return this.#backlog.held
  }

  /** Changes of rows that were held against the filters of shapes. */
  get judged(): number {
    return this.#backlog.judged
  }

  /**
   * From now on the shape follows its sets. `since` is the first transaction that it takes part in; the sets that it
   * shares with others have to be as old.
   */
  attach(
    shape: Shape,
    filter: Filter,
    options: { sources: readonly number[]; since: number; snapshot: SnapshotFilter | undefined },
  ): Moves {
    const literalSets = new Map<number, ValueSet>()
    for (const [index, literal] of filter.literals.entries())
      if (literal.kind === 'member') literalSets.set(index, this.#sets.of(literal.set, options.since))
    const sets = new Set<ValueSet>()
    const collect = (set: ValueSet) => {
      for (const inner of set.inner.values()) collect(inner)
      sets.add(set)
    }
    for (const set of literalSets.values()) collect(set)
    const moves = new Moves({
      shape,
      filter,
      sets,
      literalSets,
      sources: options.sources,
      snapshot: options.snapshot,
      hooks: this.#hooks(),
    })
    for (const set of sets) {
      const users = this.#users.get(set)
      if (users === undefined) this.#users.set(set, new Set([moves]))
      else users.add(moves)
    }
    this.#backlog.add(moves)
    return moves
  }

  /** The shape has ended. Sets that nobody needs any more go. */
  detach(moves: Moves): void {
    moves.stop()
    this.#backlog.remove(moves)
    this.#open.hits.delete(moves)
    for (const set of moves.sets) {
      const users = this.#users.get(set)
      users?.delete(moves)
      if (users?.size === 0) this.#drop(set)
    }
  }

  /** Reads the sets of a shape whose tables are published. Failures are told to all who need the set. */
  load(moves: Moves): void {
    for (const set of moves.sets) {
      if (set.ready || this.#loading.has(set)) continue
      this.#unsettled.add(set)
      this.#loading.set(set, this.#load(set))
    }
    this.progress()
  }

  /** A row changed; `shapes` are the subquery shapes that are concerned by the table. */
  change(relation: Relation, change: Change, size: number, shapes: readonly Shape[]): void {
    const { oid } = relation
    const open = this.#open
    const { router, retire } = this.#parts
    // A value that comes later in the transaction may make any row matter.
    let kept = router.anchors(oid) ? open.keep(relation, change, size) : undefined
    for (const shape of shapes) {
      const { moves } = shape
      if (moves === undefined || shape.retiring !== undefined || !moves.isOuter(oid)) continue
      kept ??= open.keep(relation, change, size)
      if (open.lost.has(oid)) {
        retire(shape, tooLargeReason)
        continue
      }
      open.hit(moves, kept, router.isAnchored(shape))
    }
    if (open.full) {
      for (const moves of open.hits.keys()) retire(moves.shape, tooLargeReason)
      open.lose()
    }
    for (const set of this.#sets.concerned(relation, change)) {
      if (set.since > this.#parts.reader.sequence) continue
      open.sets.add(set)
      try {
        set.change(relation, change.previous, change.next)
      } catch (error) {
        this.#fail(set, error as Error)
      }
    }
  }

  /**
   * The open transaction is committed. Returns the shapes whose readers have something new; `rest` says whether there
   * are others.
   */
  commit({ lsn, xid, op }: { lsn: bigint; xid: number; op: number }): readonly Shape[] {
    const open = this.#open
    if (open.empty) return []
    this.#open = new OpenTransaction()
    if (open.sets.size === 0 && open.hits.size === 0) return []
    const groups = new Map<ValueSet, Delta>()
    for (const set of open.sets) {
      const delta = set.take()
      if (delta.size > 0) groups.set(set, delta)
    }
    const record: TxRecord = {
      lsn,
      xid,
      op,
      rows: open.rows,
      hits: open.hits,
      groups,
      values: new Map(),
      bytes: open.bytes + 200,
    }
    const concerned = new Set<Moves>(open.hits.keys())
    const involved = new Set<ValueSet>()
    if (groups.size > 0)
      for (const set of this.#sets.inOrder(groups)) {
        if (!groups.has(set) && ![...set.inner.values()].some(inner => involved.has(inner))) continue
        involved.add(set)
        try {
          set.apply(record)
          if (set.tooLarge) throw new Error('a subquery has too many values')
        } catch (error) {
          this.#fail(set, error as Error)
        }
        for (const moves of this.#users.get(set) ?? []) if (record.values.has(set) || !set.ready) concerned.add(moves)
      }
    for (const moves of concerned) {
      const { shape } = moves
      if (shape.retiring !== undefined) continue
      if (open.lost.size > 0 && moves.sources.some(oid => open.lost.has(oid))) this.#parts.retire(shape, tooLargeReason)
      else this.#backlog.enqueue(moves, record)
    }
    return this.#backlog.commit()
  }

  /** What the last commit has left to do, with turns for others in between; the stream waits for it. */
  rest(): Promise<void> | null {
    return this.#backlog.rest()
  }

  /** The table was emptied without a word about its rows. */
  truncated(oid: number): void {
    for (const set of this.#sets.ofTable(oid))
      if (set.since <= this.#parts.reader.sequence)
        this.#fail(set, new SnapshotRefused('A table of a subquery was truncated'))
  }

  /** What was decoded of the open transaction never happened. */
  abort(): void {
    for (const set of this.#open.sets) set.take()
    this.#open = new OpenTransaction()
  }

  /** The stream has gone on, or an answer has come. */
  progress(): void {
    if (this.#unsettled.size === 0 && this.#backlog.isEmpty) return
    const { processed } = this.#parts.reader
    for (const set of this.#unsettled) {
      if (![...set.inner.values()].every(inner => inner.ready)) continue
      try {
        if (!set.settle(processed)) continue
        this.#unsettled.delete(set)
        this.#parts.reach('subquery.loaded')
      } catch (error) {
        this.#fail(set, error as Error)
      }
    }
    this.#backlog.catchUp()
    this.#nudge()
  }

  /** Waits until everything before `lsn` is in the shape's log. Rejects with SnapshotRefused when it takes too long. */
  async reached(moves: Moves, lsn: bigint, signal: AbortSignal): Promise<void> {
    const waiter = { waitsFor: lsn }
    this.#waiters.add(waiter)
    this.#nudge()
    try {
      const deadline = Date.now() + reachMs
      while (moves.promise(this.#parts.reader.processed) + 1n < lsn) {
        if (Date.now() > deadline || signal.aborted || moves.shape.retired)
          throw new SnapshotRefused('Timed out while waiting for the shape to catch up')
        await pause(2, signal)
      }
    } finally {
      this.#waiters.delete(waiter)
    }
  }

  /** Ends all questions. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#backlog.close()
    for (const moves of [...this.#users.values()].flatMap(users => [...users])) moves.stop()
    await Promise.all(this.#sets.all().map(async set => this.#loading.get(set)))
  }

  #drop(set: ValueSet): void {
    this.#sets.drop(set)
    this.#users.delete(set)
    this.#unsettled.delete(set)
    this.#open.sets.delete(set)
  }

  async #load(set: ValueSet): Promise<void> {
    const deadline = Date.now() + loadMs
    while (this.#sets.has(set) && !this.#stop.signal.aborted) {
      try {
        await set.load(this.#parts.pool, this.#options(this.#sets.needed(set)))
        this.progress()
        return
      } catch (error) {
        const final =
          error instanceof SnapshotRefused || /^(42|22|54|0A000|55P03)/.test((error as { code?: string }).code ?? '')
        if (this.#stop.signal.aborted) return
        // Postgres may be away for a moment, which the stream notices as well.
        if (final || Date.now() > deadline) {
          this.#fail(set, error as Error)
          return
        }
        await pause(retryMs, this.#stop.signal)
      }
    }
  }

  #fail(set: ValueSet, error: Error): void {
    set.failure = error
    this.#unsettled.delete(set)
    for (const moves of this.#users.get(set) ?? []) this.#parts.onFailure(moves.shape, error)
  }

  #options(needed: readonly number[]): ReadOptions {
    const { unproven, reader, visibilityMs } = this.#parts
    return {
      needed: () => needed,
      seen: snapshot => unproven.prove(snapshot, reader.openXid),
      visibilityMs,
      signal: this.#stop.signal,
    }
  }

  #hooks(): MovesHooks {
    const { pool, reader, unproven, retire, onDirty, log, reach, moveTransactions } = this.#parts
    return {
      pool,
      moveTransactions,
      processed: () => reader.processed,
      readOptions: sources => this.#options(unproven.touching(sources, reader.openXid)),
      retire,
      onDirty,
      progress: () => this.progress(),
      warn: (message, error) => log.warn(message, { error }),
      reach,
    }
  }

  /** Whether something needs the stream to go on. */
  #waits(): boolean {
    const ahead = this.#parts.reader.processed + 1n
    for (const { waitsFor } of this.#waiters) if (waitsFor > ahead) return true
    for (const { waitsFor } of this.#unsettled) if (waitsFor !== null && waitsFor > ahead) return true
    for (const { waitsFor } of this.#backlog.lagging) if (waitsFor !== null && waitsFor > ahead) return true
    return false
  }
}
