// Targets of links and bare links in a line: where they end, whatever they are made of.
import { expect, test } from 'vitest'
import { contentToMarkdown } from './markdown-write.ts'
import { markdownToContent } from './markdown.ts'
import { bareLinkAt, targetAt } from './markdown-links.ts'
import { modelLimits } from './model.ts'

const nested = (depth: number): string => `(https://x.y/${'('.repeat(depth)}a${')'.repeat(depth)})`

test('parentheses in a target nest to 32 levels, as CommonMark has it', () => {
  expect(targetAt(nested(32), 0)?.end).toBe(nested(32).length)
  expect(targetAt(nested(33), 0)).toBeUndefined()
})

test.each([
  ['https://x.y/a.', 'https://x.y/a'],
  ['https://x.y/a_(b)', 'https://x.y/a_(b)'],
  ['https://x.y/a_(b)).', 'https://x.y/a_(b)'],
  ['https://x.y/a).,).', 'https://x.y/a'],
  ['https://x.y/(a)b)c).', 'https://x.y/(a)b)c'],
  ['https://x.y/((a).', 'https://x.y/((a)'],
])('the bare link %s ends where its sentence goes on', (source, link) => {
  expect(bareLinkAt(source, 0)).toBe(link)
})

test('a document full of bare links with long endings is read link by link, not by the square of each', () => {
  for (const ending of [')'.repeat(1900), '.)'.repeat(950), `${'.'.repeat(1900)}b`]) {
    const link = `http://a${ending}\n\n`
    const source = link.repeat(modelLimits.document.bytes / 2 / link.length)
    expect(contentToMarkdown(markdownToContent(source, 'document'))).toBeTypeOf('string')
  }
})
