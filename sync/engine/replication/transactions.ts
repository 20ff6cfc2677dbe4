// pgoutput messages → items in shape logs. Offsets are (final LSN of the transaction, 2 × number of the change), counted
// over all changes of the publication, so that a repeated transaction gets the same offsets whatever shapes exist.
// Invariants: everything of one commit becomes visible in one synchronous step, then `processed` moves, then readers
// wake; a repeated transaction changes nothing.
import type { Log } from '#server/kernel/log.ts'
import type { Reach } from '../crash-point.ts'
import type { Change } from '../shapes/encode.ts'
import type { Router } from '../shapes/router.ts'
import type { Shape } from '../shapes/shape.ts'
import { type Question, Unanswered } from '../shapes/where/where.ts'
import { decode, type Relation } from './pgoutput.ts'
import type { Unproven } from './unproven.ts'

/** Told what the stream makes necessary beyond appending. */
export interface TransactionEvents {
  /** The shape's log cannot go on. The shape must be out of the router when this returns. */
  onRetire(shape: Shape, reason: string): void
  /** A relation was described, before any change of it; a promise holds the stream back. */
  onRelation(relation: Relation): Promise<void> | null
  /** A row filter needs Postgres; the stream is held back until this settles. */
  ask(question: Question): Promise<void>
  /** The shape has something to flush. */
  onDirty(shape: Shape, bytes: number): void
}

/** Shapes that depend on several tables, and their sets: they see whole transactions. */
export interface Followers {
  /** A row changed; `shapes` are those of the open transaction's that are concerned by the table. */
  change(relation: Relation, change: Change, size: number, shapes: readonly Shape[]): void
  /** Returns the shapes whose readers have something new. */
  commit(transaction: { lsn: bigint; xid: number; op: number }): readonly Shape[]
  /** What is left to do for the commit; the stream has to wait for it. */
  rest(): Promise<void> | null
  abort(): void
  truncated(oid: number): void
  /** `processed` has moved. */
  progress(): void
}

const insertByte = 0x49
const updateByte = 0x55
const deleteByte = 0x44

/** Questions that one row may raise in one shape. */
const questionLimit = 1000

export class TransactionReader {
  readonly #router: Router
  readonly #unproven: Unproven
  readonly #events: TransactionEvents
  readonly #followers: Followers
  readonly #log: Log
  readonly #reach: Reach
  #sequence = 0
  #open = false
  #repeated = false
  #xid = 0
  #lsn = 0n
  #op = 0
  #tables: Set<number> = new Set()
  #touched = new Set<Shape>()
  #lastCommit = 0n
  #received = 0n
  #processed = 0n
  /** Items that were staged since the reader was made. */
  items = 0

  constructor(parts: {
    router: Router
    unproven: Unproven
    events: TransactionEvents
    followers: Followers
    log: Log
    reach: Reach
  }) {
    this.#router = parts.router
    this.#unproven = parts.unproven
    this.#events = parts.events
    this.#followers = parts.followers
    this.#log = parts.log
    this.#reach = parts.reach
  }

  /** Every change with an LSN up to this one is in the logs. */
  get processed(): bigint {
    return this.#processed
  }

  /** What the slot may be told once the logs are durable. */
  get received(): bigint {
    return this.#received
  }

  /** Number of the transaction that began last. */
  get sequence(): number {
    return this.#sequence
  }

  /** Number of the next transaction to begin. */
  get nextSequence(): number {
    return this.#sequence + 1
  }

  /** The transaction that is being decoded. */
  get openXid(): number | null {
    return this.#open ? this.#xid : null
  }

