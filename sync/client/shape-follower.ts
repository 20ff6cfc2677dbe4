// One shape, followed through the official client: rows and position in memory and in the store. Invariants: rows and
// position change together, in one store write per complete batch; a shape that starts over replaces its rows in one
// write; rows are dropped only on a 404 that carries Skerry's error body (or on `drop`), never on a 401, never on
// somebody else's answer. The official client ends at many errors; each end is looked at here, and followed by a new
// start from the stored position, so it never ends silently.
import { FetchError, type Message, type Offset, ShapeStream } from '@electric-sql/client'
import type { Api } from './api.ts'
import { backoffMs, type BackoffOptions } from './backoff.ts'
import { errorBody, NetworkError } from './errors.ts'
import { parser, rowId } from './shape-rows.ts'
import { buckets, readValue, type Store, type StoreWrite } from './store.ts'
import type { AnyRow } from './types.ts'

/**
 * `standby` another tab follows, and its rows are read from the store · `loading` nothing received yet in this run ·
 * `live` following · `offline` trying to reach the server · `signed_out` · `gone` the caller may not read it (any more)
 * · `stopped`.
 */
export type ShapeState = 'standby' | 'loading' | 'live' | 'offline' | 'signed_out' | 'gone' | 'stopped'

/** What a complete batch has brought. */
export interface Batch {
  /** Number of rows that came, changed or went. */
  readonly changes: number
  readonly removed: readonly AnyRow[]
  readonly txids: readonly number[]
}

export interface FollowerOptions {
  readonly api: Pick<Api, 'url' | 'fetch' | 'session'>
  readonly store: Store
  readonly shape: string
  /** Scope: application_id, project_id, archived. */
  readonly params: Readonly<Record<string, string>>
  readonly backoff: BackoffOptions
  readonly random: () => number
  /** Called after each complete batch, with rows already in place. */
  readonly onBatch: (batch: Batch) => void
  readonly onState: () => void
}

interface Position {
  readonly handle: string
  readonly offset: Offset
}

/** Name and scope in one text: the key of a shape in the store. */
export const shapeIdOf = (shape: string, params: Readonly<Record<string, string>>): string =>
  `${shape}?${new URLSearchParams(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))).toString()}`

