import { expect, test, vi } from 'vitest'
import { silentLog } from '#server/kernel/log.ts'
import { createStoreQueue } from './store-queue.ts'

interface Call {
  readonly documentId: string
  readonly people: readonly string[]
  readonly lastLeft: boolean
  readonly at: number
}

const queueOf = (fail: (call: number) => boolean = () => false) => {
  const calls: Call[] = []
  const queue = createStoreQueue({
    documents: {
      store: async (documentId, people, { lastLeft = false } = {}) => {
        calls.push({ documentId, people, lastLeft, at: performance.now() })
        if (fail(calls.length)) throw new Error('as the test wants')
        return { contentVersion: calls.length }
      },
    },
    debounceMs: 2000,
    maxDebounceMs: 10_000,
    log: silentLog,
  })
  return { calls, queue }
}

test('C-6 stored two seconds after the last change, with everybody who took part', async () => {
  vi.useFakeTimers()
  const { calls, queue } = queueOf()
  queue.touched('d', 'ann')
  await vi.advanceTimersByTimeAsync(1500)
  queue.touched('d', 'bo')
  await vi.advanceTimersByTimeAsync(1900)
  expect(calls).toEqual([])
  await vi.advanceTimersByTimeAsync(200)
  expect(calls.map(({ people }) => people)).toEqual([['ann', 'bo']])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(calls).toHaveLength(1)
  vi.useRealTimers()
})

test('C-6 who never stops typing is stored every ten seconds', async () => {
  vi.useFakeTimers()
  const { calls, queue } = queueOf()
  for (let second = 0; second < 35; second += 1) {
    queue.touched('d', 'ann')
    await vi.advanceTimersByTimeAsync(1000)
  }
  expect(calls).toHaveLength(3)
  vi.useRealTimers()
})

test('C-7 a failed store is repeated with growing pauses and keeps its people; typing does not hurry it', async () => {
  vi.useFakeTimers()
  const { calls, queue } = queueOf(call => call <= 3)
  queue.touched('d', 'ann')
  await vi.advanceTimersByTimeAsync(2100)
  queue.touched('d', 'bo')
  expect(calls).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(calls).toHaveLength(4)
  expect(calls[3]?.people.toSorted()).toEqual(['ann', 'bo'])
  expect(queue.counts.waiting).toBe(0)
  vi.useRealTimers()
})

test('C-24 flush stores what waits at once, and ends although one cannot be stored', async () => {
  const { calls, queue } = queueOf(call => call === 2)
  for (const id of ['a', 'b', 'c']) queue.touched(id)
  await queue.flush()
  queue.stop()
  expect(calls.map(({ documentId }) => documentId)).toEqual(['a', 'b', 'c'])
  expect(queue.counts.waiting).toBe(1)
})

test('C-6 stored at once when the last person leaves after changes, and only then', async () => {
  const { calls, queue } = queueOf()
  queue.left('d')
  queue.touched('d', 'ann')
  queue.left('d')
  await expect.poll(() => calls.length).toBe(1)
  expect(calls[0]?.lastLeft).toBe(true)
  queue.left('d')
  await queue.flush()
  expect(calls).toHaveLength(1)
})

test('C-6 who leaves after the last store is told to the documents all the same', async () => {
  const { calls, queue } = queueOf()
  queue.touched('d', 'ann')
  await queue.flush()
  queue.left('d')
  await queue.flush()
  expect(calls.map(({ lastLeft }) => lastLeft)).toEqual([false, true])
})
