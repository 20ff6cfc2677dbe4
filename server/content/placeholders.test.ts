// Placeholders of templates.
import { expect, test } from 'vitest'
import { contentToMarkdown } from './markdown-write.ts'
import { markdownToContent } from './markdown.ts'
import { dayIn, fillPlaceholders } from './placeholders.ts'

const values = { title: '$& {{author}}', date: '2027-01-05', author: 'Ann' }
const filled = (markdown: string): string =>
  contentToMarkdown(fillPlaceholders(markdownToContent(markdown, 'document'), values))

test.each([
  ['# {{date}}: by {{author}}, {{author}}', '# 2027-01-05: by Ann, Ann'],
  ['- a **{{date}}** b', '- a **2027-01-05** b'],
  ['| {{date}} |\n| --- |\n| `{{author}}` |', '| 2027-01-05 |\n| --- |\n| `Ann` |'],
  ['```\n{{date}}\n```', '```\n2027-01-05\n```'],
  ['{{**date**}} {{ date }} {{Date}} {{toString}} {date}', '{{**date**}} {{ date }} {{Date}} {{toString}} {date}'],
])('%j', (template, expected) => {
  expect(filled(template)).toBe(expected)
})

test('what is filled in is not looked at again', () => {
  const text = { type: 'text', text: '{{title}}!' }
  expect(fillPlaceholders(text, values).text).toBe('$& {{author}}!')
})

test('a day is that of a time zone', () => {
  const at = new Date('2027-01-05T11:30:00Z')
  expect(['UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago'].map(zone => dayIn(zone, at))).toEqual([
    '2027-01-05',
    '2027-01-06',
    '2027-01-05',
  ])
  expect(dayIn('Pacific/Pago_Pago', new Date('2027-01-05T10:30:00Z'))).toBe('2027-01-04')
})
