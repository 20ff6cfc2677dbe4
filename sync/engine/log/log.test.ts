import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { passThrough } from '../crash-point.ts'
import { afterSnapshot, compareOffsets } from '../lsn.ts'
import { openFileLog } from './file-log.ts'
import type { ByteStore } from './log.ts'
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

/** A store that forgets what it was given, but for weak references. */
const forgetful = () => {
  const written: WeakRef<Uint8Array>[] = []
  let failing = false
  return {
    written,
    fail: (now: boolean) => {
      failing = now
    },
    create: async () => {},
    size: async () => 0,
    read: async () => new Uint8Array(0),
    write: async (_position: number, pieces: readonly Uint8Array[]) => {
      if (failing) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
      for (const piece of pieces) written.push(new WeakRef(piece))
    },
    truncate: async () => {
      if (failing) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    },
    sync: async () => {},
  }
}

test('S-83 what is written of an open transaction leaves memory', async () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const store = forgetful()
  const log = await openMemoryLog(1_000_000, store)
  const item = JSON.stringify({ value: 'x'.repeat(30_000), headers: {} })
  for (let op = 0; op < 60; op += 2) {
    log.stage(7n, op, item)
    if (op % 10 === 0) await log.flush(false)
  }
  await log.flush(false)
  expect(store.written.length).toBeGreaterThan(5)
  // a turn of the event loop: until then the last reader of a weak reference keeps it
  await new Promise(resolve => setTimeout(resolve, 10))
  gc()
  expect(store.written.filter(ref => ref.deref() !== undefined)).toEqual([])
  expect(log.commit()).toBe(true)
  expect(log.tail).toEqual({ tx: 7n, op: 58 })
})

test('S-92 a chunk is read without the rest of its transaction', async () => {
  const store = memoryStore()
  let read = 0
  const counting: ByteStore = {
    ...store,
    size: () => store.size(),
    write: (position, pieces, sync) => store.write(position, pieces, sync),
    read: (position, length) => {
      read += length
      return store.read(position, length)
    },
  }
  const chunkBytes = 300_000
  const log = await openMemoryLog(chunkBytes, counting)
  const item = JSON.stringify({ value: 'x'.repeat(10_000), headers: {} })
  for (let op = 0; op < 2000; op += 2) log.stage(7n, op, item)
  log.commit()
  await log.flush(true)
  let [at, chunks, bytes] = [afterSnapshot, 0, 0]
  while (compareOffsets(at, log.tail) < 0) {
    const end = log.chunkEnd(at)
    for await (const items of log.read(at, end)) bytes += items.length
    at = end
    chunks += 1
  }
  expect(chunks).toBeGreaterThan(30)
  expect(bytes).toBeGreaterThan(10_000_000)
  // each chunk, and what lies around it in the pieces that are read
  expect(read).toBeLessThan(bytes + chunks * 2 * 262_144)
})

test('S-42 a write and a cut that fail are made up for', async () => {
  const store = memoryStore()
  let failing = false
  const full = async () => {
    if (failing) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
  }
  const wrapped: ByteStore = {
    ...store,
    size: async () => store.bytes.length,
    write: async (position, pieces, sync) => {
      // half of it gets there
      if (failing) await store.write(position, [Buffer.from(pieces[0] ?? '').subarray(0, 10)], false)
      await full()
      await store.write(position, pieces, sync)
    },
    truncate: async length => {
      await full()
      await store.truncate(length)
    },
  }
  const log = await openMemoryLog(100, wrapped)
  const item = (n: number) => JSON.stringify({ n, text: 'x'.repeat(200), headers: {} })
  log.stage(1n, 0, item(1))
  log.commit()
  failing = true
  await expect(log.flush(true)).rejects.toThrow('full')
  failing = false
  // half of a transaction that is never committed is in the store
  log.stage(2n, 0, item(2))
  log.stage(2n, 2, item(3))
  await log.flush(false)
  log.abort()
  failing = true
  await expect(log.flush(true)).rejects.toThrow('full')
  failing = false
  await log.flush(true)
  log.stage(3n, 0, item(4))
  log.commit()
  await log.flush(true)
  const again = await openMemoryLog(100, store, 3n)
  const read: Uint8Array[] = []
  for await (const piece of again.read(afterSnapshot, again.tail)) read.push(piece)
  expect(
    [
      ...Buffer.concat(read)
        .toString()
        .matchAll(/"n":(\d)/g),
    ].map(([, n]) => n),
  ).toEqual(['1', '4'])
})
