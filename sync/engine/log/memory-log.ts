// A log in memory, for engines without a storage folder and for tests.
import { openChunkedLog } from './chunked-log.ts'
import type { ByteStore, ShapeLog } from './log.ts'

/** A ByteStore that is gone with the process. */
export const memoryStore = (): ByteStore & { bytes: Buffer } => {
  const store = {
    bytes: Buffer.alloc(0),
    create: async () => {},
    size: async () => store.bytes.length,
    read: async (position: number, length: number) => store.bytes.subarray(position, position + length),
    write: async (position: number, pieces: readonly Uint8Array[]) => {
      store.bytes = Buffer.concat([store.bytes.subarray(0, position), ...pieces])
    },
    truncate: async (length: number) => {
      store.bytes = store.bytes.subarray(0, length)
    },
    sync: async () => {},
  }
  return store
}

/** Opens an empty log in memory, or the one that `store` holds. */
export const openMemoryLog = (
  chunkBytes: number,
  store: ByteStore = memoryStore(),
  durableLsn = 0n,
): Promise<ShapeLog> => openChunkedLog(store, chunkBytes, durableLsn)
