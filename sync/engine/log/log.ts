// What the log of one shape can do. Items are staged while a transaction is decoded, become visible together at its
// commit, and are forgotten when it never commits. What is visible may still be in memory: it may be served, because
// the slot repeats it after a crash with the same offsets, but only `flush` makes it durable, and only then may the
// slot be told.
import type { Offset } from '../lsn.ts'

export interface ShapeLog {
  /** Offset of the last visible item; `0_inf` while there is none. */
  readonly tail: Offset
  /** Bytes that are held in memory because they are not yet in the store. */
  readonly pendingBytes: number
  /** Adds an item to the transaction that is being decoded. `json` has no raw newline. */
  stage(tx: bigint, op: number, json: string): void
  /** Makes the staged items visible and, unless told otherwise, marks the last one `last`; false when there are none. */
  commit(mark?: boolean): boolean
  /** Forgets what was staged. */
  abort(): void
  /** End of the first complete chunk after `after`, or the tail. */
  chunkEnd(after: Offset): Offset
  /** Whether a chunk begins after `after`: it is the end of a complete one, or of the snapshot. */
  isChunkStart(after: Offset): boolean
  /** The items in (after, upTo] when they are few and all in memory, joined by `,\n`; null when they are not. */
  readRecent(after: Offset, upTo: Offset): Uint8Array | null
  /** The items in (after, upTo] in pieces, each piece items joined by `,\n`. */
  read(after: Offset, upTo: Offset): AsyncIterable<Uint8Array>
  /** Writes what is in memory, and with `sync` makes it durable. Calls are serialised. */
  flush(sync: boolean): Promise<void>
}

/** A place for bytes: a file, or memory. */
export interface ByteStore {
  size(): Promise<number>
  /** Makes the place exist, as far as its name is concerned. */
  create(): Promise<void>
  /** Reads `length` bytes at `position`, fewer at the end. */
  read(position: number, length: number): Promise<Uint8Array>
  /** With `sync` everything that was written so far is durable after it; SyncFailed when that does not succeed. */
  write(position: number, pieces: readonly Uint8Array[], sync: boolean): Promise<void>
  truncate(length: number): Promise<void>
  sync(): Promise<void>
}

/** A sync failed: what was written before may be gone even if a later one works, so the log cannot go on. */
export class SyncFailed extends Error {
  override name = 'SyncFailed'
}

/** The stored bytes contradict themselves where a crash cannot have done it. */
export class LogDamaged extends Error {
  override name = 'LogDamaged'
}
