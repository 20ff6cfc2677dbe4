// Markdown of documents, row by row of the domain rules' table (section 8.7), real files, and the limits.
import { deflateRawSync } from 'node:zlib'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkContent } from './check.ts'
import { keepUncarried } from './markdown-merge.ts'
import { contentToMarkdown } from './markdown-write.ts'
import { markdownToContent, UnreadableMarkdown } from './markdown.ts'
import type { ContentNode } from './model.ts'
import { plainText } from './text.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const shared = process.env.SKERRY_SHARED ?? join(root, '../shared')
const id = '0190a1b2-0000-7000-8000-00000000000a'

const read = (markdown: string): ContentNode => {
  const checked = checkContent(markdownToContent(markdown, 'document'), 'document')
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
  return checked.content
}
const stable = (markdown: string): void => expect(contentToMarkdown(read(markdown))).toBe(markdown)
const doc = (...content: ContentNode[]): ContentNode => ({ type: 'doc', content })
const text = (value: string, ...marks: string[]): ContentNode => ({
  type: 'text',
  text: value,
  ...(marks.length > 0 ? { marks: marks.map(type => ({ type })) } : {}),
})

test.each([
  ['marks', '**x** _x_ ~~x~~ `x` [x](https://example.com) <u>x</u> **_both_**'],
  ['headings', '# One\n\n###### Six'],
  ['nested lists', '- a\n  - b\n    - c\n- d'],
  ['ordered lists with a start', '7. a\n8. b\n\n   more\n9. c'],
  ['tasks', '- [x] done\n  - [ ] open\n- [ ] next'],
  ['code', '```ts\nconst a = `1`\n```\n\n````\n```\n````'],
  ['quotes and rules', '> one\n>\n> - two\n\n---'],
  ['breaks', 'one  \ntwo'],
  ['tables', '| a | b\\|c |\n| --- | --- |\n| **1** | 2<br>3 |\n|  | `x\\|y` |'],
  ['images', `![a chart](skerry-file:${id})`],
  ['mentions', `[@Ann Lee](skerry-user:${id}) said`],
  ['two lists side by side', '- a\n\n* b\n\n1. c\n\n1) d'],
  ['what only looks like markup', '1\\. a\\*b\\* \\`c\\` \\<b> \\_d\\_ snake_case 2 * 3 a[0] \\&amp; http\\://x.y'],
])('D99 %s are stable', (_, markdown) => stable(markdown))

test('D99 lists of a kind stay apart, also with empty paragraphs between them and within their items', () => {
  const item = (...content: ContentNode[]): ContentNode => ({ type: 'listItem', content })
  const list = (type: string, ...items: ContentNode[]): ContentNode => ({ type, content: items })
  const said = (value: string): ContentNode => ({ type: 'paragraph', content: [text(value)] })
  const blank: ContentNode = { type: 'paragraph' }
  const bullets = (value: string): ContentNode => list('bulletList', item(said(value)))
  const numbers = (value: string): ContentNode => list('orderedList', item(said(value)))
  const lists = doc(
    bullets('a'),
    blank,
    bullets('b'),
    blank,
    bullets('c'),
    numbers('d'),
    blank,
    numbers('e'),
    numbers('f'),
  )
  const markdown = '- a\n\n* b\n\n- c\n\n1. d\n\n1) e\n\n1. f'
  expect(contentToMarkdown(lists)).toBe(markdown)
  expect(keepUncarried(lists, read(markdown))).toEqual(lists)
  const inItems = doc(list('bulletList', item(said('a'), blank, bullets('b')), item(blank, said('c'), bullets('d'))))
  expect(contentToMarkdown(inItems)).toBe('- a\n  - b\n- c\n  - d')
  expect(keepUncarried(inItems, read(contentToMarkdown(inItems)))).toEqual(inItems)
})

