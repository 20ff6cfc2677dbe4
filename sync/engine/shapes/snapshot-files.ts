// The files of one snapshot. Chunk k is a file that holds a whole response body, so that serving it is sending bytes.
// Readers may follow a chunk while it is written: what is not yet in the file is still in memory, and the writer waits
// when that grows.
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { must } from '#server/kernel/must.ts'
import type { PgSnapshot } from '../protocol.ts'

const pieceBytes = 65_536
const backlogLimit = 2 * 1024 * 1024

/** Size and checksum of a finished chunk. */
export interface ChunkSeal {
  readonly bytes: number
  readonly crc: number
}

interface Chunk {
  /** Bytes that exist, and how many of them are in the file. */
  size: number
  written: number
  memory: Buffer[]
  crc: number
  done: boolean
}

const newChunk = (): Chunk => ({ size: 0, written: 0, memory: [], crc: 0, done: false })

/** Path of chunk `index` in a shape's folder. */
const chunkPath = (folder: string, index: number) => join(folder, `snapshot.${index}.json`)

export class Snapshot {
  readonly #folder: string
  readonly #chunkBytes: number
  readonly chunks: Chunk[]
  /** Set as soon as the rows begin to arrive. */
  pg: PgSnapshot | null = null
  complete = false
  failure: Error | null = null
  /** False for chunks from an earlier run whose checksum has not been looked at. */
  #checked = true
  #text = ''
  #chunkSize = 0
  #file: FileHandle | undefined
  #writing: Promise<void> = Promise.resolve()
  #backlog = 0
  readonly #waiters = new Set<() => void>()

  private constructor(folder: string, chunkBytes: number, chunks: Chunk[]) {
    this.#folder = folder
    this.#chunkBytes = chunkBytes
    this.chunks = chunks
  }

  /** A snapshot that is about to be written into `folder`. */
  static create(folder: string, chunkBytes: number): Snapshot {
    return new Snapshot(folder, chunkBytes, [])
  }

  /** A complete snapshot from an earlier run. */
  static restore(folder: string, pg: PgSnapshot, seals: readonly ChunkSeal[]): Snapshot {
    const chunks = seals.map(({ bytes, crc }) => ({ size: bytes, written: bytes, memory: [], crc, done: true }))
    const snapshot = new Snapshot(folder, 0, chunks)
    snapshot.pg = pg
    snapshot.complete = true
    snapshot.#checked = false
    return snapshot
  }

