// Ranks against the order they promise.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { freshRanks, isRank, rankBetween, ranksBetween } from './rank.ts'

const seeded = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test('a rank between two neighbours lies strictly between them, however the list grew', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 200 }), fc.integer(), (spots, seed) => {
      const random = seeded(seed)
      const list: string[] = []
      for (const spot of spots) {
        const at = spot % (list.length + 1)
        const rank = rankBetween(list[at - 1], list[at], random)
        expect(rank).toBeDefined()
        expect(isRank(rank as string)).toBe(true)
        list.splice(at, 0, rank as string)
      }
      expect(list.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(list)
      expect(new Set(list).size).toBe(list.length)
    }),
  )
})

test('equal or reversed neighbours have nothing between them; fresh ranks are in order', () => {
  expect(rankBetween('a1', 'a1', Math.random)).toBeUndefined()
  expect(rankBetween('a2', 'a1', Math.random)).toBeUndefined()
  const ranks = freshRanks(500, seeded(3))
  expect(ranks.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(ranks)
})

test('many ranks between two neighbours lie between them, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 2, maxLength: 60 }), fc.nat(40), fc.integer(), (spots, count, seed) => {
      const random = seeded(seed)
      const list: string[] = []
      for (const spot of spots) {
        const at = spot % (list.length + 1)
        list.splice(at, 0, rankBetween(list[at - 1], list[at], random) as string)
      }
      const [above, below] = [list[0] as string, list[1] as string]
      const ranks = [above, ...ranksBetween(above, below, count, random), below]
      expect(ranks).toHaveLength(count + 2)
      expect(ranks.every(isRank)).toBe(true)
      expect(ranks.every((rank, index) => index === 0 || (ranks[index - 1] as string) < rank)).toBe(true)
    }),
  )
})

test('two clients that insert at the same spot seldom get the same rank', () => {
  const random = seeded(11)
  const made = new Set(Array.from({ length: 200 }, () => rankBetween('a0', 'a1', random)))
  expect(made.size).toBeGreaterThan(195)
})
