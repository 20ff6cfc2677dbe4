import { expect, test } from 'vitest'
import { byRank } from './rank.ts'
import { place, type PlacementRequest } from './placement.ts'

const list = [
  { id: 'A', rank: 'a1' },
  { id: 'B', rank: 'a2' },
  { id: 'C', rank: 'a3' },
]
const order = (request: PlacementRequest, moved = false): string => {
  const placed = place(list, request, moved, Math.random)
  if (placed.kind !== 'rank') return placed.kind
  return [...list, { id: 'D', rank: placed.rank }]
    .toSorted(byRank)
    .map(row => row.id)
    .join('')
}

test.each<[PlacementRequest, boolean, string]>([
  [{ after_id: 'A' }, false, 'ADBC'],
  [{ before_id: 'B' }, false, 'ADBC'],
  [{ before_id: 'A' }, false, 'DABC'],
  [{ after_id: 'C' }, false, 'ABCD'],
  [{ after_id: 'A', before_id: 'C' }, false, 'ADBC'],
  [{ after_id: 'X', before_id: 'C' }, false, 'ABDC'],
  [{ position: 'top' }, false, 'DABC'],
  [{ position: 'bottom' }, false, 'ABCD'],
  [{ after_id: 'X' }, false, 'keep'],
  [{ after_id: 'X' }, true, 'ABCD'],
  [{}, false, 'keep'],
  [{}, true, 'ABCD'],
  [{ rank: 'a2V' }, false, 'ABDC'],
  [{ rank: 'a2V', after_id: 'A' }, false, 'ADBC'],
  [{ rank: 'a1V', after_id: 'A' }, false, 'ADBC'],
])('D53 %j, from another list %s: %s', (request, moved, expected) => {
  expect(order(request, moved)).toBe(expected)
})

test('a client rank is kept between its anchors and nowhere else', () => {
  expect(place(list, { rank: 'a1V', after_id: 'A' }, false, Math.random)).toEqual({ kind: 'rank', rank: 'a1V' })
  expect(place(list, { rank: 'a2V', after_id: 'A' }, false, Math.random)).not.toEqual({ kind: 'rank', rank: 'a2V' })
  expect(() => place(list, { rank: 'not a rank' }, false, Math.random)).toThrow('The input is not valid.')
})

test('equal neighbours ask for a rewrite at that place', () => {
  const twins = [
    { id: 'A', rank: 'a1' },
    { id: 'B', rank: 'a1' },
  ]
  expect(place(twins, { after_id: 'A' }, false, Math.random)).toEqual({ kind: 'rewrite', index: 1 })
})
