import { expect, test } from 'vitest'
import { firstError } from './first-error.ts'

test('of several failures the first one speaks, whatever else comes back as it is', () => {
  const refused = new Error('connect ECONNREFUSED ::1:5432')
  expect(firstError(new AggregateError([refused, new Error('another')]))).toBe(refused)
  expect(firstError(new AggregateError([new AggregateError([refused])]))).toBe(refused)
  const empty = new AggregateError([])
  for (const other of [refused, empty, undefined, 'text']) expect(firstError(other)).toBe(other)
})