test('D99 cells stand in their column beside wide and tall ones, and all rows have all columns', () => {
  const cell = (value: string, attrs?: Record<string, unknown>): ContentNode => ({
    type: 'tableCell',
    ...(attrs ? { attrs } : {}),
    content: [{ type: 'paragraph', ...(value === '' ? {} : { content: [text(value)] }) }],
  })
  const row = (...content: ContentNode[]): ContentNode => ({ type: 'tableRow', content })
  const table = doc({
    type: 'table',
    content: [
      row(cell('wide', { colspan: 2 }), cell('c')),
      row(cell('tall', { rowspan: 2 }), cell('b'), cell('c', { rowspan: 3 })),
      row(cell('under')),
      row(cell('last')),
    ],
  })
  const markdown = [
    '| wide |  | c |',
    '| --- | --- | --- |',
    '| tall | b | c |',
    '|  | under |  |',
    '| last |  |  |',
  ].join('\n')
  expect(contentToMarkdown(table)).toBe(markdown)
  stable(markdown)
  expect(keepUncarried(table, read(markdown))).toEqual(table)
})

test('a table whose cells reach over more than Markdown may have is written as it is', () => {
  const cell = (attrs: Record<string, unknown>): ContentNode => ({ type: 'tableCell', attrs, content: [] })
  const wide = Array.from({ length: 200 }, () => cell({ colspan: 100, rowspan: 1000 }))
  const rows = [wide, ...Array.from({ length: 999 }, () => [cell({})])]
  const table = doc({ type: 'table', content: rows.map(content => ({ type: 'tableRow', content })) })
  expect(contentToMarkdown(table).length).toBeLessThan(2_000_000)
})

test('D99 line and paragraph separators are characters like others, in every block', () => {
  for (const separator of ['\u2028', '\u2029']) {
    stable(`# a${separator}b`)
    stable(`| a${separator}b | c |\n| --- | --- |\n| \`d${separator}e\` | e${separator}f |`)
    stable(`1. a${separator}b\n2. c\n\n\`\`\`\na${separator}b\n\`\`\`\n\n> b${separator}a`)
    expect(read(`# a${separator}b`).content?.[0]?.type).toBe('heading')
    expect(read(`[a][b]\n\n[b]: https://x.y "a${separator}b"`).content?.[0]?.content?.[0]?.marks?.[0]?.attrs).toEqual({
      href: 'https://x.y',
      title: `a${separator}b`,
    })
  }
})

test('D99 a link to a person stays a link: only what begins with an @ mentions somebody', () => {
  const link = (value: string): ContentNode =>
    doc({
      type: 'paragraph',
      content: [{ ...text(value), marks: [{ type: 'link', attrs: { href: `skerry-user:${id}` } }] }],
    })
  for (const content of [link('Ann'), link('@Ann'), link('`@'), link('a @')]) {
    expect(read(contentToMarkdown(content))).toEqual(content)
  }
  expect(read(`[@Ann](skerry-user:${id})`).content?.[0]?.content?.[0]?.type).toBe('mention')
  expect(read(`[**@Ann**](skerry-user:${id})`).content?.[0]?.content?.[0]?.type).toBe('mention')
})

test('D99 what Markdown does not carry leaves no trace in it: the same text is written the same', () => {
  const paragraph = (...content: ContentNode[]): ContentNode => doc({ type: 'paragraph', content })
  const link = (value: string, attrs: Record<string, unknown>): ContentNode => ({
    ...text(value),
    marks: [{ type: 'link', attrs: { href: 'https://x.y/', ...attrs } }],
  })
  for (const [one, other] of [
    [paragraph(text('\\'), text('  ', 'bold')), paragraph(text('\\  '))],
    [paragraph(text('[a]'), text(' ', 'italic'), text('b')), paragraph(text('[a] b'))],
    [paragraph(link('a', { target: '_blank' }), link('b', {})), paragraph(link('ab', {}))],
    [paragraph(link('a', { href: 'https://x.y/a\tb' })), paragraph(link('a', { href: 'https://x.y/ab' }))],
  ] as const) {
    expect(contentToMarkdown(one)).toBe(contentToMarkdown(other))
    stable(contentToMarkdown(one))
  }
  const nested = paragraph(text('a'), text('b', 'bold'), text('[c]', 'bold', 'strike'))
  expect(read(contentToMarkdown(nested))).toEqual(nested)
})

test('D99 colours, alignment and indent are dropped in Markdown and plain text; unknown nodes are their children', () => {
  const content = doc(
    {
      type: 'paragraph',
      attrs: { textAlign: 'center', indent: 2 },
      content: [{ ...text('red'), marks: [{ type: 'textStyle', attrs: { color: 'red' } }] }, text(' lit', 'highlight')],
    },
    { type: 'panel', content: [{ type: 'paragraph', content: [text('inside')] }] },
  )
  expect(contentToMarkdown(content)).toBe('red lit\n\ninside')
  expect(plainText(content)).toBe('red lit\ninside')
})

