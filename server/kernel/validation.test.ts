import { expect, test } from 'vitest'
import { z } from 'zod'
import { AppError } from './errors.ts'
import { line, reference } from './schemas.ts'
import { issuesIn, parseInput } from './validation.ts'

const schema = z.strictObject({
  name: line(1, 5),
  count: z.int().min(1).max(9),
  kind: z.enum(['a', 'b']),
  person: z.union([reference, z.enum(['me', 'none'])]),
  both: z.union([z.int(), z.strictObject({ x: z.int() })]).optional(),
  either: z
    .discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })])
    .optional(),
  list: z.array(z.string()).min(1).max(2),
  at: z.iso.datetime({ offset: true }),
  color: z.string().regex(/^#/, { error: 'A colour is #RRGGBB.' }),
})
const good = {
  name: 'n',
  count: 1,
  kind: 'a',
  person: 'me',
  list: ['x'],
  at: '2026-01-02T03:04:05Z',
  color: '#',
}

const told = (change: object): string[] => {
  try {
    parseInput(schema, { ...good, ...change })
    return []
  } catch (error) {
    return issuesIn(error as AppError).map(issue => `${issue.path} ${issue.code}: ${issue.message}`)
  }
}

test('what is missing is said to be required, whatever it would have been', () => {
  expect(told({ name: undefined, count: undefined, kind: undefined, person: undefined, list: undefined })).toEqual([
    'name required: Is required.',
    'count required: Is required.',
    'kind required: Is required.',
    'person required: Is required.',
    'list required: Is required.',
  ])
})

test.each([
  [{ name: 1 }, 'name bad_format: Must be a text.'],
  [{ name: '' }, 'name too_short: Must not be empty.'],
  [{ name: 'longer' }, 'name too_long: At most 5 characters.'],
  [{ count: 'x' }, 'count bad_format: Must be a number.'],
  [{ count: 1.5 }, 'count bad_format: Must be a whole number.'],
  [{ count: 0 }, 'count out_of_range: At least 1.'],
  [{ count: 10 }, 'count out_of_range: At most 9.'],
  [{ kind: 'c' }, 'kind not_in_enum: Must be one of: a, b.'],
  [{ person: 'you' }, 'person bad_format: Must be a UUID, or one of: me, none.'],
  [{ both: { y: 1 } }, 'both bad_format: Has none of the forms that are taken here.'],
  [{ both: { x: 'a' } }, 'both bad_format: Has none of the forms that are taken here.'],
  [{ either: { kind: 'c' } }, 'either.kind bad_format: Has none of the forms that are taken here.'],
  [{ list: [] }, 'list too_short: Must not be empty.'],
  [{ list: ['x', 'y', 'z'] }, 'list too_long: At most 2 entries.'],
  [{ list: 'x' }, 'list bad_format: Must be a list.'],
  [{ at: 'noon' }, 'at bad_format: Must be a time as ISO 8601 with its zone.'],
  [{ color: 'red' }, 'color bad_format: A colour is #RRGGBB.'],
])('%j: %s', (change, issue) => {
  expect(told(change)).toEqual([issue])
})

test('of a field that nobody knows at most 100 characters are told back', () => {
  expect(told({ ['x'.repeat(101)]: 1, y: 1 })).toEqual([
    `${'x'.repeat(100)}… unknown_field: There is no such field here.`,
    'y unknown_field: There is no such field here.',
  ])
})

test('of a hundred thousand faults a thousand are told, and how many there are besides', () => {
  const many = Object.fromEntries(Array.from({ length: 125_000 }, (_, index) => [`x${index}`, 1]))
  const refused = (() => {
    try {
      return parseInput(schema, { ...good, ...many })
    } catch (error) {
      return error
    }
  })() as AppError
  expect([refused.code, issuesIn(refused).length, refused.details?.more]).toEqual(['validation_failed', 1000, 124_000])
})