  /**
   * A stream begins (again) at `confirmed`: a transaction that was half received will be sent once more. `fresh` when
   * it does not continue the last one.
   */
  restart(confirmed: bigint, fresh: boolean): void {
    if (fresh) this.#lastCommit = this.#received = this.#processed = 0n
    for (const shape of this.#touched) shape.abort()
    this.#touched.clear()
    this.#followers.abort()
    this.#open = false
    this.#router.forgetRelations()
    if (this.#received < confirmed) this.#received = confirmed
    if (this.#processed < confirmed - 1n) this.#processed = confirmed - 1n
  }

  /** Postgres has sent everything up to `walEnd`. The next commit may begin exactly there, hence the minus one. */
  keepalive(walEnd: bigint): boolean {
    if (this.#open || walEnd <= this.#received) return false
    this.#received = walEnd
    if (walEnd - 1n > this.#processed) this.#processed = walEnd - 1n
    this.#followers.progress()
    return true
  }

  /** Handles one message; a promise means that the next one has to wait. */
  apply(bytes: Buffer, at: number): Promise<void> | null {
    const kind = bytes[at]
    if (kind === insertByte || kind === updateByte || kind === deleteByte) {
      if (this.#repeated) return null
      const oid = bytes.readUInt32BE(at + 1)
      this.#tables.add(oid)
      const op = this.#op
      this.#op += 2
      if (!this.#router.watches(oid)) return null
      return this.#change(bytes, at, oid, op)
    }
    const message = decode(bytes, at)
    switch (message.kind) {
      case 'begin':
        this.#begin(message.xid, message.finalLsn)
        return null
      case 'commit':
        this.#commit(message.endLsn)
        return this.#followers.rest()
      case 'relation':
        return this.#relation(message.relation)
      case 'truncate':
        this.#truncate(message.oids)
        return null
      default:
        return null
    }
  }

  #begin(xid: number, lsn: bigint): void {
    this.#sequence += 1
    this.#open = true
    this.#xid = xid
    this.#lsn = lsn
    this.#op = 0
    this.#repeated = lsn <= this.#lastCommit
    this.#tables = new Set()
    if (!this.#repeated) this.#unproven.add(xid, this.#tables)
    this.#reach('transaction.begun')
  }

  #commit(endLsn: bigint): void {
    this.#reach('transaction.before-commit')
    const woken: Shape[] = []
    for (const shape of this.#touched) if (shape.commit()) woken.push(shape)
    this.#touched.clear()
    this.#open = false
    if (!this.#repeated) {
      woken.push(...this.#followers.commit({ lsn: this.#lsn, xid: this.#xid, op: this.#op }))
      this.#lastCommit = this.#lsn
    }
    // The next commit record cannot begin before this one's end.
    if (endLsn - 1n > this.#processed) this.#processed = endLsn - 1n
    if (endLsn > this.#received) this.#received = endLsn
    this.#reach('transaction.committed')
    for (const shape of woken) shape.wake()
    this.#followers.progress()
  }

  #relation(relation: Relation): Promise<void> | null {
    const wait = this.#events.onRelation(relation)
    if (wait === null) this.#router.setRelation(relation)
    else return wait.then(() => this.#router.setRelation(relation))
    return null
  }

  #truncate(oids: readonly number[]): void {
    if (this.#repeated) return
    for (const oid of oids) {
      this.#tables.add(oid)
      this.#op += 2
      for (const shape of this.#router.shapesOf(oid))
        if (shape.since <= this.#sequence) this.#retire(shape, 'its table was truncated')
      this.#followers.truncated(oid)
    }
  }

  #change(bytes: Buffer, at: number, oid: number, op: number): Promise<void> | null {
    const message = decode(bytes, at)
    if (message.kind !== 'insert' && message.kind !== 'update' && message.kind !== 'delete') return null
    const previous = message.kind === 'insert' ? null : message.previous
    const next = message.kind === 'delete' ? null : message.next
    if ((message.kind === 'update' && previous === null) || (message.kind === 'delete' && !message.whole)) {
      for (const shape of this.#router.shapesOf(oid)) this.#retire(shape, 'its table has lost REPLICA IDENTITY FULL')
      return null
    }
    const change: Change = { previous, next, xid: this.#xid, lsn: this.#lsn, op }
    let waits: Promise<void>[] | undefined
    let following: Shape[] | undefined
    for (const shape of this.#router.candidates(oid, previous, next)) {
      if (shape.since > this.#sequence) continue
      const follows = shape.definition.inner.length > 0
      if (follows) (following ??= []).push(shape)
      const wait = follows
        ? this.#loaded(shape, () => null)
        : this.#loaded(shape, () => this.#stage(shape, oid, change))
      if (wait !== null) (waits ??= []).push(wait)
    }
    const follow = () => this.#followers.change(this.#router.relationOf(oid), change, bytes.length, following ?? [])
    if (waits === undefined) follow()
    this.#reach('transaction.change')
    return waits === undefined ? null : Promise.all(waits).then(follow)
  }

  /** Does `next` once the shape is ready for changes. */
  #loaded(shape: Shape, next: () => Promise<void> | null): Promise<void> | null {
    const wait = shape.prepare()
    if (wait === null) return next()
    return wait.then(
      () => next() ?? undefined,
      error => {
        this.#log.error('a shape could not be loaded', { handle: shape.handle, error })
        this.#retire(shape, 'its files are damaged')
      },
    )
  }

  #stage(shape: Shape, oid: number, change: Change, asked = 0): Promise<void> | null {
    if (shape.retiring !== undefined) return null
    try {
      const [first, second] = this.#router.apply(shape, oid, change)
      if (first === undefined) return null
      shape.stage(this.#lsn, this.#xid, change.op, first)
      if (second !== undefined) shape.stage(this.#lsn, this.#xid, change.op + 1, second)
      this.#touched.add(shape)
      this.items += second === undefined ? 1 : 2
      this.#events.onDirty(shape, first.length + (second?.length ?? 0))
      if (shape.overflowed) this.#retire(shape, 'too much was written while its snapshot was read')
    } catch (error) {
      if (error instanceof Unanswered && asked < questionLimit)
        return this.#events.ask(error.question).then(() => this.#stage(shape, oid, change, asked + 1) ?? undefined)
      this.#log.error('a change could not be encoded for a shape', { handle: shape.handle, error })
      this.#retire(shape, 'a change could not be encoded')
    }
    return null
  }

  #retire(shape: Shape, reason: string): void {
    this.#touched.delete(shape)
    this.#events.onRetire(shape, reason)
  }
}