test('D99 plain text: cells by tab, rows by newline, alt, @label, one line per item', () => {
  const markdown = `| a | b |\n| --- | --- |\n| 1 | 2<br>3 |\n\n![chart](skerry-file:${id})\n\n- x [@Ann](skerry-user:${id})\n- [x] y`
  expect(plainText(read(markdown))).toBe('a\tb\n1\t2 3\nchart\nx @Ann\ny')
})

const graph =
  '<mxGraphModel><root><mxCell id="0"/><mxCell id="1" parent="0"/>' +
  '<mxCell id="2" value="Client &lt;b&gt;app&lt;/b&gt;" vertex="1" parent="1"/>' +
  '<UserObject id="3" label="Server"><mxCell vertex="1" parent="1"/></UserObject>' +
  '<mxCell id="4" value="HTTP" edge="1" source="2" target="3" parent="1"/>' +
  '<mxCell id="5" edge="1" source="3" target="9" parent="1"><mxGeometry as="geometry"/></mxCell></root></mxGraphModel>'

test('D99 a drawing is a list of its labels and connections, folded or not; a broken one says so', () => {
  const drawing = (xml: string): ContentNode => doc({ type: 'drawio', attrs: { xml } })
  const folded = deflateRawSync(encodeURIComponent(graph)).toString('base64')
  for (const xml of [graph, `<mxfile><diagram name="p">${folded}</diagram></mxfile>`]) {
    const markdown = contentToMarkdown(drawing(xml))
    expect(markdown).toBe('- Client app\n- Server\n- Client app --[HTTP]--> Server\n- Server --> ?')
    stable(markdown)
    expect(plainText(drawing(xml))).toBe('Client app\nServer\nHTTP')
  }
  for (const xml of ['<mxGraphModel><root>', 'text', '<diagram>AAAAAAAAAAAA</diagram>', '<a b="1" c></a>']) {
    expect(contentToMarkdown(drawing(xml))).toMatch(/^\(drawing .*\)$/)
  }
})

test('D99 raw HTML becomes text, links of other schemes are dropped, images from elsewhere become links; a path is not lost', () => {
  const content = read(
    '<script>x</script>\n\na <b>c</b> [bad](javascript:alert(1)) ![pic](https://e.com/p.png) ![gone](p.png)',
  )
  expect(plainText(content)).toBe('<script>x</script>\na <b>c</b> bad pic gone (p.png)')
  expect(JSON.stringify(content)).not.toContain('javascript')
  expect(JSON.stringify(content)).not.toContain('"image"')
})

test.each([
  ['see [the *plan*](../docs/plan_b.md "T").', 'see the _plan_ (../docs/plan_b.md).'],
  ['[docs/plan.md](docs/plan.md) and [`a.md`](a.md)', 'docs/plan.md and `a.md`'],
  ['**[Usage](#usage)** [](b.md) [c](<d  e.md>) [f]()', '**Usage (#usage)** b.md c (d e.md) f'],
  ['so it is[^1]\n\n[^1]: Maybe', 'so it is^1 (Maybe)'],
  ['![Example](../assets/web.jpeg) ![](x.png)', 'Example (../assets/web.jpeg) x.png'],
  ['[![chart](c.png)](c.html)', 'chart (c.png) (c.html)'],
])('D99 a link that may lead nowhere keeps its target as text: %s', (markdown, written) => {
  expect(contentToMarkdown(read(markdown))).toBe(written)
  stable(written)
})

test('links by name, bare links and references are read', () => {
  const markdown = '[a][B] and <https://c.d> https://e.f/(g). &copy;&#33;\n\n[b]: https://x.y "T"'
  expect(contentToMarkdown(read(markdown))).toBe(
    '[a](https://x.y "T") and [https\\://c.d](https://c.d) [https\\://e.f/(g)](<https://e.f/(g)>). ©!',
  )
})

