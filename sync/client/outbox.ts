// The durable queue of writes. Invariants: `commit` resolves only when the transaction is on disk; a transaction leaves
// the disk only with the server's answer, in the same write that keeps what the answer demands (a rejection, a lost
// field); repeats carry the same id and bytes, so the server applies each once.
import type { Decision } from './answers.ts'
import type { Api } from './api.ts'
import type { BackoffOptions } from './backoff.ts'
import { waitingForRejected } from './dependencies.ts'
import { ClientError } from './errors.ts'
import { createIds, type Ids } from './ids.ts'
import {
  deleteAttention,
  deleteNotice,
  deletePending,
  follow,
  inOrder,
  loadRecords,
  putAttention,
  putPending,
  type Records,
} from './outbox-records.ts'
import type { Attention, Notice, Outcome, OutboxEvent, OutboxState, Pending } from './outbox-types.ts'
import { Sender } from './sender.ts'
import { buckets, readValue, type Store, type StoreWrite } from './store.ts'
import type { Mutation, Transaction } from './types.ts'

const mutationLimit = 50

export interface OutboxOptions {
  readonly store: Store
  readonly api: Pick<Api, 'sendTransactions' | 'session' | 'clock'>
  readonly backoff?: BackoffOptions
  /** Own clock, ms since 1970. */
  readonly now?: () => number
  readonly random?: () => number
  /** Called before each request; a rejection with anything but a network error blocks the queue. */
  readonly identify?: () => Promise<void>
  /** The server's row that a rejected transaction was about. */
  readonly currentRow?: (transaction: Transaction, mutationIndex: number) => Promise<unknown>
  /** Keep applied transactions until `settle` (for an optimistic layer); default: they go with the answer. */
  readonly keepApplied?: boolean
}

/** What `commit` gives back once the transaction is on disk. */
export interface Committed {
  readonly id: string
  /** Resolves when the server has decided; while offline it just waits. Never rejects. */
  readonly outcome: Promise<Outcome>
}

