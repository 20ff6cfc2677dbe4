// Markdown ⇄ content over generated documents and over any text (D99).
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { carriedDocument, nastyText } from '#server/testing/content-arbitrary.ts'
import { checkContent } from './check.ts'
import { contentToMarkdown } from './markdown-write.ts'
import { markdownToContent } from './markdown.ts'

const read = (markdown: string) => markdownToContent(markdown, 'document')

test('D99 content → Markdown → content is equal for what Markdown carries', () => {
  fc.assert(
    fc.property(carriedDocument, content => {
      const markdown = contentToMarkdown(content)
      expect(read(markdown), markdown).toEqual(content)
    }),
    { numRuns: 300 },
  )
})

test('D99 any text is read as a document that the model accepts, and is stable from then on', () => {
  const lines = fc
    .array(fc.tuple(fc.constantFrom('', '', '  ', '    ', '- ', '1. ', '> ', '| ', '```', '# ', '- [ ] '), nastyText), {
      maxLength: 8,
    })
    .map(list => list.map(([start, text]) => start + text).join('\n'))
  fc.assert(
    fc.property(fc.oneof(lines, fc.string({ maxLength: 60 })), markdown => {
      const first = read(markdown)
      expect(checkContent(first, 'document'), markdown).not.toHaveProperty('problems')
      const written = contentToMarkdown(first)
      expect(contentToMarkdown(read(written)), JSON.stringify(written)).toBe(written)
    }),
    { numRuns: 300 },
  )
})
