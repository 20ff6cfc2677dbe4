// Warnings of what a Markdown file loses: one a kind, however many there are.
import { expect, test } from 'vitest'
import { readSource } from './losses.ts'

const read = (markdown: string) =>
  readSource({ externalId: 'in/a.md', file: 'a.md', folders: [], title: 'a', tags: [], markdown })

test('the first of a kind is named, cut where it is long, and the others are counted', () => {
  const { losses } = read(`[a](a.md), [b](b.md), [c](c.md), <i data-x="${'x'.repeat(100)}">`)
  expect(losses.map(({ file, detail }) => [file, detail])).toEqual([
    ['a.md', 'a.md and 2 more'],
    ['a.md', `<i data-x="${'x'.repeat(49)}…`],
  ])
})

test('a file that loses three hundred thousand links is read in seconds', () => {
  const { losses } = read(`${'[b](b.md)\n'.repeat(2000)}\n`.repeat(150))
  expect(losses).toMatchObject([{ detail: 'b.md and 299999 more' }])
})
