// What a person reads of an import: errors, and warnings by their kind.
import { expect, test } from 'vitest'
import { noteLines } from './import.ts'

test('warnings are one line a kind, the most frequent first; all of them name every file', () => {
  const warnings = [
    { file: 'a.md', message: 'Rare.', detail: 'x' },
    { file: 'b.md', message: 'Often.', detail: 'y and 1 more' },
    { file: 'c.md', message: 'Often.' },
    ...Array.from({ length: 20 }, (_, index) => ({ file: 'd.md', message: `Kind ${index}.` })),
  ]
  const errors = [{ file: 'e.md', line: 3, message: 'Wrong.' }]
  const few = noteLines({ warnings, errors }, false)
  expect(few.slice(0, 3)).toEqual([
    '  error    e.md:3: Wrong.',
    '  warning  2 files: Often. First: b.md (y and 1 more)',
    '  warning  a.md (x): Rare.',
  ])
  expect(few).toHaveLength(22)
  expect(few.at(-1)).toBe('  … and 2 more kinds of warnings; --all-warnings shows them, with every file')
  const all = noteLines({ warnings, errors }, true)
  expect(all).toHaveLength(1 + 3 + 21)
  expect(all.slice(1, 4)).toEqual([
    '  warning  2 files: Often.',
    '             b.md (y and 1 more)',
    '             c.md',
  ])
})
