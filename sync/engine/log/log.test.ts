import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { passThrough } from '../crash-point.ts'
import { openFileLog } from './file-log.ts'
import { logContract } from './log.contract.ts'
import { memoryStore, openMemoryLog } from './memory-log.ts'

logContract('memory', async () => {
  const store = memoryStore()
  return {
    open: ({ chunkBytes = 10_000_000, durableLsn = 0n } = {}) => openMemoryLog(chunkBytes, store, durableLsn),
    bytes: async () => Buffer.from(store.bytes),
    setBytes: async bytes => {
      store.bytes = Buffer.from(bytes)
    },
  }
})

logContract('file', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'skerry-log-')), 'log')
  writeFileSync(path, '')
  return {
    open: ({ chunkBytes = 10_000_000, durableLsn = 0n } = {}) =>
      openFileLog(path, { chunkBytes, durableLsn, reach: passThrough }),
    bytes: async () => readFileSync(path),
    setBytes: async bytes => writeFileSync(path, bytes),
  }
})
