// A full local copy of chosen shapes, with the optimistic layer of the outbox on top. Decides when an applied
// transaction has arrived in the shapes, and which scopes are dropped when a membership ends.
import type { Api } from './api.ts'
import type { BackoffOptions } from './backoff.ts'
import { shapeOfCommand } from './apply.ts'
import { type Collection, LiveCollection } from './collection.ts'
import type { Outbox } from './outbox.ts'
import type { Pending } from './outbox-types.ts'
import { allSeen, type Base, computeLayer, type Layer } from './overlay.ts'
import { type Batch, ShapeFollower, shapeIdOf } from './shape-follower.ts'
import type { Store } from './store.ts'
import type { AnyRow, ShapeRows } from './types.ts'

const txidMemory = 5000

export interface ReplicaOptions {
  readonly api: Pick<Api, 'url' | 'fetch' | 'session'>
  readonly store: Store
  readonly outbox: Outbox
  readonly backoff?: BackoffOptions
  readonly now?: () => number
  readonly random?: () => number
  readonly person: () => { readonly userId: string | undefined; readonly userName: string | undefined }
  /**
   * After so many ms with live shapes an applied transaction counts as seen even if its txid never came (a narrowed
   * shape that does not hold its rows, a copy fetched anew); default 30 000.
   */
  readonly settleMs?: number
}

interface Followed {
  readonly shape: string
  readonly params: Readonly<Record<string, string>>
  readonly follower: ShapeFollower
  readonly collection: LiveCollection
  /** Txids seen, oldest first: the shape may be faster than the answer. */
  readonly txids: Set<number>
}

/** See the header. */
export class Replica {
  readonly #options: ReplicaOptions
  readonly #followed = new Map<string, Promise<Followed>>()
  readonly #open: Followed[] = []
  readonly #ends: (() => void)[]
  #layer: Layer = new Map()

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.#ends = [
      options.outbox.subscribe(({ type }) => {
        if (type === 'queued' || type === 'settled') this.#refresh([])
        if (type === 'changed') this.#settleAndRefresh([])
      }),
      options.api.session.subscribe(() => this.wake()),
    ]
  }

  /** Follows a shape; the same object for the same shape and scope. Resolves when the stored rows are loaded. */
  follow<Name extends keyof ShapeRows>(
    shape: Name,
    params?: Readonly<Record<string, string>>,
  ): Promise<Collection<ShapeRows[Name]>>
  follow(shape: string, params?: Readonly<Record<string, string>>): Promise<Collection>
  async follow(shape: string, params: Readonly<Record<string, string>> = {}): Promise<Collection> {
    const id = shapeIdOf(shape, params)
    const followed = this.#followed.get(id) ?? this.#begin(shape, params)
    this.#followed.set(id, followed)
    return (await followed).collection
  }

  /** Stops following a shape; its rows stay in the store for the next time. */
  async leave(collection: Collection): Promise<void> {
    const id = shapeIdOf(collection.shape, collection.params)
    const followed = await this.#followed.get(id)
    if (!followed) return
    this.#followed.delete(id)
    this.#open.splice(this.#open.indexOf(followed), 1)
    await followed.follower.stop()
  }

  /** Asks the server again at once, for all shapes that wait. */
  wake(): void {
    for (const { follower } of this.#open) if (follower.state !== 'gone') follower.wake()
  }

  /** The synced row, whichever collection holds it. */
  synced(shape: string, id: string): AnyRow | undefined {
    return this.#base.get(shape, id)
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    await Promise.all([...this.#followed.values()].map(async one => (await one).follower.stop()))
  }

  async #begin(shape: string, params: Readonly<Record<string, string>>): Promise<Followed> {
    const { api, store, backoff = {}, random = Math.random } = this.#options
    const follower = new ShapeFollower({
      api,
      store,
      shape,
      params,
      backoff,
      random,
      onBatch: batch => this.#took(followed, batch),
      onState: () => collection.changed(),
    })
    const collection = new LiveCollection(shape, params, follower, () => this.#layer)
    const followed: Followed = { shape, params, follower, collection, txids: new Set() }
    await follower.open()
    this.#open.push(followed)
    this.#refresh([shape])
    follower.start()
    return followed
  }

  readonly #base: Base = {
    get: (shape, id) => {
      for (const one of this.#open) {
        const row = one.shape === shape ? one.follower.rows.get(id) : undefined
        if (row) return row
      }
      return undefined
    },
    rows: shape => {
      const [first, ...others] = this.#open.filter(one => one.shape === shape).map(one => one.follower.rows)
      if (!first) return []
      // several scopes of one shape may overlap
      return others.length === 0 ? first : new Map([first, ...others].flatMap(rows => [...rows]))
    },
  }

  #took(followed: Followed, batch: Batch): void {
    for (const txid of batch.txids) followed.txids.add(txid)
    for (const old of followed.txids) {
      if (followed.txids.size <= txidMemory) break
      followed.txids.delete(old)
    }
    if (followed.shape === 'my_memberships' && batch.changes > 0) this.#membershipsChanged(followed, batch)
    this.#settleAndRefresh([followed.shape], batch.changes > 0)
  }

  #membershipsChanged({ follower }: Followed, { removed }: Batch): void {
    const isMember = (scope: unknown) => [...follower.rows.values()].some(row => row.application_id === scope)
    const ended = new Set(removed.map(row => row.application_id).filter(scope => !isMember(scope)))
    const rejoin = (one: Followed) => {
      if (one.follower.state === 'gone' && isMember(one.params.application_id)) one.follower.wake()
    }
    for (const one of this.#open) {
      if (!ended.has(one.params.application_id)) rejoin(one)
      // the membership may have come back while the rows went
      else
        void one.follower.drop().then(
          () => rejoin(one),
          () => undefined,
        )
    }
  }

  #settleAndRefresh(shapes: readonly string[], changed = true): void {
    const settled = this.#options.outbox.pending().filter(one => one.state === 'applied' && this.#isSettled(one))
    if (settled.length > 0) {
      // comes back as an event, which refreshes; should the disk refuse, the next start settles it
      void this.#options.outbox.settle(settled.map(one => one.id)).catch(() => undefined)
    }
    if (changed) this.#refresh(shapes)
    else for (const one of this.#open) if (shapes.includes(one.shape)) one.collection.changed()
  }

  #isSettled(pending: Pending): boolean {
    const named = new Set(pending.shapes)
    const followed = this.#open.filter(one => named.has(one.shape))
    if (followed.length === 0) return true
    const homes = new Set(pending.mutations.map(one => shapeOfCommand(one.name)))
    const atHome = followed.filter(one => homes.has(one.shape))
    const relevant = Map.groupBy(atHome.length > 0 ? atHome : followed, one => one.shape)
    const { txid } = pending
    const seen = [...relevant.values()].every(list => list.some(one => typeof txid === 'number' && one.txids.has(txid)))
    if (seen || allSeen(pending, this.#base)) return true
    const { now = Date.now, settleMs = 30_000 } = this.#options
    const waited = now() - (pending.answeredAt ?? 0)
    return waited > settleMs && followed.every(one => one.follower.state === 'live' || one.follower.state === 'standby')
  }

  #refresh(shapes: readonly string[]): void {
    const pending = this.#options.outbox.pending()
    const before = this.#layer
    if (pending.length > 0 || before.size > 0) this.#layer = computeLayer(this.#base, pending, this.#options.person())
    const touched = new Set([...shapes, ...before.keys(), ...this.#layer.keys()])
    for (const one of this.#open) if (touched.has(one.shape)) one.collection.changed()
  }
}
