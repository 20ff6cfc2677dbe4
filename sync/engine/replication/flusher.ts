// Making things durable, and telling the slot. One round: note how far the logs go, sync every log that changed, sync
// the catalog, write the position, and only then acknowledge. Rounds never overlap, and none is skipped: what the slot
// was told is always on disk.
import { pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import type { Reach } from '../crash-point.ts'
import { SyncFailed } from '../log/log.ts'
import { type Storage, storageRetryMs } from '../storage.ts'
import type { ShapeCatalog } from '../shapes/catalog.ts'
import type { Shape } from '../shapes/shape.ts'
import type { ReplicationConnection } from './connection.ts'
import type { Origin, PositionFile } from './position.ts'
import type { TransactionReader } from './transactions.ts'
import type { Unproven } from './unproven.ts'

/** Changes in memory beyond which the stream has to wait. */
const pressureLimit = 16 * 1024 * 1024
const parallelSyncs = 4
/** More unproven transactions than this are worth a question to Postgres before they are written down. */
const unprovenLimit = 256

export interface FlusherParts {
  readonly reader: TransactionReader
  readonly unproven: Unproven
  readonly catalog: ShapeCatalog
  readonly position: PositionFile
  readonly storage: Storage
  /** Takes a snapshot only to forget what it proves. */
  readonly prove: () => Promise<void>
  readonly retire: (shape: Shape, reason: string) => Promise<void>
  /** The lowest LSN that is not yet in every log; null when there is none below what was received. */
  readonly held: () => bigint | null
  readonly flushMs: number
  readonly statusMs: number
  readonly log: Log
  readonly reach: Reach
}

export class Flusher {
  readonly #parts: FlusherParts
  #dirty = new Set<Shape>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #status: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #connection: ReplicationConnection | undefined
  #origin: Origin | undefined
  #confirmed = 0n

  constructor(parts: FlusherParts) {
    this.#parts = parts
  }

  /** A stream begins: `confirmed` is what the slot knows. */
  attach(connection: ReplicationConnection, origin: Origin, confirmed: bigint): void {
    this.#connection = connection
    this.#origin = origin
    this.#confirmed = confirmed
    // While the stream is paused Postgres still wants to hear from us.
    this.#status = setInterval(() => {
      this.acknowledge()
      if (this.#parts.reader.received > this.#confirmed) this.#schedule(0)
    }, this.#parts.statusMs)
  }

  /** The stream has ended. */
  detach(): void {
    clearInterval(this.#status)
    this.#connection = undefined
  }

  /** Stops the timers; what is dirty stays so. */
  stop(): void {
    this.detach()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Says again what is durable. */
  acknowledge(): void {
    this.#connection?.acknowledge(this.#confirmed)
  }

  /** The highest LSN that the slot was told. */
  get confirmed(): bigint {
    return this.#confirmed
  }

  /** `shape` has `bytes` more that are not on disk. */
  dirty(shape: Shape, bytes: number): void {
    this.#dirty.add(shape)
    this.#bytes += bytes
    this.#schedule(this.#parts.flushMs)
  }

  /** Postgres has sent more, though not for any shape. */
  advanced(): void {
    this.#schedule(this.#parts.flushMs)
  }

  /** Not null when too much is in memory: settles when it is in the files. */
  relieve(): Promise<void> | null {
    if (this.#bytes < pressureLimit) return null
    return this.#relieveNow()
  }

  /** Ends when there is room, or when the stream has ended: then the slot has what is missing. */
  async #relieveNow(): Promise<void> {
    while (this.#connection !== undefined) {
      const bytes = this.#bytes
      this.#bytes = 0
      try {
        return await this.#each([...this.#dirty], false)
      } catch {
        this.#bytes += bytes
        await pause(storageRetryMs)
      }
    }
  }

  /** Makes everything durable that there is now. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#round = this.#round.catch(() => {}).then(() => this.#flushNow())
    return this.#round
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.flush().catch((error: unknown) => {
        if (this.#parts.storage.failure === undefined)
          this.#parts.log.error('the logs could not be made durable', { error })
        this.#schedule(storageRetryMs)
      })
    }, ms)
  }

  async #flushNow(): Promise<void> {
    const shapes = [...this.#dirty]
    const bytes = this.#bytes
    this.#dirty.clear()
    this.#bytes = 0
    try {
      await this.#store(shapes)
    } catch (error) {
      // Some of them may be on disk. The others must be there before the slot hears anything.
      for (const shape of shapes) this.#dirty.add(shape)
      this.#bytes += bytes
      await this.#parts.storage.concerns(error)
      throw error
    }
  }

  async #store(shapes: readonly Shape[]): Promise<void> {
    const { reader, catalog, position, unproven, prove, storage, reach } = this.#parts
    const held = this.#parts.held()
    const lsn = held !== null && held < reader.received ? held : reader.received
    if (shapes.length === 0 && lsn <= this.#confirmed) return
    await this.#each(shapes, true)
    await catalog.sync()
    if (shapes.length > 0) storage.works()
    if (lsn <= this.#confirmed || this.#connection === undefined) return
    if (unproven.size > unprovenLimit) await prove().catch(() => {})
    await position.write({ origin: must(this.#origin, 'origin'), lsn, unproven: unproven.list() })
    storage.works()
    this.#confirmed = lsn
    this.acknowledge()
    reach('slot.confirmed')
  }

  async #each(shapes: readonly Shape[], sync: boolean): Promise<void> {
    const queue = [...shapes]
    let unwritable: unknown
    const worker = async () => {
      for (let shape = queue.pop(); shape !== undefined && unwritable === undefined; shape = queue.pop()) {
        if (shape.retiring !== undefined || shape.loaded === undefined) continue
        try {
          await shape.log.flush(sync)
        } catch (error) {
          if (shape.retiring !== undefined) continue
          if (!(error instanceof SyncFailed) && (await this.#parts.storage.concerns(error))) unwritable = error
          else {
            this.#parts.log.error('a log could not be written', { handle: shape.handle, error })
            // It has left the router and is in the catalog's next sync: nothing has to wait for it.
            void this.#parts.retire(shape, 'its log could not be written')
          }
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(parallelSyncs, queue.length) }, worker))
    if (unwritable !== undefined) throw unwritable
  }
}
