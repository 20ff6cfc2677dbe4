// Sends what is ready, one request at a time, and waits where it must. Knows nothing of disks: it asks for the queue and
// hands decisions over. What to do about an error is decided by its code and class alone.
import { type Decision, decisionOf, rejection } from './answers.ts'
import type { Api } from './api.ts'
import { backoffMs, type BackoffOptions } from './backoff.ts'
import { readyToSend } from './dependencies.ts'
import { ApiError, NetworkError } from './errors.ts'
import type { OutboxState } from './outbox-types.ts'
import type { Transaction, TransactionsAnswer } from './types.ts'

const batchLimit = 100
// the server takes 8 MiB; half of it leaves room for escapes
const batchBytes = 4 * 1024 * 1024

export interface SenderOptions {
  readonly api: Pick<Api, 'sendTransactions' | 'session'>
  readonly backoff: BackoffOptions
  readonly now: () => number
  readonly random: () => number
  readonly keepApplied: boolean
  /** Before a request; rejects when this client must not send. */
  readonly identify: () => Promise<void>
  /** Transactions to send, in order. */
  readonly queue: () => readonly Transaction[]
  /** Rejected ones that wait for a person. */
  readonly rejected: () => readonly Transaction[]
  /** Makes the decisions of one answer durable; the sender waits for it. */
  readonly decide: (decisions: readonly Decision[]) => Promise<void>
  readonly state: (state: OutboxState, error: unknown) => void
}

interface Rest {
  readonly attempts: number
  readonly untilMs: number
}

/** Lives as long as this client leads; see the header. */
export class Sender {
  readonly #options: SenderOptions
  readonly #resting = new Map<string, Rest>()
  #error: unknown
  #attempts = 0
  #untilMs = 0
  /** One by one, to find the transaction for which the server refuses the whole request. */
  #alone = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #running: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** There is something new; waits that run go on. */
  kick(): void {
    if (this.#stopped) return
    this.#again = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#again) this.kick()
    })
  }

  /** Ends all waits: back online, signed in, unblocked. */
  wake(): void {
    this.#untilMs = 0
    this.#attempts = 0
    this.#resting.clear()
    this.kick()
  }

  /** Resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      for (let batch = this.#next(); batch.length > 0 && !this.#stopped; batch = this.#next()) {
        this.#options.state('sending', this.#error)
        await this.#send(batch)
      }
    }
  }

  /** What to send now; says how things stand, and sets the timer when there is something to send later. */
  #next(): readonly Transaction[] {
    clearTimeout(this.#timer)
    const { api, state } = this.#options
    if (api.session.state === 'signed_out') {
      state('signed_out', this.#error)
      return []
    }
    if (this.#untilMs === Number.POSITIVE_INFINITY) {
      state('blocked', this.#error)
      return []
    }
    const now = this.#options.now()
    const queue = this.#options.queue()
    const wait = this.#untilMs - now
    const resting = new Set([...this.#resting].filter(([, rest]) => rest.untilMs > now).map(([id]) => id))
    if (wait <= 0) {
      const limit = this.#alone ? 1 : batchLimit
      const ready = readyToSend(queue, { rejected: this.#options.rejected(), resting, limit, maxBytes: batchBytes })
      if (ready.length > 0) return ready
    }
    const ends = queue.flatMap(({ id }) => (resting.has(id) ? [(this.#resting.get(id)?.untilMs ?? now) - now] : []))
    const delay = wait > 0 ? wait : Math.min(...ends)
    const waits = queue.length > 0 && Number.isFinite(delay)
    if (waits) this.#timer = setTimeout(() => this.kick(), Math.ceil(delay))
    state(waits ? 'waiting' : 'idle', this.#error)
    return []
  }

  async #send(batch: readonly Transaction[]): Promise<void> {
    try {
      await this.#options.identify()
      const answer = await this.#options.api.sendTransactions(
        batch.map(({ id, edited_at, mutations }) => ({ id, edited_at, mutations })),
      )
      await this.#take(batch, answer)
    } catch (error) {
      this.#error = error
      await this.#failed(batch, error)
    }
  }

  async #take(batch: readonly Transaction[], answer: TransactionsAnswer): Promise<void> {
    this.#error = undefined
    this.#alone = false
    const sent = new Map(batch.map(one => [one.id, one]))
    const decisions: Decision[] = []
    for (const result of answer.results) {
      const transaction = sent.get(result.id)
      if (!transaction) continue
      const decision = decisionOf(transaction, result, this.#options.now(), this.#options.keepApplied)
      if (decision) decisions.push(decision)
      if (result.status === 'failed') {
        const attempts = (this.#resting.get(result.id)?.attempts ?? 0) + 1
        this.#resting.set(result.id, { attempts, untilMs: this.#after(attempts, answer.retry_after) })
        this.#error = new ApiError({ ...result.error, status: 503, retryAfter: answer.retry_after })
      }
    }
    await this.#options.decide(decisions)
    for (const { id } of decisions) this.#resting.delete(id)
    // nothing went through: if that goes on, the server has trouble of its own, not with one transaction
    if (decisions.length > 0) this.#attempts = 0
    else this.#rest(undefined)
  }

  async #failed(batch: readonly Transaction[], error: unknown): Promise<void> {
    if (error instanceof NetworkError || (error instanceof ApiError && error.retryable)) {
      this.#rest(error.retryAfter)
      return
    }
    // the session has heard of it already and stops the queue, unless somebody has signed in meanwhile
    if (error instanceof ApiError && error.code === 'unauthenticated') return
    if (error instanceof ApiError && (error.code === 'body_too_large' || error.code === 'validation_failed')) {
      const [first] = batch
      if (batch.length === 1 && first) {
        const { code, message, details } = error
        const said = { code, message, ...(details ? { details } : {}) }
        await this.#options.decide([rejection(first, said, 0, this.#options.now())])
      }
      this.#alone = batch.length > 1
      return
    }
    // the server refuses this client (a disabled account, a foreign origin), or the disk refuses the answer
    this.#untilMs = Number.POSITIVE_INFINITY
  }

  #after(attempts: number, retryAfter: number | undefined): number {
    return this.#options.now() + backoffMs(attempts, retryAfter, this.#options.random, this.#options.backoff)
  }

  #rest(retryAfter: number | undefined): void {
    this.#attempts += 1
    this.#untilMs = this.#after(this.#attempts, retryAfter)
  }
}
