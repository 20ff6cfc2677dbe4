// A log in one file, which exists from the first flush on. It is opened for each operation and closed again: fifty thousand shapes must not need
// fifty thousand descriptors, and what live readers want is still in memory.
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Reach } from '../crash-point.ts'
import { newChunkedLog, openChunkedLog } from './chunked-log.ts'
import { type ByteStore, type ShapeLog, SyncFailed } from './log.ts'

const syncNow = async (file: FileHandle, reach: Reach): Promise<void> => {
  try {
    await file.datasync()
    reach('log.after-sync')
  } catch (cause) {
    throw new SyncFailed('a log could not be synced', { cause })
  }
}

const fileStore = (path: string, reach: Reach, ready?: () => Promise<void>): ByteStore => ({
  size: async () => (await stat(path)).size,
  read: async (position, length) => {
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  },
  create: async () => {
    await ready?.()
    await (await open(path, 'a')).close()
  },
  write: async (position, pieces, sync) => {
    const file = await open(path, 'r+')
    try {
      reach('log.before-write')
      let at = position
      // 1000 stays below IOV_MAX, above which writev fails.
      for (let from = 0; from < pieces.length; from += 1000) {
        const part = pieces.slice(from, from + 1000)
        const length = part.reduce((sum, piece) => sum + piece.length, 0)
        const { bytesWritten } = await file.writev(part, at)
        if (bytesWritten !== length)
          throw Object.assign(new Error(`wrote ${bytesWritten} of ${length} bytes of a log`), { code: 'ENOSPC' })
        at += length
        reach('log.between-writes')
      }
      reach('log.after-write')
      if (sync) await syncNow(file, reach)
    } finally {
      await file.close()
    }
  },
  truncate: async length => {
    const file = await open(path, 'r+')
    try {
      await file.truncate(length)
    } finally {
      await file.close()
    }
  },
  sync: async () => {
    const file = await open(path, 'r+')
    try {
      await syncNow(file, reach)
    } finally {
      await file.close()
    }
  },
})

/** Opens the log at `path`, which exists. See `openChunkedLog` for `durableLsn` and errors. */
export const openFileLog = (
  path: string,
  options: { chunkBytes: number; durableLsn: bigint; reach: Reach },
): Promise<ShapeLog> => openChunkedLog(fileStore(path, options.reach), options.chunkBytes, options.durableLsn)

/** A new log at `path`, where no file is; `ready` settles when its folder is there. */
export const newFileLog = (
  path: string,
  options: { chunkBytes: number; reach: Reach; ready: () => Promise<void> },
): ShapeLog => newChunkedLog(fileStore(path, options.reach, options.ready), options.chunkBytes)
