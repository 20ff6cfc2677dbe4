// The log of a shape on any ByteStore. Invariants: frames are appended in commit order; the bytes after the last
// frame with the commit flag are never visible and are cut when the log is opened; a chunk's end never moves.
import { must } from '#server/kernel/must.ts'
import { compareOffsets, type Offset } from '../lsn.ts'
import { ChunkIndex, type IndexEntry } from './chunks.ts'
import {
  checks,
  chunkFlag,
  commitFlag,
  encodeFrame,
  headerBytes,
  type Item,
  itemBytes,
  lastOp,
  opAt,
  payload,
  readHeader,
} from './frame.ts'
import { type ByteStore, LogDamaged, type ShapeLog } from './log.ts'

const frameBytes = 65_536
const readBytes = 262_144
/** More than this is not put together in memory: readers get it piece by piece, at their own pace. */
const recentBytes = 1_048_576
const separator = Buffer.from(',\n')

interface PendingFrame {
  readonly tx: bigint
  readonly position: number
  readonly bytes: Buffer
}

/** Frames that follow each other, and how many bytes they take. */
interface Frames {
  readonly frames: PendingFrame[]
  readonly used: number
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array =>
  pieces.length === 1
    ? must(pieces[0])
    : Buffer.concat(pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece])))

const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, length)

class ChunkedLog implements ShapeLog {
  readonly #store: ByteStore
  readonly #chunkBytes: number
  readonly #index: ChunkIndex
  /** Size of the open chunk, as of the last commit and as of the last staged frame. */
  #committedSize: number
  #stagedSize: number
  /** Where the next frame goes; where the last committed one ended. */
  #end: number
  #committedEnd: number
  #pending: PendingFrame[] = []
  /** Where the frames of the open transaction are; their bytes may have left memory. */
  #staged: IndexEntry[] = []
  #tx = 0n
  #items: Item[] = []
  #itemBytes = 0
  #held: Item | undefined
  #mustCut = false
  /** The store does not exist yet. */
  #isNew: boolean
  /** The store may hold what was not synced: it was written to, or an earlier run did so and died. */
  #unsynced: boolean
  #flushing: Promise<void> = Promise.resolve()
  /** Everything up to here left memory. */
  #lastWritten: Offset
  pendingBytes = 0

  constructor(
    store: ByteStore,
    chunkBytes: number,
    state: { index: ChunkIndex; end: number; openChunk: number; isNew: boolean },
  ) {
    this.#isNew = state.isNew
    this.#unsynced = !state.isNew
    this.#store = store
    this.#chunkBytes = chunkBytes
    this.#index = state.index
    this.#end = this.#committedEnd = state.end
    this.#committedSize = this.#stagedSize = state.openChunk
    this.#lastWritten = state.index.tail
  }

  get tail(): Offset {
    return this.#index.tail
  }

