// Input pieces and how their failures are reported (domain rules, sections 1.3 and 1.4).
import { expect, test } from 'vitest'
import { z } from 'zod'
import { color, date, instant, labels, line, markdown, newId, reference } from './schemas.ts'
import { issuesIn, parseInput } from './validation.ts'
import type { AppError } from './errors.ts'

const outcome = (schema: z.ZodType, value: unknown): unknown => {
  try {
    return parseInput(schema, value)
  } catch (error) {
    return issuesIn(error as AppError)
      .map(issue => `${issue.path} ${issue.code}`.trim())
      .toSorted()
  }
}

test.each<[string, z.ZodType, unknown, unknown]>([
  ['trimmed', line(1, 5), '  ab  ', 'ab'],
  ['composed', line(1, 1), 'a\u0308', 'ä'],
  ['without control characters', line(1, 9), 'a\u0007\nb', 'ab'],
  ['counted in code points', line(1, 1), '🚢', '🚢'],
  ['empty after trimming', line(1, 5), '  \u0001 ', ['too_short']],
  ['too long', line(1, 5), 'abcdef', ['too_long']],
  ['NUL', line(0, 5), 'a\0', ['bad_format']],
  ['half a surrogate', line(0, 5), '\ud800', ['bad_format']],
  ['no text', line(0, 5), 7, ['bad_format']],
  ['lines kept', markdown(99), 'a\r\n\tb ', 'a\n\tb'],
  ['bell in Markdown', markdown(99), 'a\u0007', ['bad_format']],
  ['upper-case id', newId, '0199C0DE-0000-7000-8000-000000000000', '0199c0de-0000-7000-8000-000000000000'],
  ['id of version 4', newId, '3b241101-e2bb-4255-8caf-4136c566a962', ['bad_format']],
  [
    'reference of any version',
    reference,
    '3B241101-E2BB-4255-8CAF-4136C566A962',
    '3b241101-e2bb-4255-8caf-4136c566a962',
  ],
  ['reference that is none', reference, 'x', ['bad_format']],
  ['a day', date, '2028-02-29', '2028-02-29'],
  ['no day', date, '2026-02-29', ['bad_format']],
  ['an instant', instant, '2026-11-25T12:00:00+02:00', new Date('2026-11-25T10:00:00Z')],
  ['an instant without offset', instant, '2026-11-25T12:00:00', ['bad_format']],
  ['colour', color, '#aabbcc', '#AABBCC'],
  ['colour by name', color, 'red', ['bad_format']],
  ['labels: the first spelling stays', labels, ['A', 'b', 'a', ' B '], ['A', 'b']],
  ['21 labels', labels, Array.from({ length: 21 }, (_, n) => `l${n}`), ['too_long']],
  ['an empty label', labels, ['a', ''], ['1 too_short']],
])('%s', (_name, schema, value, expected) => {
  expect(outcome(schema, value)).toEqual(expected)
})

test('D8 everything wrong is said at once, each with path and code', () => {
  const schema = z.strictObject({
    name: line(1, 5),
    count: z.int().min(0).max(9),
    kind: z.enum(['a', 'b']),
    inner: z.strictObject({ list: z.array(z.int()).min(1) }),
  })
  expect(outcome(schema, { count: 10, kind: 'c', inner: { list: [], more: 1 }, extra: true })).toEqual([
    'count out_of_range',
    'extra unknown_field',
    'inner.list too_short',
    'inner.more unknown_field',
    'kind not_in_enum',
    'name required',
  ])
  expect(outcome(schema, null)).toEqual(['bad_format'])
})