/** See the header. `open` first, then `start`. */
export class ShapeFollower {
  readonly id: string
  readonly #options: FollowerOptions
  readonly #stop = new AbortController()
  #rows = new Map<string, AnyRow>()
  #position: Position | undefined
  #state: ShapeState = 'standby'
  #lastError: unknown
  #current: AbortController | undefined
  #wakeUp = Promise.withResolvers<void>()
  #attempts = 0
  #running: Promise<void> | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.id = shapeIdOf(options.shape, options.params)
  }

  get rows(): ReadonlyMap<string, AnyRow> {
    return this.#rows
  }

  get state(): ShapeState {
    return this.#state
  }

  /** Why it is not live; undefined while it is. */
  get lastError(): unknown {
    return this.#lastError
  }

  /** Has a complete copy been received, now or in an earlier run? */
  get hasCopy(): boolean {
    return this.#position !== undefined
  }

  /** Reads what the store holds, so that rows are there before the network is; again after another tab has written. */
  async open(): Promise<void> {
    const { store } = this.#options
    const position = (await readValue(store, buckets.shapes, this.id)) as Position | undefined
    const entries = position ? await store.all(buckets.rows(this.id)) : []
    this.#position = position
    this.#rows = new Map(entries.map(({ key, value }) => [key, value as AnyRow]))
  }

  /** Follows from now on; of several tabs, the first that asks, the others read along. */
  start(): void {
    const { store } = this.#options
    const bucket = buckets.rows(this.id)
    const end = store.subscribe(written => {
      if (this.#state === 'standby' && written.includes(bucket)) void this.#readAlong()
    })
    this.#running ??= store
      .exclusive(`shape/${this.id}`, this.#stop.signal, async () => {
        this.#setState('loading')
        await this.open()
        await this.#run()
      })
      .finally(end)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#current?.abort()
    this.#wakeUp.resolve()
    await this.#running
    this.#setState('stopped')
  }

  /** Starts anew from the stored position: back online, signed in, allowed again. */
  wake(): void {
    this.#attempts = 0
    this.#current?.abort()
    this.#wakeUp.resolve()
  }

  /** Drops rows and position: the caller is known to have lost the right. Waits for `wake`. */
  async drop(): Promise<void> {
    const removed = [...this.#rows.values()]
    await this.#options.store.write([
      { op: 'clear', bucket: buckets.rows(this.id) },
      { op: 'delete', bucket: buckets.shapes, key: this.id },
    ])
    this.#rows = new Map()
    this.#position = undefined
    this.#setState('gone')
    this.#options.onBatch({ changes: removed.length, removed, txids: [] })
    this.#current?.abort()
  }

  async #readAlong(): Promise<void> {
    const before = this.#rows
    await this.open()
    const removed = [...before].filter(([id]) => !this.#rows.has(id)).map(([, row]) => row)
    this.#options.onBatch({ changes: this.#rows.size, removed, txids: [] })
  }

  async #run(): Promise<void> {
    const { api } = this.#options
    while (!this.#stop.signal.aborted) {
      if (api.session.state === 'signed_out') this.#setState('signed_out')
      if (this.#state === 'gone' || api.session.state === 'signed_out') {
        await this.#sleep()
        if (this.#state === 'gone') this.#setState('loading')
        continue
      }
      const error = await this.#follow(api.session.signIns)
      if (this.#stop.signal.aborted || error === undefined) continue
      this.#lastError = error.cause
      if (error.kind === 'signed_out') api.session.expire(error.signIns)
      else if (error.kind === 'gone') await this.drop()
      else {
        this.#attempts += 1
        this.#setState('offline')
        await this.#sleep(backoffMs(this.#attempts, undefined, this.#options.random, this.#options.backoff))
      }
    }
  }

  async #sleep(ms?: number): Promise<void> {
    // a wake before this moment was meant for something else
    this.#wakeUp = Promise.withResolvers()
    if (this.#stop.signal.aborted) return
    const timer = ms === undefined ? undefined : setTimeout(() => this.#wakeUp.resolve(), ms)
    await this.#wakeUp.promise
    clearTimeout(timer)
  }

  /** Follows until something ends it; undefined when that was an abort of ours. */
  async #follow(signIns: number): Promise<End | undefined> {
    const { api, shape, params, backoff } = this.#options
    const abort = new AbortController()
    this.#current = abort
    const ended = Promise.withResolvers<End | undefined>()
    abort.signal.addEventListener('abort', () => ended.resolve(undefined), { once: true })
    const end = (error: unknown) => ended.resolve(endOf(error, signIns))
    const stream = new ShapeStream({
      url: `${api.url}/api/shapes/${shape}`,
      // the client's type forbids its reserved names by index signatures that no record type satisfies
      params: params as NonNullable<ConstructorParameters<typeof ShapeStream>[0]['params']>,
      ...(this.#position ? { handle: this.#position.handle, offset: this.#position.offset } : {}),
      signal: abort.signal,
      fetchClient: this.#watchedFetch(abort.signal),
      backoffOptions: { initialDelay: backoff.initialMs ?? 500, maxDelay: backoff.maxMs ?? 30_000, multiplier: 2 },
      parser,
      warnOnHttp: false,
      onError: end,
    })
    const batch = new BatchBuffer(this.#position === undefined)
    stream.subscribe(async messages => {
      try {
        if (batch.add(messages) && !abort.signal.aborted) await this.#commit(stream, batch)
      } catch (error) {
        // a throw in here would end the process; a full disk must not
        end(error)
      }
    })
    const reason = await ended.promise
    abort.abort()
    return reason
  }

  // the official client retries lost connections by itself and tells nobody
  #watchedFetch(signal: AbortSignal): typeof fetch {
    return async (input, init) => {
      try {
        const response = await this.#options.api.fetch(input, init)
        if (response.status >= 500)
          this.#unreachable(new NetworkError('The server fails.', { status: response.status }))
        return response
      } catch (error) {
        if (!signal.aborted && !init?.signal?.aborted) this.#unreachable(error)
        throw error
      }
    }
  }

  #unreachable(error: unknown): void {
    this.#lastError = error
    this.#setState('offline')
  }

  async #commit(stream: ShapeStream, batch: BatchBuffer): Promise<void> {
    const { shapeHandle: handle, lastOffset: offset } = stream
    const taken = batch.take(this.#rows)
    const { rows, changed, replaces } = taken
    if (handle !== undefined && (replaces || changed.size > 0 || offset !== this.#position?.offset)) {
      const bucket = buckets.rows(this.id)
      const writes: StoreWrite[] = replaces ? [{ op: 'clear', bucket }] : []
      for (const key of changed) {
        const value = rows.get(key)
        writes.push(value ? { op: 'put', bucket, key, value } : { op: 'delete', bucket, key })
      }
      writes.push({ op: 'put', bucket: buckets.shapes, key: this.id, value: { handle, offset } })
      await this.#options.store.write(writes)
      this.#position = { handle, offset }
    }
    this.#rows = rows
    this.#attempts = 0
    this.#lastError = undefined
    this.#setState('live')
    this.#options.onBatch(taken)
  }

  #setState(state: ShapeState): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onState()
  }
}

interface End {
  readonly kind: 'signed_out' | 'gone' | 'failed'
  /** Of the session when it began. */
  readonly signIns: number
  readonly cause: unknown
}

const endOf = (cause: unknown, signIns: number): End => {
  const code = cause instanceof FetchError ? errorBody(cause.json)?.code : undefined
  const status = cause instanceof FetchError ? cause.status : undefined
  if (status === 401 && code === 'unauthenticated') return { kind: 'signed_out', signIns, cause }
  if (status === 404 && code === 'not_found') return { kind: 'gone', signIns, cause }
  return { kind: 'failed', signIns, cause }
}

/** Collects messages until the server says that they are complete. */
class BatchBuffer {
  #messages: Message[] = []
  #replaces: boolean

  constructor(replaces: boolean) {
    this.#replaces = replaces
  }

  /** True when the batch is complete. */
  add(messages: readonly Message[]): boolean {
    let complete = false
    for (const message of messages) {
      if ('key' in message) this.#messages.push(message)
      else if ('control' in message.headers && message.headers.control === 'must-refetch') {
        this.#messages = []
        this.#replaces = true
      } else if ('control' in message.headers && message.headers.control === 'up-to-date') complete = true
    }
    return complete
  }

  take(base: ReadonlyMap<string, AnyRow>) {
    const replaces = this.#replaces
    const messages = this.#messages
    this.#messages = []
    this.#replaces = false
    const rows = new Map(replaces ? [] : base)
    const changed = new Set<string>()
    const txids = new Set<number>()
    for (const message of messages) {
      if (!('key' in message)) continue
      const id = rowId(message.key)
      changed.add(id)
      for (const txid of message.headers.txids ?? []) txids.add(txid)
      if (message.headers.operation === 'delete') rows.delete(id)
      else rows.set(id, message.headers.operation === 'update' ? { ...rows.get(id), ...message.value } : message.value)
    }
    const removed = [...base].filter(([id]) => (replaces || changed.has(id)) && !rows.has(id)).map(([, row]) => row)
    return { rows, changed, replaces, removed, txids: [...txids], changes: changed.size + removed.length }
  }
}
