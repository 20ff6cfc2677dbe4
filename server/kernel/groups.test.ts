import { describe, expect, test } from 'vitest'
import type { Database, WriteTx } from './database.ts'
import { createShare, GroupFailed } from './groups.ts'

interface Group {
  readonly jobs: string[]
  /** Lets the commit of the group go on. */
  commit(): void
}

/** A database of which each transaction waits for its commit to be released. */
const controlled = () => {
  const groups: Group[] = []
  const write = (async work => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const group: Group = { jobs: [], commit: resolve }
    groups.push(group)
    const result = await work(group as unknown as WriteTx, { later: () => undefined, xid: async () => 1 })
    await promise
    return result
  }) as Database['write']
  const share = createShare({ write })
  const job = (name: string, lane = name, outcome: () => string = () => name, replayOf?: string) =>
    share({ lane, replayOf }, async tx => {
      ;(tx as unknown as Group).jobs.push(name)
      return outcome()
    })
  return { groups, job }
}
const turn = () => new Promise(resolve => setImmediate(resolve))
const jobsOf = (groups: readonly Group[]) => groups.map(group => group.jobs)

describe('shared transactions', () => {
  test('three run at a time; what comes meanwhile shares the next one', async () => {
    const { groups, job } = controlled()
    const first = [job('a'), job('b'), job('c')]
    const rest = [job('d'), job('e')]
    await turn()
    expect(jobsOf(groups)).toEqual([['a'], ['b'], ['c']])
    groups[1]?.commit()
    await turn()
    expect(jobsOf(groups)).toEqual([['a'], ['b'], ['c'], ['d', 'e']])
    for (const group of groups) group.commit()
    expect(await Promise.all([...first, ...rest])).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('one lane is never in two places, and its writes keep their order', async () => {
    const { groups, job } = controlled()
    const done = [job('a1', 'a'), job('a2', 'a'), job('b'), job('a3', 'a')]
    await turn()
    expect(jobsOf(groups)).toEqual([['a1'], ['b']])
    groups[0]?.commit()
    await turn()
    expect(jobsOf(groups)).toEqual([['a1'], ['b'], ['a2']])
    groups[2]?.commit()
    await turn()
    expect(jobsOf(groups)).toEqual([['a1'], ['b'], ['a2'], ['a3']])
    for (const group of groups) group.commit()
    expect(await Promise.all(done)).toEqual(['a1', 'a2', 'b', 'a3'])
  })

  test('a group falls as a whole, with the cause; a write without company gets its own error', async () => {
    const { groups, job } = controlled()
    const fails = () => {
      throw new RangeError('refused')
    }
    const running = [job('a'), job('b'), job('c')]
    const together = [job('d'), job('e', 'e', fails), job('f')]
    await turn()
    groups[0]?.commit()
    const ends = await Promise.allSettled(together)
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { cause: { message: 'refused' } } })
      expect(end.status === 'rejected' && end.reason).toBeInstanceOf(GroupFailed)
    }
    await expect(job('g', 'g', fails)).rejects.toThrow(RangeError)
    for (const group of groups) group.commit()
    expect(await Promise.all(running)).toEqual(['a', 'b', 'c'])
  })

  test('the same write over again is sent off to run alone, once at a time', async () => {
    const { groups, job } = controlled()
    const first = job('a', 'a', undefined, 'key')
    await expect(job('b', 'b', undefined, 'key')).rejects.toThrow(GroupFailed)
    groups[0]?.commit()
    expect(await first).toBe('a')
    const again = job('c', 'c', undefined, 'key')
    groups[1]?.commit()
    expect(await again).toBe('c')
  })

  test('a group has 32 members at most', async () => {
    const { groups, job } = controlled()
    const all = Array.from({ length: 3 + 40 }, (_, n) => job(`j${n}`))
    await turn()
    groups[0]?.commit()
    await turn()
    expect(groups[3]?.jobs).toHaveLength(32)
    groups[1]?.commit()
    await turn()
    expect(groups[4]?.jobs).toHaveLength(8)
    for (const group of groups) group.commit()
    expect(await Promise.all(all)).toHaveLength(43)
  })
})
