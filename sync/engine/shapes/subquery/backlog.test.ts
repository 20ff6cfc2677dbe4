// How much of what shapes with subqueries have to make up for is worked out before others get their turn.
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Shape } from '../shape.ts'
import { Backlog, type Work } from './backlog.ts'
import type { Drained } from './moves.ts'
import type { TxRecord } from './records.ts'

/** The most that is worked out in one turn, plus what the last step may be over. */
const slice = 1000

/** A shape with so many transactions to work out, each of which changes no row of it. */
class FakeWork implements Work {
  readonly shape: Shape
  readonly sources: readonly number[] = []
  readonly waitsFor = null
  blocked = false
  /** What each `drain` worked out. */
  readonly drained: number[] = []
  /** Woken so many times. */
  woken = 0
  #left: number
  readonly #log: string[]
  readonly #name: string

  constructor(name: string, left: number, log: string[] = []) {
    this.#name = name
    this.#left = left
    this.#log = log
    this.shape = { retiring: undefined, wake: () => (this.woken += 1) } as unknown as Shape
  }

  get held(): bigint | null {
    return this.#left === 0 ? null : 1n
  }

  get settled(): boolean {
    return this.#left === 0
  }

  anchors(): null {
    return null
  }

  enqueue(): void {
    this.#left += 1
  }

  retire(): void {
    this.shape.retiring = Promise.resolve()
  }

  drain(limit: number): Drained {
    const work = this.blocked ? 0 : Math.min(limit, this.#left)
    this.#left -= work
    this.drained.push(work)
    this.#log.push(this.#name)
    return { news: work > 0, work, judged: 0 }
  }
}

/** A backlog that goes on by itself; `turns` are those it took for that. */
const makeBacklog = () => {
  const counts = { turns: 0, released: 0 }
  const backlog: Backlog = new Backlog({
    router: { isAnchored: () => false, anchor: () => undefined, release: () => (counts.released += 1) },
    indexOf: () => {
      throw new Error('nothing is anchored here')
    },
    relieve: () => null,
    goOn: () => {
      counts.turns += 1
      backlog.catchUp()
    },
  })
  return { backlog, counts }
}

const record = {} as TxRecord

const untilEmpty = async (backlog: Backlog): Promise<void> => {
  for (let turns = 0; !backlog.isEmpty; turns += 1) {
    if (turns > 100) throw new Error('the backlog does not get done')
    await turn()
  }
}

describe('a backlog', () => {
  test('S-59 catches up a slice a turn, however often it is asked to in it', async () => {
    const { backlog, counts } = makeBacklog()
    const work = new FakeWork('a', 3 * slice)
    backlog.add(work)
    for (let asked = 0; asked < 5; asked += 1) backlog.catchUp()
    expect(work.drained).toEqual([slice])
    await untilEmpty(backlog)
    expect(work.drained.every(done => done <= slice)).toBe(true)
    expect(work.drained.reduce((sum, done) => sum + done)).toBe(3 * slice)
    expect(counts.turns).toBeGreaterThanOrEqual(2)
  })

  test('S-59 lets two shapes take turns', async () => {
    const { backlog } = makeBacklog()
    const log: string[] = []
    for (const name of ['a', 'b']) backlog.add(new FakeWork(name, 3 * slice, log))
    backlog.catchUp()
    await untilEmpty(backlog)
    expect(log.slice(0, 4)).toEqual(['a', 'b', 'a', 'b'])
  })

  test('does not ask a shape that cannot go on, and asks it again when it can', async () => {
    const { backlog } = makeBacklog()
    const [stuck, free] = [new FakeWork('stuck', 1), new FakeWork('free', 1)]
    stuck.blocked = true
    backlog.add(stuck)
    backlog.add(free)
    backlog.catchUp()
    expect(stuck.drained).toEqual([])
    expect(free.drained).toEqual([1])
    expect(backlog.held).toBe(1n)
    stuck.blocked = false
    backlog.catchUp()
    expect(backlog.isEmpty).toBe(true)
  })

  test('works out what a commit left over in turns, and is over only when that is done', async () => {
    const { backlog, counts } = makeBacklog()
    const shapes = ['a', 'b', 'c'].map(name => new FakeWork(name, slice - 1))
    for (const work of shapes) backlog.enqueue(work, record)
    expect(backlog.commit()).toEqual([shapes[0]?.shape])
    const rest = backlog.rest()
    expect(rest).not.toBeNull()
    // what has not been worked out is not caught up meanwhile: it is the commit's
    backlog.catchUp()
    expect(shapes[1]?.drained).toEqual([])
    await rest
    expect(shapes.map(work => work.drained)).toEqual([[slice], [slice], [slice]])
    expect(shapes.map(work => work.woken)).toEqual([0, 1, 1])
    expect(counts.turns).toBe(1)
    expect(backlog.rest()).toBeNull()
  })

  test('S-59 a commit of one shape that does not fit into a slice is worked out in several', async () => {
    const { backlog } = makeBacklog()
    const work = new FakeWork('a', 2 * slice)
    backlog.enqueue(work, record)
    expect(backlog.commit()).toEqual([work.shape])
    await backlog.rest()
    expect(work.drained).toEqual([slice, slice, 1])
  })

  test('leaves nothing to do for a shape that is done or has ended', () => {
    const { backlog } = makeBacklog()
    const done = new FakeWork('done', slice - 1)
    backlog.enqueue(done, record)
    backlog.commit()
    expect(backlog.rest()).toBeNull()
    expect(backlog.isEmpty).toBe(true)

    const ended = new FakeWork('ended', slice + 1)
    backlog.enqueue(ended, record)
    ended.retire()
    backlog.commit()
    expect(backlog.rest()).toBeNull()
    expect(backlog.isEmpty).toBe(true)
  })

  test('a shape that is behind is not found by the router', () => {
    const { backlog, counts } = makeBacklog()
    backlog.enqueue(new FakeWork('a', 2 * slice), record)
    backlog.commit()
    expect(counts.released).toBe(1)
  })
})
