// One subquery shape and the transactions that it still has to deal with, in their order. Invariants: the log is a
// function of the snapshot and of the stream alone, whatever time Postgres takes to answer; nothing of a transaction is
// visible before all of it is; what is visible is always what the SELECT gave at some point of the stream.
import type { Pool } from 'pg'
import type { Reach } from '../../crash-point.ts'
import { snapshotEnd } from '../../protocol.ts'
import type { ShapeDefinition } from '../definition.ts'
import { isVisible, liftXid } from '../pg-snapshot.ts'
import type { Shape, SnapshotFilter } from '../shape.ts'
import type { Query, ReadOptions } from '../snapshot.ts'
import { type Anchor, anchorsOf } from './anchors.ts'
import type { Filter } from './definition.ts'
import { bindFacts, type Facts } from './literals.ts'
import { type Fetched, fetchRows, moveQuery, moveValueLimit, MoveTooLarge, RewoundRows, type Row } from './move-in.ts'
import { gainsOf, type Literals, movedBy } from './moved.ts'
import { type RowChange, type TxRecord, View } from './records.ts'
import { neededColumns } from './rows.ts'
import { createTagger, type Tagger } from './tags.ts'
import { createItemMaker, type ItemMaker } from './transaction-items.ts'
import type { ValueIndex } from './value-index.ts'
import type { ValueSet } from './value-set.ts'

/** Bytes of transactions that may wait for rows to move in; more end the shape. */
const queueBytesLimit = 64 * 1024 * 1024
/** How long Postgres may take to say which rows move in, with all attempts; milliseconds. */
const moveMs = 60_000
const retryMs = 250
/** A question costs as much as so many changes of rows. */
const questionWork = 20

export interface MovesHooks {
  readonly pool: Pool
  /** Transactions that may wait for rows to move in; more end the shape. */
  readonly moveTransactions: number
  readonly processed: () => bigint
  /** Options for a question about the outer table that is asked now. */
  readonly readOptions: (sources: readonly number[]) => ReadOptions
  readonly retire: (shape: Shape, reason: string) => void
  readonly onDirty: (shape: Shape, bytes: number) => void
  /** Something that a shape waited for has come. */
  readonly progress: () => void
  readonly warn: (message: string, error: unknown) => void
  readonly reach: Reach
}

interface Answer extends Fetched {
  readonly covers: ReadonlySet<TxRecord>
  /** Made when the stream has reached `until`: the rows right after the queue's first transaction. */
  rewound?: RewoundRows
}

/** What was worked out at once. */
export interface Drained {
  /** Readers have something new. */
  readonly news: boolean
  /** Transactions, changes of rows and what questions cost; less than the limit: nothing is left, or it has to wait. */
  readonly work: number
  /** Changes of rows that were held against the filter. */
  readonly judged: number
}

export class Moves {
  readonly shape: Shape
  readonly filter: Filter
  readonly tagger: Tagger
  /** All sets that have a say, also through others. */
  readonly sets: ReadonlySet<ValueSet>
  /** Changes of rows that were held against the filter so far. */
  #judged = 0
  readonly #hooks: MovesHooks
  readonly #definition: ShapeDefinition
  readonly #outer: Set<number>
  readonly #literals: Literals
  readonly #columns: readonly string[]
  readonly #factsOf: (row: Row) => Facts
  readonly #maker: ItemMaker
  #views: ReadonlyMap<ValueSet, View> | undefined
  /** Undefined while the snapshot is not known; null when it no longer matters. */
  #snapshot: SnapshotFilter | null | undefined
  #queue: TxRecord[] = []
  #bytes = 0
  #asking: AbortController | undefined
  #answer: Answer | undefined
  /** The last `drain` ended at a transaction that has to wait. */
  #blocked = false
  /** Undefined while only the log knows. */
  #lastEvent: bigint | undefined

