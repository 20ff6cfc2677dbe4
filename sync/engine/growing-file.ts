// A file that is written once and may be read while it grows: what is not yet in the file is still in memory. The writer
// waits when that becomes too much; readers never do more than follow.
import { type FileHandle, open } from 'node:fs/promises'
import { must } from '#server/kernel/must.ts'

const readBytes = 262_144
/** Less than this is not worth a write of its own before the end. */
const writeBytes = 262_144
const backlogLimit = 2 * 1024 * 1024

export class GrowingFile {
  readonly #path: string
  readonly #durable: boolean
  readonly #ready: (() => Promise<void>) | undefined
  /** Bytes that exist. */
  size = 0
  /** No more will come. */
  done = false
  failure: Error | null = null
  /** Bytes that are in the file. */
  #written = 0
  #memory: Uint8Array[] = []
  #file: FileHandle | undefined
  #writing: Promise<void> = Promise.resolve()
  #draining = false
  readonly #waiters = new Set<() => void>()

  /** A file at `path` that does not exist yet; `durable`: it is synced at its end; `ready` settles when its folder is there. */
  constructor(path: string, durable: boolean, ready?: () => Promise<void>) {
    this.#path = path
    this.#durable = durable
    this.#ready = ready
  }

  /** A whole file of `size` bytes. */
  static finished(path: string, size: number): GrowingFile {
    const file = new GrowingFile(path, true)
    file.size = file.#written = size
    file.done = true
    return file
  }

  get path(): string {
    return this.#path
  }

  /** Adds bytes, which belong to the file from now on. */
  append(piece: Uint8Array): void {
    if (this.failure !== null) return
    this.#memory.push(piece)
    this.size += piece.length
    if (this.size - this.#written >= writeBytes) this.#write()
    this.#wake()
  }

  /** The last bytes were added. A little that is left is written when somebody wants it to be `settled`. */
  end(): void {
    this.done = true
    if (this.#file !== undefined) this.#write()
    this.#wake()
  }

  /** Readers get this error, unless the file was done. */
  fail(error: Error): void {
    if (this.done) return
    this.failure ??= error
    this.#wake()
    this.#write()
  }

  /** Settles when the writer may go on; rejects when the file cannot be written. */
  async backpressure(): Promise<void> {
    if (this.size - this.#written > backlogLimit) await this.#writing
    if (this.failure !== null) throw this.failure
  }

  /** Settles when everything is in the file, and durable; only after `end`. */
  async settled(): Promise<void> {
    if (this.#memory.length > 0) this.#write()
    await this.#writing
    if (this.failure !== null) throw this.failure
  }

  /** Everything, when it is done and still in memory. */
  inMemory(): Uint8Array | null {
    if (!this.done || this.#written > 0 || this.#memory.length === 0) return null
    return this.#memory.length === 1 ? must(this.#memory[0]) : Buffer.concat(this.#memory)
  }

  /** The bytes from the first to the last, as they come. */
  async *read(): AsyncGenerator<Uint8Array> {
    let at = 0
    let file: FileHandle | undefined
    try {
      for (;;) {
        if (at < this.#written) {
          file ??= await open(this.#path, 'r')
          const length = Math.min(readBytes, this.#written - at)
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
          if (bytesRead === 0) throw new Error('a file is shorter than it was')
          at += bytesRead
          yield buffer.subarray(0, bytesRead)
        } else if (at < this.size) {
          const piece = this.#memoryAt(at)
          at += piece.length
          yield piece
        } else if (this.done) return
        else if (this.failure !== null) throw this.failure
        else await new Promise<void>(resolve => this.#waiters.add(resolve))
      }
    } finally {
      await file?.close()
    }
  }

  #memoryAt(position: number): Uint8Array {
    let start = this.#written
    for (const piece of this.#memory) {
      if (position < start + piece.length) return piece.subarray(position - start)
      start += piece.length
    }
    throw new Error('a file has lost a piece')
  }

  #write(): void {
    if (this.#draining) return
    this.#draining = true
    this.#writing = this.#drain().catch((error: Error) => {
      this.failure ??= error
      this.#wake()
    })
  }

  async #drain(): Promise<void> {
    try {
      while (this.failure === null && this.#memory.length > 0) await this.#writeAll()
      if (this.done && this.#durable && this.failure === null) await this.#file?.datasync()
    } finally {
      // From the last look at the memory to here nothing was awaited, unless no more can come.
      this.#draining = false
    }
    if (this.done || this.failure !== null) await this.#close()
  }

  async #writeAll(): Promise<void> {
    const pieces = [...this.#memory]
    if (this.#file === undefined) {
      await this.#ready?.()
      this.#file = await open(this.#path, 'w')
    }
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const { bytesWritten } = await this.#file.writev(pieces, this.#written)
    // a file system says so when it is about to be full
    if (bytesWritten !== length)
      throw Object.assign(new Error(`wrote ${bytesWritten} of ${length} bytes`), { code: 'ENOSPC' })
    this.#memory.splice(0, pieces.length)
    this.#written += length
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  #wake(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter()
  }
}
