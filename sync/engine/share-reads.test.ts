import { expect, test } from 'vitest'
import { shareReads } from './share-reads.ts'

const setUp = () => {
  const open: { key: string; done: (value: string) => void; fail: (error: Error) => void }[] = []
  const read = shareReads(
    (key: string) => key,
    key =>
      new Promise<string>((done, fail) => {
        open.push({ key, done, fail })
      }),
  )
  return { open, read }
}

test('E47 nobody gets what was read before he asked, and those who wait share one read', async () => {
  const { open, read } = setUp()
  const first = read('a')
  const [second, third] = [read('a'), read('a')]
  const other = read('b')
  expect(open.map(({ key }) => key)).toEqual(['a', 'b'])
  open[0]?.done('old')
  open[1]?.done('of b')
  expect([await first, await other]).toEqual(['old', 'of b'])
  const fourth = read('a')
  await Promise.resolve()
  expect(open).toHaveLength(3)
  open[2]?.done('new')
  expect([await second, await third]).toEqual(['new', 'new'])
  // It came when the second read had begun, or just before.
  open[3]?.done('newer')
  expect(['new', 'newer']).toContain(await fourth)
})

test('E47 a read that fails fails those who wait for it, not those who wait for the next', async () => {
  const { open, read } = setUp()
  const first = read('a')
  const second = read('a')
  open[0]?.fail(new Error('broken'))
  await expect(first).rejects.toThrow('broken')
  open[1]?.done('whole')
  expect(await second).toBe('whole')
  const third = read('a')
  open[2]?.done('again')
  expect(await third).toBe('again')
})
