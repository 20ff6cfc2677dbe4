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
    const result = await work(group as unknown as WriteTx, {
      later: () => undefined,
      last: () => undefined,
      xid: async () => 1,
    })
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
  /** Three groups of one, so that whoever comes next waits. */
  const three = async (job: (name: string) => Promise<string>): Promise<Promise<string>[]> => {
    const jobs: Promise<string>[] = []
    for (const name of ['a', 'b', 'c']) {
      jobs.push(job(name))
      await turn()
    }
    return jobs
  }

  test('what comes in one turn goes together', async () => {
    const { groups, job } = controlled()
    const jobs = [job('a'), job('b')]
    await turn()
    expect(jobsOf(groups)).toEqual([['a', 'b']])
    groups[0]?.commit()
    expect(await Promise.all(jobs)).toEqual(['a', 'b'])
  })

  test('three run at a time; what comes meanwhile shares the next one', async () => {
    const { groups, job } = controlled()
    const first = await three(job)
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
    expect(jobsOf(groups)).toEqual([['a1', 'b']])
    groups[0]?.commit()
    await turn()
    expect(jobsOf(groups)).toEqual([['a1', 'b'], ['a2']])
    groups[1]?.commit()
    await turn()
    expect(jobsOf(groups)).toEqual([['a1', 'b'], ['a2'], ['a3']])
    for (const group of groups) group.commit()
    expect(await Promise.all(done)).toEqual(['a1', 'a2', 'b', 'a3'])
  })

  test('a group falls as a whole, with the cause; a write without company gets its own error', async () => {
    const { groups, job } = controlled()
    const fails = () => {
      throw new RangeError('refused')
    }
    const running = await three(job)
    const together = [job('d'), job('e', 'e', fails), job('f')]
    await turn()
    groups[0]?.commit()
    const ends = await Promise.allSettled(together)
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { cause: { message: 'refused' } } })
      expect(end.status === 'rejected' && end.reason).toBeInstanceOf(GroupFailed)
    }
    const alone = job('g', 'g', fails)
    await expect(alone).rejects.toThrow(RangeError)
    for (const group of groups) group.commit()
    expect(await Promise.all(running)).toEqual(['a', 'b', 'c'])
  })

  test('the same write over again is sent off to run alone, once at a time', async () => {
    const { groups, job } = controlled()
    const first = job('a', 'a', undefined, 'key')
    await turn()
    await expect(job('b', 'b', undefined, 'key')).rejects.toThrow(GroupFailed)
    groups[0]?.commit()
    expect(await first).toBe('a')
    const again = job('c', 'c', undefined, 'key')
    await turn()
    groups[1]?.commit()
    expect(await again).toBe('c')
  })

  test('a group has 32 members at most', async () => {
    const { groups, job } = controlled()
    const all = Array.from({ length: 40 }, (_, n) => job(`j${n}`))
    await turn()
    expect(groups.map(group => group.jobs.length)).toEqual([32, 8])
    for (const group of groups) group.commit()
    expect(await Promise.all(all)).toHaveLength(40)
  })
})