/** See the header. `open` first, then `start`. */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #ids: Ids
  readonly #sender: Sender
  readonly #listeners = new Set<(event: OutboxEvent) => void>()
  readonly #outcomes = new Map<string, PromiseWithResolvers<Outcome>>()
  readonly #stop = new AbortController()
  readonly #background = new Set<Promise<void>>()
  #records: Records = { pending: new Map(), attention: new Map(), notices: new Map() }
  #turn: Promise<unknown> = Promise.resolve()
  #state: OutboxState = 'stopped'
  #lastError: unknown
  #led: Promise<void> | undefined
  #leading = false
  #ends: (() => void)[] = []

  constructor(options: OutboxOptions) {
    const { api, now = Date.now, random = Math.random, backoff = {}, keepApplied = false } = options
    this.#options = options
    this.#ids = createIds(() => api.clock.now())
    this.#sender = new Sender({
      api,
      backoff,
      now,
      random,
      keepApplied,
      identify: options.identify ?? (async () => undefined),
      queue: () => this.pending().filter(one => one.state === 'queued'),
      rejected: () => this.attention().map(one => one.transaction),
      decide: decisions => this.#decide(decisions),
      state: (state, error) => this.#setState(state, error),
    })
  }

  /** Reads the store. */
  async open(): Promise<void> {
    const { store, api } = this.#options
    this.#records = await loadRecords(store)
    const last = (await readValue(store, buckets.meta, 'last_id')) as string | undefined
    if (last !== undefined) this.#ids.after(last)
    const ours: readonly string[] = [buckets.outbox, buckets.attention, buckets.notices]
    this.#ends.push(
      store.subscribe(written => void (written.some(bucket => ours.includes(bucket)) && this.#reload())),
      api.session.subscribe(() => this.wake()),
    )
  }

  /** Sends from now on; of several tabs, the first that asks, until it closes. */
  start(): void {
    this.#setState('standby', undefined)
    this.#led ??= this.#options.store.exclusive('outbox', this.#stop.signal, async () => {
      await this.#reload()
      this.#leading = true
      this.#sender.kick()
      await new Promise<void>(resolve => {
        if (this.#stop.signal.aborted) resolve()
        this.#stop.signal.addEventListener('abort', () => resolve(), { once: true })
      })
      await this.#sender.stop()
    })
  }

  /** Stops sending; a request on its way is awaited. What is queued stays on disk. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#led
    await Promise.all(this.#background)
    await this.#turn
    for (const end of this.#ends.splice(0)) end()
    this.#setState('stopped', this.#lastError)
  }

  get state(): OutboxState {
    return this.#state
  }

  /** Why the last request failed; undefined after a good one. */
  get lastError(): unknown {
    return this.#lastError
  }

  /** Queued and applied-but-not-yet-seen transactions, in order. */
  pending(): readonly Pending[] {
    return inOrder(this.#records.pending)
  }

  /** Rejected transactions, in order. */
  attention(): readonly Attention[] {
    return inOrder(this.#records.attention)
  }

  /** Transactions that lost a field to a later edit, or carry warnings. */
  notices(): readonly Notice[] {
    return inOrder(this.#records.notices)
  }

  /** A new id for a row. */
  newId(): string {
    return this.#ids.next()
  }

  /** Tells of every change; the result ends it. */
  subscribe(listener: (event: OutboxEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Queues a transaction. Resolves when it is on disk; rejects when it cannot be kept or could never be sent. */
  async commit(mutations: readonly Mutation[]): Promise<Committed> {
    if (mutations.length === 0 || mutations.length > mutationLimit) {
      throw new ClientError('bad_transaction', `A transaction holds 1 to ${mutationLimit} mutations.`)
    }
    return this.#enqueue(mutations, [])
  }

  /** Resolves with the end of a queued transaction; undefined when it is not queued. */
  outcome(id: string): Promise<Outcome> | undefined {
    return this.#records.pending.get(id)?.state === 'queued' ? this.#outcomeOf(id).promise : undefined
  }

  /** Sends a rejected transaction again, as a new one, edited now; `mutations` replace what was refused. */
  async retry(id: string, mutations?: readonly Mutation[]): Promise<Committed> {
    const found = this.#rejected(id)
    return this.#enqueue(mutations ?? found.transaction.mutations, [deleteAttention(id)])
  }

  /**
   * Gives up a rejected transaction, and the queued ones that wait for what it would have created. Resolves with all
   * that is gone now, the given one first.
   */
  async discard(id: string): Promise<readonly Transaction[]> {
    const { transaction } = this.#rejected(id)
    const queued = this.pending().filter(one => one.state === 'queued')
    const waiting = waitingForRejected(queued, [transaction])
    await this.#write([deleteAttention(id), ...waiting.map(one => deletePending(one.id))])
    for (const one of waiting) this.#finish(one.id, { status: 'discarded' })
    this.#tell({ type: 'changed' })
    return [transaction, ...waiting]
  }

  /** Takes a notice off the list. */
  async dismiss(id: string): Promise<void> {
    await this.#write([deleteNotice(id)])
    this.#tell({ type: 'changed' })
  }

  /** The shapes show these applied transactions: their optimistic layer goes. */
  async settle(ids: readonly string[]): Promise<void> {
    const applied = ids.filter(id => this.#records.pending.get(id)?.state === 'applied')
    if (applied.length === 0) return
    const writes = applied.map(deletePending)
    // memory first: rows and layer must change in one step, and a crash in between only repeats this
    follow(this.#records, writes)
    this.#tell({ type: 'settled' })
    await this.#write(writes)
  }

  /** Tries now instead of at the end of a wait (back online, unblocked). */
  wake(): void {
    if (this.#leading) this.#sender.wake()
  }

  #rejected(id: string): Attention {
    const found = this.#records.attention.get(id)
    if (!found) throw new ClientError('unknown_transaction', 'There is no such transaction in the attention list.')
    return found
  }

  async #enqueue(mutations: readonly Mutation[], also: readonly StoreWrite[]): Promise<Committed> {
    if (this.#stop.signal.aborted) throw new ClientError('closed', 'The client is closed.')
    const id = this.#ids.next()
    const transaction: Pending = {
      id,
      edited_at: new Date(this.#options.api.clock.now()).toISOString(),
      // the JSON that will be sent: what the caller does to his objects later must not change it
      mutations: JSON.parse(JSON.stringify(mutations)) as Mutation[],
      state: 'queued',
    }
    const { promise } = this.#outcomeOf(id)
    await this.#write([
      putPending(transaction),
      { op: 'put', bucket: buckets.meta, key: 'last_id', value: id },
      ...also,
    ])
    this.#tell({ type: 'queued' })
    if (this.#leading) this.#sender.kick()
    return { id, outcome: promise }
  }

  async #decide(decisions: readonly Decision[]): Promise<void> {
    await this.#write(decisions.flatMap(one => one.writes))
    for (const decision of decisions) {
      if (decision.outcome.status !== 'rejected' || decision.outcome.attention.current !== null)
        this.#announce(decision)
      else this.#later(this.#withCurrent(decision, decision.outcome.attention))
    }
    this.#tell({ type: 'changed' })
  }

  #announce({ id, outcome, events }: Decision): void {
    this.#finish(id, outcome)
    for (const event of events) this.#tell(event)
  }

  /** Adds the server's row to a rejection that is already kept. The row is a convenience: failing costs nothing. */
  async #withCurrent(decision: Decision, attention: Attention): Promise<void> {
    const { transaction, mutationIndex } = attention
    const current = await this.#options.currentRow?.(transaction, mutationIndex).catch(() => null)
    const complete = { ...attention, current: current ?? null }
    // retried or discarded meanwhile?
    if (this.#records.attention.has(transaction.id)) await this.#write([putAttention(complete)])
    this.#announce({
      ...decision,
      outcome: { status: 'rejected', attention: complete },
      events: [{ type: 'rejected', attention: complete }],
    })
  }

  #later(work: Promise<void>): void {
    const kept = work.catch(() => undefined).finally(() => this.#background.delete(kept))
    this.#background.add(kept)
  }

  /** Store and memory change in turns, so that neither a reload nor another write gets in between. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(run, run)
    this.#turn = next.catch(() => undefined)
    return next
  }

  #write(writes: readonly StoreWrite[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#options.store.write(writes)
      follow(this.#records, writes)
    })
  }

  async #reload(): Promise<void> {
    await this.#inTurn(async () => {
      this.#records = await loadRecords(this.#options.store)
    })
    this.#tell({ type: 'changed' })
    if (this.#leading) this.#sender.kick()
  }

  #outcomeOf(id: string): PromiseWithResolvers<Outcome> {
    const known = this.#outcomes.get(id) ?? Promise.withResolvers<Outcome>()
    this.#outcomes.set(id, known)
    return known
  }

  #finish(id: string, outcome: Outcome): void {
    this.#outcomes.get(id)?.resolve(outcome)
    this.#outcomes.delete(id)
  }

  #tell(event: OutboxEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #setState(state: OutboxState, error: unknown): void {
    this.#lastError = error
    if (state === this.#state) return
    this.#state = state
    this.#tell({ type: 'state' })
  }
}