  stage(tx: bigint, op: number, json: string): void {
    this.#tx = tx
    if (this.#held !== undefined) this.#addItem(this.#held)
    this.#held = { op, json }
  }

  commit(mark = true): boolean {
    if (this.#held === undefined) return false
    const { op, json } = this.#held
    this.#held = undefined
    // The headers are the last member of an item, and `last` becomes the last of them.
    this.#addItem({ op, json: mark ? `${json.slice(0, -2)},"last":true}}` : json }, commitFlag)
    for (const entry of this.#staged) this.#index.add(entry)
    this.#staged = []
    this.#committedEnd = this.#end
    this.#committedSize = this.#stagedSize
    return true
  }

  abort(): void {
    this.#held = undefined
    this.#items = []
    this.#itemBytes = 0
    if (this.#staged.length > 0) {
      this.#pending = this.#pending.filter(frame => frame.position < this.#committedEnd)
      this.pendingBytes = this.#pending.reduce((sum, frame) => sum + frame.bytes.length, 0)
      this.#staged = []
      this.#mustCut = true
    }
    this.#end = this.#committedEnd
    this.#stagedSize = this.#committedSize
  }

  chunkEnd(after: Offset): Offset {
    return this.#index.endAfter(after)
  }

  isChunkStart(after: Offset): boolean {
    return this.#index.isEnd(after)
  }

  readRecent(after: Offset, upTo: Offset): Uint8Array | null {
    if (compareOffsets(after, this.#lastWritten) < 0) return null
    const pieces = this.#slices(this.#pending, after, upTo)
    if (pieces.reduce((sum, piece) => sum + piece.length, 0) > recentBytes) return null
    return pieces.length === 0 ? new Uint8Array() : joined(pieces)
  }

  async *read(after: Offset, upTo: Offset): AsyncGenerator<Uint8Array> {
    // What comes later is beyond it, and what was there may move from memory to the store between two pieces.
    const end = this.#committedEnd
    let position = this.#index.positionBefore(after)
    while (position < end) {
      const storeEnd = Math.min(this.#pending[0]?.position ?? end, end)
      const { frames, used } =
        position < storeEnd ? await this.#storedFrames(position, storeEnd) : this.#pendingFrames(position, end)
      const pieces = this.#slices(frames, after, upTo)
      if (pieces.length > 0) yield joined(pieces)
      const last = frames.at(-1)
      // not by the transaction alone: a chunk may end in the middle of one that goes on for gigabytes
      if (last !== undefined && compareOffsets({ tx: last.tx, op: lastOp(last.bytes) }, upTo) >= 0) return
      position += used
    }
  }

  flush(sync: boolean): Promise<void> {
    const run = this.#flushing.catch(() => {}).then(() => this.#flushNow(sync))
    this.#flushing = run
    return run
  }

  async #flushNow(sync: boolean): Promise<void> {
    const frames = [...this.#pending]
    if (this.#isNew) {
      await this.#store.create()
      this.#isNew = false
    }
    if (this.#mustCut || frames.length > 0) this.#unsynced = true
    if (this.#mustCut) {
      this.#mustCut = false
      await this.#store.truncate(frames[0]?.position ?? this.#end).catch((error: unknown) => {
        this.#mustCut = true
        throw error
      })
    }
    const first = frames[0]
    if (first !== undefined) {
      await this.#store.write(
        first.position,
        frames.map(frame => frame.bytes),
        sync,
      )
      this.#unsynced = !sync
      const done = new Set(frames)
      const last = must(frames.at(-1))
      this.#lastWritten = { tx: last.tx, op: lastOp(last.bytes) }
      this.#pending = this.#pending.filter(frame => !done.has(frame))
      this.pendingBytes = this.#pending.reduce((sum, frame) => sum + frame.bytes.length, 0)
    }
    if (!sync || !this.#unsynced) return
    await this.#store.sync()
    this.#unsynced = false
  }

  #addItem(item: Item, flags = 0): void {
    const size = Buffer.byteLength(item.json)
    this.#items.push(item)
    this.#itemBytes += size
    this.#stagedSize += size + 1
    const endsChunk = this.#stagedSize >= this.#chunkBytes
    if (endsChunk) this.#stagedSize = 0
    if (!endsChunk && flags === 0 && this.#itemBytes < frameBytes) return
    const bytes = encodeFrame(this.#tx, this.#items, flags | (endsChunk ? chunkFlag : 0))
    const frame = { tx: this.#tx, position: this.#end, bytes }
    this.#items = []
    this.#itemBytes = 0
    this.#end += bytes.length
    this.#pending.push(frame)
    this.#staged.push(entryOf(this.#tx, frame.position, bytes))
    this.pendingBytes += bytes.length
  }

  #slices(frames: readonly PendingFrame[], after: Offset, upTo: Offset): Uint8Array[] {
    const pieces: Uint8Array[] = []
    for (const { tx, bytes } of frames) {
      if (tx < after.tx || tx > upTo.tx) continue
      const piece = payload(bytes, tx === after.tx ? after.op : -1, tx === upTo.tx ? upTo.op : Infinity)
      if (piece.length > 0) pieces.push(piece)
    }
    return pieces
  }

  /** The frames from `position` on that are not yet in the store: about as much as is read from there at once. */
  #pendingFrames(position: number, end: number): Frames {
    const frames: PendingFrame[] = []
    let used = 0
    for (const frame of this.#pending) {
      if (frame.position < position) continue
      if (frame.position >= end || used >= readBytes) break
      frames.push(frame)
      used += frame.bytes.length
    }
    // a reader that does not get on would never stop asking
    if (used === 0) throw new LogDamaged(`no frame in memory at ${position}`)
    return { frames, used }
  }

  /** The frames that lie whole in what is read at `position`; when not even one does, that one is read on its own. */
  async #storedFrames(position: number, end: number): Promise<Frames> {
    const bytes = asBuffer(await this.#store.read(position, Math.min(readBytes, end - position)))
    const frames: PendingFrame[] = []
    let at = 0
    while (at + headerBytes <= bytes.length) {
      const header = readHeader(bytes, at)
      if (header === null) throw new LogDamaged(`no frame at ${position + at}`)
      if (at + header.size > bytes.length) {
        if (at > 0) break
        const whole = asBuffer(await this.#store.read(position, header.size))
        if (whole.length < header.size) throw new LogDamaged(`half a frame at ${position}`)
        return { frames: [{ tx: header.tx, position, bytes: whole }], used: header.size }
      }
      frames.push({ tx: header.tx, position: position + at, bytes: bytes.subarray(at, at + header.size) })
      at += header.size
    }
    if (at === 0) throw new LogDamaged(`half a header at ${position}`)
    return { frames, used: at }
  }
}

const entryOf = (tx: bigint, position: number, bytes: Buffer): IndexEntry => ({
  first: { tx, op: opAt(bytes, 0) },
  last: { tx, op: lastOp(bytes) },
  position,
  endsChunk: (bytes.readUInt32LE(16) & chunkFlag) !== 0,
})

/**
 * Opens the log in `store`, cutting a tail that was never committed. Frames of transactions up to `durableLsn` were
 * durable once: when one of those is broken, LogDamaged is thrown, because Postgres will not send it again.
 */
export const openChunkedLog = async (store: ByteStore, chunkBytes: number, durableLsn: bigint): Promise<ShapeLog> => {
  const size = await store.size()
  const index = new ChunkIndex()
  let position = 0
  let committed = 0
  let openChunk = 0
  let committedChunk = 0
  let staged: IndexEntry[] = []
  let window: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) }
  const bytesAt = async (start: number, length: number): Promise<Buffer> => {
    if (start < window.start || start + length > window.start + window.bytes.length)
      window = { start, bytes: asBuffer(await store.read(start, Math.max(readBytes, length))) }
    return window.bytes.subarray(start - window.start, start - window.start + length)
  }
  while (position + headerBytes <= size) {
    const head = await bytesAt(position, headerBytes)
    const header = readHeader(head, 0)
    if (header === null) {
      if (head.some(byte => byte !== 0)) throw new LogDamaged(`no frame at ${position}`)
      break
    }
    const bytes = position + header.size <= size ? await bytesAt(position, header.size) : undefined
    if (bytes === undefined || !checks(bytes)) {
      if (header.tx <= durableLsn) throw new LogDamaged(`broken frame at ${position}`)
      break
    }
    staged.push(entryOf(header.tx, position, bytes))
    openChunk = (header.flags & chunkFlag) !== 0 ? 0 : openChunk + itemBytes(bytes) + header.count
    position += header.size
    if ((header.flags & commitFlag) !== 0) {
      for (const entry of staged) index.add(entry)
      staged = []
      committed = position
      committedChunk = openChunk
    }
  }
  if (committed < size) {
    await store.truncate(committed)
    await store.sync()
  }
  return new ChunkedLog(store, chunkBytes, { index, end: committed, openChunk: committedChunk, isNew: false })
}

/** A new log in `store`, which does not exist yet and is made by the first flush. */
export const newChunkedLog = (store: ByteStore, chunkBytes: number): ShapeLog =>
  new ChunkedLog(store, chunkBytes, { index: new ChunkIndex(), end: 0, openChunk: 0, isNew: true })