test('boxes in numbered lists stay as text, and images from elsewhere keep their title', () => {
  const numbered = '1. \\[x] done\n2. \\[ ] open\n   - [x] below\n3. none'
  expect(contentToMarkdown(read('1. [x] done\n2. [ ] open\n   - [x] below\n3. none'))).toBe(numbered)
  stable(numbered)
  expect(contentToMarkdown(read('1. [x] done\n\n2. [X]\n\n   more'))).toBe('1. \\[x] done\n2. \\[x\\]\n\n   more')
  expect(contentToMarkdown(read('![chart](https://x.y/z.png "Of \\"us\\"")'))).toBe(
    '[chart](https://x.y/z.png "Of \\"us\\"")',
  )
})

test('writing Markdown back keeps colours, widths and empty paragraphs of the blocks that it does not change', () => {
  const red = { ...text('red'), marks: [{ type: 'textStyle', attrs: { color: 'red' } }] }
  const before = doc(
    { type: 'paragraph', attrs: { textAlign: 'center' }, content: [red] },
    { type: 'paragraph' },
    { type: 'paragraph', content: [text('same', 'highlight')] },
    { type: 'paragraph', content: [text('old')] },
  )
  const markdown = contentToMarkdown(before)
  expect(keepUncarried(before, read(markdown))).toEqual(before)
  expect(keepUncarried(before, read(markdown.replace('old', 'new'))).content?.slice(0, 3)).toEqual(
    before.content?.slice(0, 3),
  )
  expect(keepUncarried(before, read('other'))).toEqual(read('other'))
  const led = doc({ type: 'paragraph' }, { type: 'paragraph', attrs: { indent: 1 } }, ...(before.content ?? []))
  expect(keepUncarried(led, read(markdown))).toEqual(led)
  expect(keepUncarried(led, read(`first\n\n${markdown}`)).content?.[0]).toEqual(read('first').content?.[0])
  expect(keepUncarried(doc({ type: 'paragraph' }), read('first'))).toEqual(read('first'))
  const blank = doc({ type: 'paragraph' }, { type: 'paragraph', attrs: { textAlign: 'center' } })
  expect(keepUncarried(blank, read(''))).toEqual(blank)
  expect(keepUncarried(before, read(''))).toEqual(read(''))
})

test('comments have no headings, tables and images: their text stays', () => {
  const content = markdownToContent('# Head\n\n| a | b |\n|---|---|\n| 1 | **2** |')
  expect(checkContent(content)).not.toHaveProperty('problems')
  expect(contentToMarkdown(content)).toBe('**Head**\n\na | b\n\n1 | **2**')
})

test('documents: structure that editors would drop is mended or refused, depth and size are bounded', () => {
  const checked = (content: ContentNode) => checkContent(content, 'document')
  expect(checked(doc({ type: 'blockquote' }))).toEqual({
    content: doc({ type: 'blockquote', content: [{ type: 'paragraph' }] }),
  })
  expect(checked(doc({ type: 'table' }))).toHaveProperty('problems.0.path', 'content.0.content')
  expect(checked(doc({ type: 'heading', attrs: { level: 7 } }))).toHaveProperty(
    'problems.0.path',
    'content.0.attrs.level',
  )
  expect(checked(doc({ type: 'image', attrs: { attachmentId: 'x' } }))).toHaveProperty('problems.0.code', 'bad_format')
  const many = doc(...Array.from({ length: 50_000 }, (): ContentNode => ({ type: 'paragraph' })))
  expect(checked(many)).toHaveProperty('problems.0.code', 'too_long')
  expect(checked(markdownToContent(`${'> '.repeat(99)}a`, 'document'))).toHaveProperty('problems.0.code', 'too_long')
})

