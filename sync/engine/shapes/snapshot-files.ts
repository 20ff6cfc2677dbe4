// The files of one snapshot. Chunk k is a file that holds a whole response body, so that serving it is sending bytes.
// Readers may follow a chunk while it is written (growing-file.ts).
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { must } from '#server/kernel/must.ts'
import { ByteWriter } from '../byte-writer.ts'
import { GrowingFile } from '../growing-file.ts'
import { bytes, type PgSnapshot } from '../protocol.ts'
import type { RowSink } from './copy-text.ts'
import type { Folder } from './folder.ts'

/** A board of some hundred rows is one piece: it is answered, and kept for the next reader, as it is. */
const pieceBytes = 262_144
const openingBracket = 0x5b
const closingBracket = bytes(']')
const comma = 0x2c
const newline = 0x0a

/** Size and checksum of a finished chunk. */
export interface ChunkSeal {
  readonly bytes: number
  readonly crc: number
}

interface Chunk {
  readonly file: GrowingFile
  crc: number
}

/** Path of chunk `index` in a shape's folder. */
const chunkPath = ({ path }: Folder, index: number) => join(path, `snapshot.${index}.json`)

export class Snapshot implements RowSink {
  /** The shape's folder. */
  readonly folder: Folder
  readonly #chunkBytes: number
  readonly #chunks: Chunk[]
  readonly out = new ByteWriter()
  /** Set as soon as the rows begin to arrive. */
  pg: PgSnapshot | null = null
  complete = false
  failure: Error | null = null
  /** False for chunks from an earlier run whose checksum has not been looked at. */
  #checked = true
  /** Bytes of the open chunk's messages, and where the current one begins in `out`. */
  #chunkSize = 0
  #messageStart = 0
  readonly #waiters = new Set<() => void>()

  private constructor(folder: Folder, chunkBytes: number, chunks: Chunk[]) {
    this.folder = folder
    this.#chunkBytes = chunkBytes
    this.#chunks = chunks
  }

  /** A snapshot that is about to be written into `folder`. */
  static create(folder: Folder, chunkBytes: number): Snapshot {
    return new Snapshot(folder, chunkBytes, [])
  }

  /** A complete snapshot from an earlier run. */
  static restore(folder: Folder, pg: PgSnapshot, seals: readonly ChunkSeal[]): Snapshot {
    const chunks = seals.map((seal, index) => ({
      file: GrowingFile.finished(chunkPath(folder, index), seal.bytes),
      crc: seal.crc,
    }))
    const snapshot = new Snapshot(folder, 0, chunks)
    snapshot.pg = pg
    snapshot.complete = true
    snapshot.#checked = false
    return snapshot
  }

  /** Compares the files with their checksums, once. Throws when they differ. */
  async check(): Promise<void> {
    if (this.#checked) return
    for (const [index, { file, crc }] of this.#chunks.entries()) {
      const content = await readFile(file.path)
      if (content.length !== file.size || crc32(content) !== crc) throw new Error(`snapshot chunk ${index} is damaged`)
    }
    this.#checked = true
  }

  /** Index of the last chunk that exists; -1 before the first. */
  get last(): number {
    return this.#chunks.length - 1
  }

  /** The rows begin: readers of chunk 0 may be answered. */
  begin(pg: PgSnapshot): void {
    this.pg = pg
    this.#wake()
  }

  /** A message begins. */
  beginRow(): void {
    if (this.#chunks.length === 0 || this.#chunkSize >= this.#chunkBytes) this.#openChunk()
    const { out } = this
    out.ensure(2)
    if (this.#chunkSize === 0) out.bytes[out.length++] = openingBracket
    else {
      out.bytes[out.length++] = comma
      out.bytes[out.length++] = newline
    }
    this.#messageStart = out.length
  }

  /** The message is in `out`. */
  endRow(): void {
    this.#chunkSize += this.out.length - this.#messageStart + 1
    if (this.out.length >= pieceBytes) this.publish()
  }

  /** Makes what was added readable. */
  publish(): void {
    if (this.out.length === 0) return
    const chunk = must(this.#chunks.at(-1), 'open chunk')
    const piece = this.out.take()
    chunk.crc = crc32(piece, chunk.crc)
    chunk.file.append(piece)
    this.#wake()
  }

  /** Settles when the writer may go on. */
  async backpressure(): Promise<void> {
    // A chunk that is being synced does not hold up the next one, but the one after.
    await this.#chunks.at(-3)?.file.settled()
    await this.#chunks.at(-1)?.file.backpressure()
    if (this.failure !== null) throw this.failure
  }

  /** Adds the last message. */
  finish(json: string): void {
    this.beginRow()
    this.out.add(bytes(json))
    this.endRow()
    this.#closeChunk()
    this.complete = true
    this.#wake()
  }

  /** Waits until every byte is durable. */
  async seal(): Promise<readonly ChunkSeal[]> {
    for (const { file } of this.#chunks) await file.settled()
    if (this.failure !== null) throw this.failure
    return this.#chunks.map(({ file, crc }) => ({ bytes: file.size, crc }))
  }

  /** Readers get this error; what they already have stays valid. */
  fail(error: Error): void {
    if (this.complete) return
    this.failure = error
    this.#chunks.at(-1)?.file.fail(error)
    this.#wake()
  }

  /** Calls `waiter` once, when more is there, or the end, or a failure. */
  onProgress(waiter: () => void): () => void {
    this.#waiters.add(waiter)
    return () => void this.#waiters.delete(waiter)
  }

  /** The body of chunk `index`; reading it throws when the snapshot fails on the way. */
  chunk(index: number): GrowingFile {
    return must(this.#chunks[index], `chunk ${index}`).file
  }

  #openChunk(): void {
    if (this.#chunks.length > 0) this.#closeChunk()
    const file = new GrowingFile(chunkPath(this.folder, this.#chunks.length), true, this.folder.ready)
    this.#chunks.push({ file, crc: 0 })
    this.#chunkSize = 0
  }

  #closeChunk(): void {
    this.out.add(closingBracket)
    this.publish()
    this.chunk(this.last).end()
    this.#wake()
  }

  #wake(): void {
    if (this.#waiters.size === 0) return
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter()
  }
}
