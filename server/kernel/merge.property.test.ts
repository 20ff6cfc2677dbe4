// Last edit wins, whatever the order of arrival.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Clock, mergeUnits, type Stamp } from './merge.ts'

const base = new Date('2026-01-01T00:00:00Z')
const stamp = fc.record({ at: fc.integer({ min: -3, max: 5 }), id: fc.integer({ min: 1, max: 9 }) }).map(
  ({ at, id }): Stamp => ({
    editedAt: new Date(base.getTime() + at * 1000),
    transactionId: `01900000-0000-7000-8000-00000000000${id}`,
    actorId: undefined,
  }),
)
const edit = fc.record({ stamp, unit: fc.constantFrom('title', 'priority'), value: fc.integer({ min: 0, max: 99 }) })

const play = (edits: readonly { stamp: Stamp; unit: string; value: number }[]) => {
  const row: Record<string, number> = { title: -1, priority: -1 }
  let clock: Clock = {}
  let reported = 0
  for (const { stamp: by, unit, value } of edits) {
    const merged = mergeUnits([{ unit, field: unit, value, current: row[unit] }], clock, base, by)
    for (const applied of merged.applied) row[applied.unit] = applied.value as number
    clock = { ...clock, ...merged.clock }
    reported += merged.superseded.length + merged.applied.length
  }
  return { row, reported }
}

test('D71 the same edits in any order end in the same row, and each is applied or reported', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(edit, { selector: one => `${one.unit}${one.stamp.transactionId}`, maxLength: 12 }),
      fc.integer(),
      (edits, turn) => {
        const other = edits.toSorted((a, b) => ((a.value * 31 + turn) % 17) - ((b.value * 31 + turn) % 17))
        const first = play(edits)
        expect(play(other).row).toEqual(first.row)
        expect(first.reported).toBe(edits.length)
      },
    ),
  )
})

test('an edit before the row’s creation counts as its creation; strict writes win', () => {
  const early: Stamp = { editedAt: new Date(0), transactionId: '01900000-0000-7000-8000-000000000001', actorId: 'a' }
  const edits = [{ unit: 'title', field: 'title', value: 'new', current: 'old' }]
  expect(mergeUnits(edits, {}, base, early).clock.title).toEqual([base.toISOString(), early.transactionId, 'a'])
  const later: Clock = { title: [new Date(base.getTime() + 1).toISOString(), early.transactionId, 'b'] }
  expect(mergeUnits(edits, later, base, early).superseded).toEqual([
    { field: 'title', your_value: 'new', value: 'old', edited_at: later.title?.[0], by_id: 'b' },
  ])
  expect(mergeUnits(edits, later, base, early, true).applied).toHaveLength(1)
})