test('Markdown that would take the memory or the square of its length is refused; long lines are not', () => {
  expect(() => read('>'.repeat(200_000))).toThrow('nested deeper than 100 levels')
  expect(() => read('> - '.repeat(20_000))).toThrow('nested deeper than 100 levels')
  expect(() => read('x '.repeat(5_000_000))).toThrow('A paragraph is too long')
  expect(() => read(`${'|a'.repeat(5000)}|\n${'|-'.repeat(5000)}|\n${'|x\n'.repeat(5000)}`)).toThrow(UnreadableMarkdown)
  const hostile = [
    '*a **b ',
    '[a](b "',
    '![',
    '`a``',
    '<u>',
    'a  \n',
    '_a',
    '~~',
    '&#',
    '((',
    '[a]: b\n',
    '- ',
    'http://',
  ]
  for (const piece of hostile) {
    const source = piece.repeat(20_000)
    expect(contentToMarkdown(markdownToContent(source, 'document'))).toBeTypeOf('string')
  }
  expect(contentToMarkdown(read(`${' '.repeat(200_000)}|x-`)).length).toBeGreaterThan(200_000)
  for (const piece of ['<a', '<diagram ', '<diagram> ', '&lt;a', '<mxCell value="&lt;a']) {
    const xml = `<mxGraphModel><root><mxCell value="${piece.repeat(50_000)}"/></root></mxGraphModel>`
    for (const one of [xml, piece.repeat(50_000)]) {
      const drawing = doc({ type: 'drawio', attrs: { xml: one } })
      expect(contentToMarkdown(drawing)).toBeTypeOf('string')
    }
  }
  expect(read('- '.repeat(200)).content).toEqual([{ type: 'horizontalRule' }])
})

test('signs of deep nesting in code are text', () => {
  const deep = '> '.repeat(150).trimEnd()
  expect(read(`\`\`\`\n${deep}\n\`\`\``).content).toEqual([
    { type: 'codeBlock', content: [{ type: 'text', text: deep }] },
  ])
  expect(read(`    ${deep}`).content).toMatchObject([{ type: 'codeBlock' }])
})

const folder = join(shared, 'data/backlog-md')
const missing = existsSync(folder)
  ? ''
  : `; not run: ${folder} is missing, SKERRY_SHARED names the folder that holds data/`

describe(`D99 real files${missing}`, () => {
  test.runIf(missing === '')('every Markdown file of Backlog.md is stable from its first writing on', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))
    expect(files.length).toBeGreaterThan(600)
    for (const name of files) {
      const first = read(readFileSync(join(folder, name), 'utf8'))
      const written = contentToMarkdown(first)
      const second = read(written)
      expect(second, name).toEqual(first)
      expect(contentToMarkdown(second), name).toBe(written)
    }
  })
})

test('what a document does not keep is said, with its kind and its source', () => {
  const lost: string[] = []
  const source = [
    '[guide](guide/how.md "t") ![pic](a.png) [![badge](https://a.example/b.svg)](#top) [ftp](ftp://a.example)',
    'note[^1] and <br> or <kbd>K</kbd>, 1 < 2, `<i>` and \\[^2] <https://a.example>',
    '',
    '<div>',
    'block',
    '</div>',
    '',
    '[^1]: explained here',
    '',
    '![kept](skerry-file:0195d2b4-0000-7000-8000-000000000001) [@Ann](skerry-user:0195d2b4-0000-7000-8000-000000000002)',
  ].join('\n')
  markdownToContent(source, 'document', (kind, what) => lost.push(`${kind} ${what}`))
  expect(lost.toSorted()).toEqual([
    'footnote [^1]',
    'footnote [^1]',
    'html </kbd>',
    'html <br>',
    'html <div>',
    'html <kbd>',
    'image a.png',
    'image https://a.example/b.svg',
    'link #top',
    'link guide/how.md',
    'scheme ftp://a.example',
  ])
})

test.each([
  ['[^abc] and [^a](https://a.example) or <a@b.c>, <ftp://a.example>', []],
  ['`[^1]`: [^2]\n\n```\n[^2]: code\n```', []],
  ['[^x] and [^n]\n\n[^n]: explained here', ['footnote [^n]', 'footnote [^n]']],
  ['[^a](b.md)\n\n[^a]: explained here', ['link b.md', 'footnote [^a]']],
  ['[^Ab], [^ab]\n\n> [^AB]: Maybe', ['footnote [^Ab]', 'footnote [^ab]']],
  ['- one[^n]\n- [^n]: explained here', ['footnote [^n]', 'footnote [^n]']],
  ['<b> <b/> <b c="d"> </b> <!-- e -->', ['html <b>', 'html <b/>', 'html <b c="d">', 'html </b>', 'html <!--']],
])('only what is lost is said to be: %s', (source, expected) => {
  const lost: string[] = []
  markdownToContent(source, 'document', (kind, what) => lost.push(`${kind} ${what}`))
  expect(lost).toEqual(expected)
})
