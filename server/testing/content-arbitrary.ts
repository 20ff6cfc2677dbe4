// Documents for property tests: any that the model allows, and those of which Markdown carries everything.
import fc from 'fast-check'
import { tidyMarks } from '#server/content/yjs-content.ts'
import type { ContentNode, Mark } from '#server/content/model.ts'

const pieces = [
  'a',
  'word',
  'Zeile',
  'é',
  '😀',
  'x1',
  '漢字',
  '\u00a0',
  '\u2028',
  '“q”',
  "'",
  '"',
  '/',
  '.',
  ',',
  ';',
  '?',
  '%',
  '$',
  '^',
  '{',
  '}',
  '*',
  '**',
  '***',
  '_',
  '__',
  '`',
  '``',
  '~',
  '~~',
  '~~~',
  '[',
  ']',
  '](',
  '(',
  ')',
  '![',
  '<',
  '>',
  '<u>',
  '</u>',
  '<br>',
  '<!-- c -->',
  '<b>',
  '&',
  '&amp;',
  '&#10;',
  '&lt',
  '#',
  '##',
  '-',
  '--',
  '---',
  '+',
  '=',
  '===',
  ':',
  ':--',
  '|',
  '|-|',
  '\\',
  '\\\\',
  '1.',
  '2)',
  '10',
  'http://a.b/c',
  'https://',
  'www.x.y',
  'a@b.cd',
  '[x] ',
  '[ ] ',
  '[a]: b',
  '@',
]

/** Text with everything that is markup somewhere. */
export const nastyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.constant(' '), fc.constant(' ')), { minLength: 1, maxLength: 8 })
  .map(list => list.join(''))

const uuid = fc.uuid({ version: 7 })
const href = fc.constantFrom(
  'https://example.com/',
  'http://x.y/a_(b)?c=1&copy;=2',
  'mailto:a@b.cd',
  'https://x.y/a b',
  'https://x.y/*a*_b_|c\\d<e>',
  'skerry-file:0190a1b2-0000-7000-8000-00000000000b',
  'skerry-user:0190a1b2-0000-7000-8000-00000000000b',
)
const link: fc.Arbitrary<Mark> = fc
  .tuple(href, fc.option(nastyText, { nil: undefined }))
  .map(([to, title]) => ({ type: 'link', attrs: { href: to, ...(title === undefined ? {} : { title }) } }))

const markSets: fc.Arbitrary<readonly Mark[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.subarray(['underline', 'bold', 'italic', 'strike', 'code'], { maxLength: 3 }),
        fc.option(link, { nil: undefined, freq: 4 }),
      )
      .map(([types, to]) => tidyMarks([...types.map(type => ({ type })), ...(to ? [to] : [])])),
  },
)

const isEmphasis = ({ type }: Mark): boolean => type === 'bold' || type === 'italic' || type === 'strike'

/** Space at the edge of emphasis is not carried: it moves out. */
const edged = (text: string, marks: readonly Mark[]): string => (marks.some(isEmphasis) ? text.trim() || 'x' : text)

const textNode = fc.tuple(nastyText, markSets).map(
  ([text, marks]): ContentNode => ({
    type: 'text',
    text: edged(text, marks),
    ...(marks.length > 0 ? { marks } : {}),
  }),
)

const mention = fc
  .tuple(uuid, nastyText)
  .map(
    ([id, label]): ContentNode => ({ type: 'mention', attrs: { id, label: label.trim().replace(/^@+/, '') || 'x' } }),
  )

const joined = (nodes: readonly ContentNode[]): ContentNode[] => {
  const out: ContentNode[] = []
  for (const node of nodes) {
    const last = out.at(-1)
    if (node.type === 'text' && last?.type === 'text' && JSON.stringify(last.marks) === JSON.stringify(node.marks)) {
      out[out.length - 1] = { ...last, text: `${last.text ?? ''}${node.text ?? ''}` }
    } else out.push(node)
  }
  // in a cell's code a backslash before a pipe is not carried
  return out.map(node =>
    node.marks?.some(mark => mark.type === 'code')
      ? { ...node, text: node.text?.replace(/\\+(?=\|)/g, '') ?? '' }
      : node,
  )
}

const inline = (breaks: boolean): fc.Arbitrary<ContentNode[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: textNode },
        { weight: 1, arbitrary: mention },
        { weight: breaks ? 1 : 0, arbitrary: fc.constant({ type: 'hardBreak' }) },
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map(joined)

const node = (type: string, content: readonly ContentNode[], attrs?: Record<string, unknown>): ContentNode => ({
  type,
  ...(attrs ? { attrs } : {}),
  ...(content.length > 0 ? { content } : {}),
})

const code: fc.Arbitrary<ContentNode> = fc
  .tuple(
    fc.array(fc.oneof(nastyText, fc.constantFrom('', '```', '    x', '~~~')), { maxLength: 4 }),
    fc.constantFrom(undefined, 'ts', 'c++', 'shell session'),
  )
  .map(([lines, language]) => {
    const text = lines.join('\n')
    return node(
      'codeBlock',
      text === '' ? [] : [{ type: 'text', text }],
      language === undefined ? undefined : { language },
    )
  })

