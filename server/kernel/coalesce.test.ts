import { expect, test } from 'vitest'
import { coalesce } from './coalesce.ts'

const controlled = () => {
  const calls: { keys: readonly string[]; answer: (found: Record<string, number>) => void; fail: () => void }[] = []
  const lookup = coalesce<number>(
    keys =>
      new Promise((resolve, reject) => {
        calls.push({
          keys,
          answer: found => resolve(new Map(Object.entries(found))),
          fail: () => reject(new Error('no database')),
        })
      }),
  )
  return { calls, lookup }
}
const turn = () => new Promise(resolve => setImmediate(resolve))

test('a lookup starts at once; those that come while two are running share the next query', async () => {
  const { calls, lookup } = controlled()
  const [a, b] = [lookup('a'), lookup('b')]
  const late = [lookup('c'), lookup('d'), lookup('c')]
  expect(calls.map(call => call.keys)).toEqual([['a'], ['b']])
  calls[0]?.answer({ a: 1 })
  expect(await a).toBe(1)
  await turn()
  expect(calls[2]?.keys).toEqual(['c', 'd'])
  calls[2]?.answer({ c: 3 })
  expect(await Promise.all(late)).toEqual([3, undefined, 3])
  calls[1]?.answer({})
  expect(await b).toBeUndefined()
})

test('an answer is never older than its question', async () => {
  const { calls, lookup } = controlled()
  const first = lookup('a')
  const second = lookup('a')
  const third = lookup('a')
  calls[0]?.answer({ a: 1 })
  calls[1]?.answer({ a: 2 })
  expect([await first, await second]).toEqual([1, 2])
  await turn()
  calls[2]?.answer({ a: 3 })
  expect(await third).toBe(3)
})

test('a failure reaches all who share the query, and nobody else', async () => {
  const { calls, lookup } = controlled()
  const [a, b, c, d] = [lookup('a'), lookup('b'), lookup('c'), lookup('d')]
  calls[0]?.answer({ a: 1 })
  await a
  await turn()
  calls[2]?.fail()
  await expect(c).rejects.toThrow('no database')
  await expect(d).rejects.toThrow('no database')
  calls[1]?.answer({ b: 2 })
  expect(await b).toBe(2)
})

test('a query asks for 100 keys at most', async () => {
  const { calls, lookup } = controlled()
  void lookup('a')
  void lookup('b')
  void Promise.all(Array.from({ length: 150 }, (_, n) => lookup(`k${n}`)))
  calls[0]?.answer({})
  await turn()
  expect(calls[2]?.keys).toHaveLength(100)
  calls[1]?.answer({})
  await turn()
  expect(calls[3]?.keys).toHaveLength(50)
})