  constructor(options: {
    shape: Shape
    filter: Filter
    sets: ReadonlySet<ValueSet>
    literalSets: ReadonlyMap<number, ValueSet>
    sources: readonly number[]
    snapshot: SnapshotFilter | undefined
    hooks: MovesHooks
  }) {
    const { shape, filter } = options
    this.shape = shape
    this.filter = filter
    this.sets = options.sets
    this.tagger = createTagger(shape.handle, filter)
    this.#hooks = options.hooks
    this.#definition = shape.definition
    this.#outer = new Set(options.sources)
    this.#literals = { filter, sets: options.literalSets }
    this.#snapshot = options.snapshot
    // A new shape has none.
    if (options.snapshot === undefined) this.#lastEvent = 0n
    this.#columns = neededColumns(shape.definition, filter)
    this.#factsOf = bindFacts(filter, this.#columns)
    this.#maker = createItemMaker({
      definition: shape.definition,
      filter,
      tagger: this.tagger,
      columns: this.#columns,
      factsOf: this.#factsOf,
    })
  }

  /** No transaction after this one has an event in the log. */
  get lastEvent(): bigint {
    return this.#lastEvent ?? this.shape.tail.tx
  }

  /** The relations that the shape's own rows come from. */
  get sources(): readonly number[] {
    return [...this.#outer]
  }

  /** Whether the shape's own rows come from the relation. */
  isOuter(oid: number): boolean {
    return this.#outer.has(oid)
  }

  /** A partition has joined. */
  addSource(oid: number): void {
    this.#outer.add(oid)
  }

  /** The first transaction that is not in the log although the stream has it. */
  get held(): bigint | null {
    return this.#queue[0]?.lsn ?? null
  }

  /** The LSN up to which readers may be promised everything. */
  promise(processed: bigint): bigint {
    const { held } = this
    return held !== null && held <= processed ? held - 1n : processed
  }

  /** The LSN that the stream has to reach for the next step; null when it waits for something else. */
  get waitsFor(): bigint | null {
    if (this.#queue.length === 0) return null
    if (this.#snapshot !== null) return this.#snapshot?.until ?? null
    return this.#answer?.until ?? null
  }

  /** Nothing can be done yet: Postgres has not answered, or the stream is not there. */
  get blocked(): boolean {
    const { waitsFor } = this
    const isAhead = waitsFor !== null && waitsFor > this.#hooks.processed() + 1n
    return this.#asking !== undefined || (this.#blocked && isAhead)
  }

  /** The snapshot of the shape is known. */
  activate(filter: SnapshotFilter): void {
    this.#snapshot = filter
  }

  /** Nothing is to be done any more. */
  stop(): void {
    this.#asking?.abort()
    this.#queue = []
  }

  /** A transaction concerns the shape, or may. */
  enqueue(record: TxRecord): void {
    this.#queue.push(record)
    this.#bytes += record.bytes
    for (const view of this.#views?.values() ?? []) view.push(record)
    if (this.#queue.length > this.#hooks.moveTransactions || this.#bytes > queueBytesLimit)
      this.#hooks.retire(this.shape, 'too much was written while its rows moved in')
  }

  /** Everything that the stream has said is in the log: the shape's view of its sets is that of the sets themselves. */
  get settled(): boolean {
    return this.#queue.length === 0 && this.#ready()
  }

  /** By which values the router can find the shape; null when it has to ask the shape about every change. */
  anchors(indexOf: (set: ValueSet) => ValueIndex): readonly Anchor[] | null {
    return anchorsOf(this.filter, this.#literals.sets, indexOf)
  }

  /** Goes on as far as possible, or until about `limit` of work is done. */
  drain(limit: number): Drained {
    const before = this.#judged
    let others = 0
    const work = () => others + this.#judged - before
    let news = false
    this.#blocked = false
    try {
      while (work() < limit && this.#ready() && this.#queue.length > 0) {
        const step = this.#step()
        this.#blocked = step === 'wait' || step === 'asked'
        others += step === 'asked' ? questionWork : 1
        if (this.#blocked) break
        news ||= step === 'news'
      }
    } catch (error) {
      this.#hooks.warn('a move could not be worked out', error)
      this.#hooks.retire(this.shape, 'its rows could not be worked out')
    }
    return { news, work: work(), judged: this.#judged - before }
  }

  #ready(): boolean {
    if (this.shape.retiring !== undefined || this.shape.loaded === undefined || this.#asking !== undefined) return false
    if (this.#snapshot === undefined) return false
    for (const set of this.sets) if (!set.ready) return false
    if (this.#snapshot !== null) {
      const { snapshot, until } = this.#snapshot
      if (this.#hooks.processed() + 1n < until) return false
      for (const record of this.#queue) if (isVisible(record.xid, snapshot)) this.#bytes -= record.bytes
      this.#queue = this.#queue.filter(record => !isVisible(record.xid, snapshot))
      this.#snapshot = null
    }
    if (this.#views === undefined) {
      this.#views = new Map([...new Set(this.#literals.sets.values())].map(set => [set, new View(set)]))
      for (const view of this.#views.values()) for (const record of this.#queue) view.push(record)
    }
    return true
  }

  #step(): 'wait' | 'asked' | 'silent' | 'news' {
    const record = this.#queue[0] as TxRecord
    const { log } = this.shape
    if (record.lsn <= log.tail.tx) return this.#done(record)
    const moved = movedBy(record, this.#literals, this.#views ?? new Map())
    if (moved.everything) {
      this.#hooks.retire(this.shape, 'a NULL came into or left the values of a NOT IN')
      return 'wait'
    }
    let entering: readonly Row[] = []
    if (moved.gains.size > 0) {
      const answer = this.#answer
      if (answer === undefined || !answer.covers.has(record)) {
        this.#ask()
        return 'asked'
      }
      if (this.#hooks.processed() + 1n < answer.until) return 'wait'
      answer.rewound ??= this.#rewind(answer)
      entering = answer.rewound.withKeys(moved.gains)
    }
    const changes = this.#changesOf(record)
    this.#judged += changes.length
    const items = this.#maker.items({
      record,
      changes,
      movesValues: this.#movedBy(record),
      moved,
      entering,
      before: literal => this.#view(literal),
      after: literal => this.#view(literal).after(record),
      snapshotEnd: () => this.#snapshotEnd(),
    })
    let bytes = 0
    for (const { op, json } of items) {
      log.stage(record.lsn, op, json)
      bytes += json.length
    }
    const news = items.length > 0 && log.commit(false)
    if (news) this.#hooks.onDirty(this.shape, bytes)
    if (moved.gains.size > 0 || moved.losses.size > 0) this.#lastEvent = record.lsn
    if (moved.gains.size > 0) this.#hooks.reach('move.applied')
    this.#done(record)
    return news ? 'news' : 'silent'
  }

  #done(record: TxRecord): 'silent' {
    this.#queue.shift()
    this.#bytes -= record.bytes
    for (const view of this.#views?.values() ?? []) view.pass(record)
    const next = this.#queue[0]
    if (next === undefined) this.#answer = undefined
    else if (this.#answer !== undefined && isVisible(next.xid, this.#answer.snapshot)) this.#answer.rewound?.advance()
    return 'silent'
  }

  /** The answer's rows as they were right after the queue's first transaction. */
  #rewind({ rows, snapshot }: Answer): RewoundRows {
    const undone = this.#queue
      .slice(1)
      .filter(later => isVisible(later.xid, snapshot))
      .map(later => ({
        xid: liftXid(later.xid, snapshot.xmax),
        changes: this.#changesOf(later).map(({ relation, change: { previous, next } }) => ({
          previous: previous === null ? null : this.#maker.project(relation, previous.row()),
          next: next === null ? null : this.#maker.project(relation, next.row()),
        })),
      }))
    return new RewoundRows(rows, undone, row =>
      this.#factsOf(row).flatMap((fact, literal) => (typeof fact === 'string' ? [[literal, fact] as const] : [])),
    )
  }

  #changesOf(record: TxRecord): readonly RowChange[] {
    const hits = record.hits.get(this)
    if (hits !== undefined && hits !== null && !this.#movedBy(record)) return hits
    const lists = [...record.rows].filter(([oid]) => this.#outer.has(oid)).map(([, changes]) => changes)
    return lists.length < 2 ? (lists[0] ?? []) : lists.flat().sort((a, b) => a.change.op - b.change.op)
  }

  /** Whether the transaction changes the values that the shape's rows are judged by. */
  #movedBy(record: TxRecord): boolean {
    for (const set of this.#literals.sets.values()) if (record.values.has(set)) return true
    return false
  }

  /** Of the snapshot that the rows moved in with, what is older than anything that was undone again. */
  #snapshotEnd(): string {
    const { snapshot, rewound } = this.#answer as Answer
    const lowest = rewound?.lowest
    if (lowest === undefined) return snapshotEnd(snapshot)
    const xmin = lowest < snapshot.xmin ? lowest : snapshot.xmin
    return snapshotEnd({ xmin, xmax: xmin, xip: [] })
  }

  #view(literal: number): View {
    const set = this.#literals.sets.get(literal)
    const view = set === undefined ? undefined : this.#views?.get(set)
    if (view === undefined) throw new Error('a literal without its set')
    return view
  }

  /** Asks Postgres for the rows of every move that is waiting now. */
  #ask(): void {
    const { gains, count } = gainsOf(this.#queue, this.#literals, this.#views ?? new Map())
    if (count > moveValueLimit) {
      this.#hooks.retire(this.shape, `more than ${moveValueLimit} values came into a subquery at once`)
      return
    }
    const covers = new Set(this.#queue)
    const asking = new AbortController()
    this.#asking = asking
    void this.#answered(moveQuery(this.#definition, this.filter, this.#columns, gains), covers, asking)
  }

  async #answered(query: Query, covers: ReadonlySet<TxRecord>, asking: AbortController): Promise<void> {
    const { pool, readOptions, retire, warn, reach, progress } = this.#hooks
    const deadline = Date.now() + moveMs
    const options = readOptions(this.sources)
    for (;;) {
      try {
        const fetched = await fetchRows(pool, { ...options, signal: asking.signal }, query)
        reach('move.fetched')
        this.#answer = { ...fetched, covers }
        break
      } catch (error) {
        if (asking.signal.aborted) return
        if (error instanceof MoveTooLarge || Date.now() > deadline) {
          warn('rows could not move in', error)
          retire(this.shape, 'its rows could not move in')
          return
        }
      }
      await new Promise(resolve => setTimeout(resolve, retryMs))
      if (asking.signal.aborted) return
    }
    this.#asking = undefined
    progress()
  }
}
