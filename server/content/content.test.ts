// Content of comments: Markdown in, the model's guard, plain text and mentions out.
import { expect, test } from 'vitest'
import { markdownToContent } from './markdown.ts'
import { checkContent } from './check.ts'
import { contentLimits, modelLimits } from './model.ts'
import { keepMentions, mentionedIds, plainText } from './text.ts'

const ann = '0190a1b2-0000-7000-8000-00000000000a'

test('Markdown becomes content that the model accepts, and its plain text has one line per item', () => {
  const markdown = [
    'Hello **bold** _it_ ~~gone~~ `code` [site](https://example.com) [bad](javascript:alert(1))',
    '',
    '- one',
    '  - two',
    '',
    '- [x] done',
    '- [ ] open',
    '',
    '> quoted',
    '',
    '```ts',
    'const a = 1',
    '```',
    '',
    '# Head',
    '',
    '<b>raw</b>',
  ].join('\n')
  const checked = checkContent(markdownToContent(markdown))
  expect(checked).not.toHaveProperty('problems')
  const { content } = checked as { content: Parameters<typeof plainText>[0] }
  expect(plainText(content)).toBe(
    'Hello bold it gone code site bad\none\ntwo\ndone\nopen\nquoted\nconst a = 1\nHead\n<b>raw</b>',
  )
  expect(JSON.stringify(content)).not.toContain('javascript:')
})

test('D83 mentions are found, and those of non-members become their text', () => {
  const content = markdownToContent(`Ask [@Ann](skerry-user:${ann}) and [@Bo](skerry-user:${ann.replace(/a$/, 'b')})`)
  expect(mentionedIds(content)).toEqual([ann, ann.replace(/a$/, 'b')])
  const kept = keepMentions(content, id => id === ann)
  expect(mentionedIds(kept)).toEqual([ann])
  expect(plainText(kept)).toBe('Ask @Ann and @Bo')
})

test('the model refuses unknown nodes, marks and attributes, wrong nesting, and says where', () => {
  const doc = (content: unknown) => ({ type: 'doc', content: [content] })
  const problem = (content: unknown) => {
    const checked = checkContent(content)
    return 'problems' in checked ? checked.problems[0]?.path : undefined
  }
  expect(problem(doc({ type: 'heading', attrs: { level: 1 } }))).toBe('content.0')
  expect(problem(doc({ type: 'paragraph', attrs: { onclick: 'x' } }))).toBe('content.0.attrs.onclick')
  expect(problem(doc({ type: 'paragraph', content: [{ type: 'text', text: 'x', marks: [{ type: 'blink' }] }] }))).toBe(
    'content.0.content.0.marks.0',
  )
  expect(problem(doc({ type: 'bulletList', content: [{ type: 'paragraph' }] }))).toBe('content.0.content.0')
  expect(problem(doc({ type: 'mention', attrs: { id: ann, label: 'x' } }))).toBe('content.0')
  expect(problem(doc({ type: 'paragraph', attrs: { ['x'.repeat(5000)]: 1 } }))).toBe(
    `content.0.attrs.${'x'.repeat(100)}…`,
  )
  expect(problem('text')).toBe('')
  const link = (href: string) => ({ type: 'text', text: 'x', marks: [{ type: 'link', attrs: { href } }] })
  expect(problem(doc({ type: 'paragraph', content: [link('data:text/html,x')] }))).toBe(
    'content.0.content.0.marks.0.attrs.href',
  )
  expect(problem({ type: 'constructor' })).toBe('')
})

test('depth and length are bounded', () => {
  let nested: unknown = { type: 'paragraph' }
  for (let i = 0; i < contentLimits.depth; i += 1) nested = { type: 'blockquote', content: [nested] }
  expect(checkContent({ type: 'doc', content: [nested] })).toHaveProperty('problems.0.code', 'too_long')
  const long = { type: 'paragraph', content: [{ type: 'text', text: 'x'.repeat(modelLimits.comment.text + 1) }] }
  expect(checkContent({ type: 'doc', content: [long] })).toHaveProperty('problems.0.code', 'too_long')
})