const image = fc.tuple(uuid, fc.option(nastyText, { nil: undefined })).map(([attachmentId, alt]): ContentNode => {
  const flat = alt?.replace(/\s+/g, ' ').trim()
  return { type: 'image', attrs: { attachmentId, ...(flat ? { alt: flat } : {}) } }
})

const paragraph = inline(true).map(content => node('paragraph', content))

const cell = (type: string): fc.Arbitrary<ContentNode> =>
  fc
    .oneof(
      fc.array(
        inline(false).map(content => node('paragraph', content)),
        { minLength: 1, maxLength: 2 },
      ),
      fc.constant([node('paragraph', [])]),
    )
    .map(content => node(type, content))

const table: fc.Arbitrary<ContentNode> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 }))
  .chain(([columns, rows]) => {
    const row = (type: string) =>
      fc.array(cell(type), { minLength: columns, maxLength: columns }).map(cells => node('tableRow', cells))
    return fc
      .tuple(row('tableHeader'), fc.array(row('tableCell'), { minLength: rows, maxLength: rows }))
      .map(([head, body]) => node('table', [head, ...body]))
  })

const { blocks } = fc.letrec<{ blocks: ContentNode[]; block: ContentNode; item: ContentNode[] }>(tie => ({
  block: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 5, arbitrary: paragraph },
    {
      weight: 2,
      arbitrary: fc
        .tuple(inline(false), fc.integer({ min: 1, max: 6 }))
        .map(([content, level]) => node('heading', content, { level })),
    },
    { weight: 1, arbitrary: code },
    { weight: 1, arbitrary: fc.constant(node('horizontalRule', [])) },
    { weight: 1, arbitrary: image },
    { weight: 1, arbitrary: table },
    { weight: 1, arbitrary: tie('blocks').map(content => node('blockquote', content)) },
    {
      weight: 1,
      arbitrary: fc.array(tie('item'), { minLength: 1, maxLength: 3 }).map(items =>
        node(
          'bulletList',
          items.map(content => node('listItem', content)),
        ),
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.array(tie('item'), { minLength: 1, maxLength: 3 }), fc.constantFrom(1, 1, 0, 7, 99, 1234))
        .map(([items, start]) =>
          node(
            'orderedList',
            items.map(content => node('listItem', content)),
            start === 1 ? undefined : { start },
          ),
        ),
    },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(tie('item'), fc.boolean()), { minLength: 1, maxLength: 3 }).map(items =>
        node(
          'taskList',
          items.map(([content, checked]) => node('taskItem', content, { checked })),
        ),
      ),
    },
  ),
  blocks: fc.array(tie('block'), { minLength: 1, maxLength: 4 }),
  item: fc
    .tuple(
      fc.oneof({ weight: 4, arbitrary: paragraph }, { weight: 1, arbitrary: fc.constant(node('paragraph', [])) }),
      fc.array(tie('block'), { maxLength: 2 }),
    )
    // an empty paragraph before another one is not carried
    .map(([first, rest]) => (first.content || rest[0]?.type !== 'paragraph' ? [first, ...rest] : rest)),
}))

/** A document all of which Markdown carries. */
export const carriedDocument: fc.Arbitrary<ContentNode> = blocks.map(content => node('doc', content))

interface Dressing {
  /** True once in `times`. */
  readonly chance: (times: number) => boolean
  readonly size: (most: number) => number
}

const dressed = (given: ContentNode, dressing: Dressing): ContentNode => {
  const { chance, size } = dressing
  const { type, text, marks = [] } = given
  if (type === 'text') {
    const space = (): string => (chance(4) ? ' ' : '')
    const colour: Mark[] = chance(4) ? [{ type: 'textStyle', attrs: { color: 'red' } }] : []
    const target = chance(2) ? { target: '_blank' } : {}
    return {
      ...given,
      text: `${space()}${text ?? ''}${space()}`,
      marks: tidyMarks([
        ...colour,
        ...marks.map(mark => (mark.type === 'link' ? { ...mark, attrs: { ...mark.attrs, ...target } } : mark)),
      ]),
    }
  }
  const attrs = {
    ...given.attrs,
    ...((type === 'paragraph' || type === 'heading') && chance(6) ? { textAlign: 'center' } : {}),
    ...(type.startsWith('table') && type.length > 8 && chance(4) ? { colspan: size(3), rowspan: size(3) } : {}),
  }
  const holdsBlocks = given.content?.some(({ type: inner }) => inner === 'paragraph') && !type.startsWith('table')
  const content = given.content?.flatMap(child => [
    ...(holdsBlocks && chance(5) ? [{ type: 'paragraph' }] : []),
    dressed(child, dressing),
  ])
  return {
    type,
    ...(Object.keys(attrs).length > 0 ? { attrs } : {}),
    ...(content && content.length > 0 ? { content } : {}),
  }
}

/** A document with what Markdown does not carry: colours, alignment, spans, empty paragraphs, space at edges. */
export const richDocument: fc.Arbitrary<ContentNode> = fc
  .tuple(carriedDocument, fc.infiniteStream(fc.nat(59)))
  .map(([content, numbers]) => {
    const next = (): number => numbers.next().value ?? 0
    return dressed(content, { chance: times => next() % times === 0, size: most => 1 + (next() % most) })
  })
