// The unified difference, applied, gives the other text; sequences match what is equal.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matches } from './sequence.ts'
import { textDiff } from './text-diff.ts'

/** Applies a unified difference as a patch program does. */
const apply = (before: string, unified: string): string => {
  const old = before === '' ? [] : before.split('\n')
  const out: string[] = []
  let at = 0
  for (const line of unified.split('\n').slice(0, -1)) {
    const head = /^@@ -(\d+)(?:,(\d+))? /.exec(line)
    if (head) {
      const start = head[2] === '0' ? Number(head[1]) : Number(head[1]) - 1
      out.push(...old.slice(at, start))
      at = start
    } else if (line.startsWith('+')) out.push(line.slice(1))
    else {
      expect(old[at]).toBe(line.slice(1))
      if (line.startsWith(' ')) out.push(line.slice(1))
      at += 1
    }
  }
  return [...out, ...old.slice(at)].join('\n')
}

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', '+', '-x', '@@ y', ' z'), { minLength: 1, maxLength: 40 })
  .map(lines => lines.join('\n'))

test('a unified difference leads from one text to the other, and counts its lines', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const { unified, added, removed } = textDiff(before, after)
      expect(apply(before, unified)).toBe(after)
      expect(after.split('\n').length - before.split('\n').length).toBe(added - removed)
      if (before === after) expect(unified).toBe('')
    }),
  )
})

test('a difference names lines as patch programs do', () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`)
  const after = before.toSpliced(9, 1, 'ten', 'and more')
  expect(textDiff(before.join('\n'), after.join('\n'))).toEqual({
    unified: [
      '@@ -7,7 +7,8 @@',
      ' line 7',
      ' line 8',
      ' line 9',
      '-line 10',
      '+ten',
      '+and more',
      ' line 11',
      ' line 12',
      ' line 13',
      '',
    ].join('\n'),
    added: 2,
    removed: 1,
  })
  expect(textDiff('', 'a\nb')).toEqual({ unified: '@@ -0,0 +1,2 @@\n+a\n+b\n', added: 2, removed: 0 })
})

test('matches rise on both sides, hold equal keys, and stay exact or anchored for large inputs', () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 60 })
  const check = (before: readonly string[], after: readonly string[]): number => {
    let [from, to, total] = [0, 0, 0]
    for (const match of matches(before, after)) {
      expect(match.from).toBeGreaterThanOrEqual(from)
      expect(match.to).toBeGreaterThanOrEqual(to)
      expect(before.slice(match.from, match.from + match.length)).toEqual(
        after.slice(match.to, match.to + match.length),
      )
      from = match.from + match.length
      to = match.to + match.length
      total += match.length
    }
    return total
  }
  fc.assert(fc.property(keys, keys, (before, after) => void check(before, after)))
  const long = Array.from({ length: 20_000 }, (_, index) => `line ${index}`)
  const changed = long.flatMap((line, index) => (index % 100 === 50 ? ['new', line] : index % 100 === 70 ? [] : [line]))
  expect(check(long, changed)).toBe(19_800)
  expect(
    check(
      Array.from({ length: 5000 }, (_, i) => `${i % 7}`),
      Array.from({ length: 5000 }, (_, i) => `${i % 5}`),
    ),
  ).toBeGreaterThanOrEqual(0)
})