  /** Compares the files with their checksums, once. Throws when they differ. */
  async check(): Promise<void> {
    if (this.#checked) return
    for (const [index, chunk] of this.chunks.entries()) {
      const bytes = await readFile(chunkPath(this.#folder, index))
      if (bytes.length !== chunk.size || crc32(bytes) !== chunk.crc)
        throw new Error(`snapshot chunk ${index} is damaged`)
    }
    this.#checked = true
  }

  /** Index of the last chunk that exists; -1 before the first. */
  get last(): number {
    return this.chunks.length - 1
  }

  /** The rows begin: readers of chunk 0 may be answered. */
  begin(pg: PgSnapshot): void {
    this.pg = pg
    this.#wake()
  }

  /** Adds a message; `size` is its length in bytes. */
  add(json: string, size: number): void {
    if (this.chunks.length === 0 || this.#chunkSize >= this.#chunkBytes) this.#openChunk()
    this.#text += this.#text === '' && this.#chunkSize === 0 ? `[${json}` : `,\n${json}`
    this.#chunkSize += size + 1
    if (this.#text.length >= pieceBytes) this.#cutPiece()
  }

  /** Makes what was added readable. */
  publish(): void {
    this.#cutPiece()
  }

  /** Settles when the writer may go on. */
  async backpressure(): Promise<void> {
    if (this.#backlog > backlogLimit) await this.#writing
    if (this.failure !== null) throw this.failure
  }

  /** The last message has been added. */
  finish(): void {
    this.#closeChunk()
    this.complete = true
    this.#wake()
  }

  /** Waits until every byte is durable. */
  async seal(): Promise<readonly ChunkSeal[]> {
    await this.#writing
    if (this.failure !== null) throw this.failure
    return this.chunks.map(({ size, crc }) => ({ bytes: size, crc }))
  }

  /** Readers get this error; what they already have stays valid. */
  fail(error: Error): void {
    if (this.complete) return
    this.failure = error
    this.#wake()
  }

  /** Calls `waiter` once, when more is there, or the end, or a failure. */
  onProgress(waiter: () => void): () => void {
    this.#waiters.add(waiter)
    return () => void this.#waiters.delete(waiter)
  }

  /** The whole chunk, when it is finished and still in memory. */
  inMemory(index: number): Uint8Array | null {
    const chunk = this.chunks[index]
    if (chunk === undefined || !chunk.done || chunk.written > 0) return null
    return chunk.memory.length === 1 ? must(chunk.memory[0]) : Buffer.concat(chunk.memory)
  }

  /** The body of chunk `index`, as it grows. Throws when the snapshot fails on the way. */
  async *read(index: number): AsyncGenerator<Uint8Array> {
    const chunk = must(this.chunks[index], `chunk ${index}`)
    let at = 0
    let file: FileHandle | undefined
    try {
      for (;;) {
        if (at < chunk.written) {
          file ??= await open(chunkPath(this.#folder, index), 'r')
          const length = Math.min(4 * pieceBytes, chunk.written - at)
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
          if (bytesRead === 0) throw new Error('a snapshot file is shorter than it was')
          at += bytesRead
          yield buffer.subarray(0, bytesRead)
        } else if (at < chunk.size) {
          const piece = this.#memoryAt(chunk, at)
          at += piece.length
          yield piece
        } else if (chunk.done) return
        else if (this.failure !== null) throw this.failure
        else await new Promise<void>(resolve => this.onProgress(resolve))
      }
    } finally {
      await file?.close()
    }
  }

  #memoryAt(chunk: Chunk, position: number): Buffer {
    let start = chunk.written
    for (const piece of chunk.memory) {
      if (position < start + piece.length) return piece.subarray(position - start)
      start += piece.length
    }
    throw new Error('a snapshot has lost a piece')
  }

  #openChunk(): void {
    if (this.chunks.length > 0) this.#closeChunk()
    const index = this.chunks.length
    this.chunks.push(newChunk())
    this.#chunkSize = 0
    this.#then(async () => {
      this.#file = await open(chunkPath(this.#folder, index), 'w')
    })
  }

  #closeChunk(): void {
    const chunk = must(this.chunks.at(-1), 'open chunk')
    this.#text += ']'
    this.#cutPiece()
    chunk.done = true
    this.#then(async () => {
      await this.#file?.datasync()
      await this.#file?.close()
      this.#file = undefined
    })
    this.#wake()
  }

  #cutPiece(): void {
    if (this.#text === '') return
    const chunk = must(this.chunks.at(-1), 'open chunk')
    const piece = Buffer.from(this.#text)
    this.#text = ''
    chunk.memory.push(piece)
    chunk.size += piece.length
    chunk.crc = crc32(piece, chunk.crc)
    this.#backlog += piece.length
    this.#then(async () => {
      const { bytesWritten } = await must(this.#file, 'open file').write(piece, 0, piece.length, chunk.written)
      if (bytesWritten !== piece.length)
        throw Object.assign(new Error(`wrote ${bytesWritten} of ${piece.length} bytes of a snapshot`), {
          code: 'ENOSPC',
        })
      chunk.memory.shift()
      chunk.written += piece.length
      this.#backlog -= piece.length
    })
    this.#wake()
  }

  #then(step: () => Promise<void>): void {
    this.#writing = this.#writing.then(async () => {
      if (this.failure === null) await step()
    })
    this.#writing.catch((error: Error) => this.#abandon(error))
  }

  #abandon(error: Error): void {
    this.failure ??= error
    this.#wake()
  }

  #wake(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter()
  }
}
