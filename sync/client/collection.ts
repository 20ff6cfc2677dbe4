// Rows of one shape as an application sees them: synced rows with the optimistic layer on top.
import type { ShapeFollower, ShapeState } from './shape-follower.ts'
import type { Layer } from './overlay.ts'
import type { AnyRow } from './types.ts'

export interface Collection<Row = AnyRow> {
  readonly shape: string
  readonly params: Readonly<Record<string, string>>
  readonly state: ShapeState
  /** Why it is not live; undefined while it is. */
  readonly lastError: unknown
  /** All rows, own pending changes included, in no particular order. The same array until something changes. */
  rows(): readonly Row[]
  get(id: string): Row | undefined
  /** The row as the server has it, as far as this client knows. */
  synced(id: string): Row | undefined
  /** Called after each change of rows or state; the result ends it. */
  subscribe(listener: () => void): () => void
  /** Resolves when there is a complete copy, from the store or from the server; rejects when the shape is refused. */
  ready(): Promise<void>
  /** Asks again after `gone`, or at once instead of after a wait. */
  wake(): void
}

/** Does a row of the layer belong to this scope? */
const inScope = (shape: string, row: AnyRow, params: Readonly<Record<string, string>>): boolean =>
  Object.entries(params).every(([name, value]) => {
    if (shape === 'application') return row.id === value
    if (name === 'archived') return row.archived_at === null && row.deleted_at === null
    return row[name] === undefined || row[name] === value
  })

/** Made by the replica; see the header. */
export class LiveCollection implements Collection {
  readonly shape: string
  readonly params: Readonly<Record<string, string>>
  readonly #follower: ShapeFollower
  readonly #layer: () => Layer
  readonly #listeners = new Set<() => void>()
  #rows: readonly AnyRow[] | undefined

  constructor(shape: string, params: Readonly<Record<string, string>>, follower: ShapeFollower, layer: () => Layer) {
    this.shape = shape
    this.params = params
    this.#follower = follower
    this.#layer = layer
  }

  get state(): ShapeState {
    return this.#follower.state
  }

  get lastError(): unknown {
    return this.#follower.lastError
  }

  rows(): readonly AnyRow[] {
    this.#rows ??= this.#compute()
    return this.#rows
  }

  get(id: string): AnyRow | undefined {
    const over = this.#layer().get(this.shape)?.get(id)
    if (over === undefined) return this.#follower.rows.get(id)
    return over !== null && inScope(this.shape, over, this.params) ? over : undefined
  }

  synced(id: string): AnyRow | undefined {
    return this.#follower.rows.get(id)
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async ready(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (this.#follower.hasCopy) resolve()
      else if (this.state === 'gone' || this.state === 'stopped') {
        reject(this.lastError ?? new Error(`The shape ${this.shape} is ${this.state}.`))
      }
    }
    const end = this.subscribe(look)
    look()
    await promise.finally(end)
  }

  wake(): void {
    this.#follower.wake()
  }

  /** The replica says that rows or state are not what they were. */
  changed(): void {
    this.#rows = undefined
    for (const listener of this.#listeners) listener()
  }

  #compute(): readonly AnyRow[] {
    const over = this.#layer().get(this.shape)
    if (!over || over.size === 0) return [...this.#follower.rows.values()]
    const rows: AnyRow[] = []
    for (const [id, row] of this.#follower.rows) if (!over.has(id)) rows.push(row)
    for (const row of over.values()) if (row !== null && inScope(this.shape, row, this.params)) rows.push(row)
    return rows
  }
}
