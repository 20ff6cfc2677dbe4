// Markdown ⇄ content over generated documents and over any text (D99).
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { carriedDocument, nastyText, richDocument } from '#server/testing/content-arbitrary.ts'
import { checkContent } from './check.ts'
import { jsonOf, replaceUpdate, stateOf } from './document-state.ts'
import { keepUncarried } from './markdown-merge.ts'
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

test('D99 the Markdown of any document is read and written as it is, and written back changes nothing', () => {
  fc.assert(
    fc.property(richDocument, content => {
      const state = stateOf(content)
      const before = jsonOf(state)
      const markdown = contentToMarkdown(before)
      expect(contentToMarkdown(read(markdown)), JSON.stringify(markdown)).toBe(markdown)
      const update = replaceUpdate(state, keepUncarried(before, read(markdown)))
      expect([...update], JSON.stringify(markdown)).toEqual([0, 0])
    }),
    { numRuns: 300 },
  )
})
