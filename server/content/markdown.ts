// Markdown → content of a document or a comment (domain rules, section 8.7). Blocks are cut by the lexer that comes with
// TipTap's Markdown package; what stands in them is read by markdown-inline.ts. Raw HTML stays text. Pure.
import { MarkdownManager } from '@tiptap/markdown'
import { type InlineContext, type LinkTable, readInline } from './markdown-inline.ts'
import { fileIdIn, linkMark, lostTarget, type OnLoss } from './markdown-links.ts'
import { type ContentModel, type ContentNode, contentLimits } from './model.ts'
import { attribute } from './text.ts'

type Lexer = InstanceType<MarkdownManager['instance']['Lexer']>
type Tokens = ReturnType<Lexer['blockTokens']>
type Token = Tokens[number]

/** Thrown for Markdown that no document can hold; the message says why. */
export class UnreadableMarkdown extends Error {}

const boundedLexer = () => {
  const { Lexer } = new MarkdownManager({ extensions: [] }).instance
  /** Goes down to the depth that a document may have: each level reads all that stands in it once more. */
  return class BoundedLexer extends Lexer<unknown, unknown> {
    #depth = -1

    override blockTokens(source: string, into?: Token[], clipped?: boolean): Tokens {
      this.#depth += 1
      if (this.#depth > contentLimits.depth) {
        throw new UnreadableMarkdown(`The text is nested deeper than ${contentLimits.depth} levels.`)
      }
      const tokens = super.blockTokens(source, into, clipped) as Tokens
      this.#depth -= 1
      return tokens
    }
  }
}

let lexerClass: ReturnType<typeof boundedLexer> | undefined

// made at first use: loading costs more than reading many comments
const newLexer = (): Lexer => new (lexerClass ??= boundedLexer())()

const lex = (source: string): { readonly tokens: readonly Token[]; readonly links: LinkTable } => {
  const lexer = newLexer()
  const tokens = lexer.blockTokens(source, [])
  return { tokens, links: lexer.tokens.links }
}

/** U+2028 and U+2029 end lines to the patterns of the lexer, not to Markdown: it gets code points that are no characters. */
const lexLines = (source: string): ReturnType<typeof lex> => {
  if (!/[\u2028\u2029]/.test(source)) return lex(source)
  const hidden = source.replaceAll('\u2028', '\ufdd0').replaceAll('\u2029', '\ufdd1')
  const found = JSON.stringify(lex(hidden))
  return JSON.parse(found.replaceAll('\ufdd0', '\u2028').replaceAll('\ufdd1', '\u2029')) as ReturnType<typeof lex>
}

interface Context {
  readonly links: LinkTable
  readonly model: ContentModel
  readonly notes?: ReadonlySet<string> | undefined
  readonly onLoss?: OnLoss | undefined
}

const node = (type: string, content: readonly ContentNode[], attrs: Record<string, unknown> = {}): ContentNode => ({
  type,
  ...(Object.keys(attrs).length > 0 ? { attrs } : {}),
  ...(content.length > 0 ? { content } : {}),
})

const paragraph = (content: readonly ContentNode[]): ContentNode => node('paragraph', content)

/** An image of a stored file; one from elsewhere is a link to it, one from nowhere text. */
const imageOf = (image: ContentNode, { onLoss }: Pick<Context, 'onLoss'>): ContentNode | undefined => {
  const src = attribute(image, 'src')
  const alt = attribute(image, 'alt')
  const id = fileIdIn(src)
  if (id !== undefined) return { type: 'image', attrs: { attachmentId: id, ...(alt === '' ? {} : { alt }) } }
  onLoss?.('image', src)
  const text = alt === '' ? src : alt
  if (text === '') return undefined
  const link = linkMark(src, attribute(image, 'title'))
  return link ? { type: 'text', text, marks: [link] } : { type: 'text', text: text + lostTarget(text, src) }
}

/** Inline content without images, for places that hold no block. */
const inlineOnly = (source: string, context: Context): ContentNode[] =>
  readInline(source, context).flatMap(one => {
    if (one.type !== 'image') return [one]
    const image = imageOf(one, context)
    if (image?.type !== 'image') return image ? [image] : []
    const href = `skerry-file:${attribute(image, 'attachmentId')}`
    return [{ type: 'text', text: attribute(image, 'alt') || href, marks: [{ type: 'link', attrs: { href } }] }]
  })

/** Inline source as paragraphs, an image or the end of a paragraph of a cell between them. */
const paragraphs = (source: string, context: Context & Partial<InlineContext>): ContentNode[] => {
  const out: ContentNode[] = []
  let run: ContentNode[] = []
  let cut = false
  const close = (always: boolean): void => {
    if (run.length > 0 || always) out.push(paragraph(run))
    run = []
  }
  for (const one of readInline(source, context)) {
    const image = one.type === 'image' ? imageOf(one, context) : undefined
    if (image?.type === 'image') {
      close(false)
      out.push(image)
      cut = false
    } else if (one.type === 'cut') {
      close(cut || out.at(-1)?.type !== 'image')
      cut = true
    } else if (one.type !== 'image') run.push(one)
    else if (image) run.push(image)
  }
  close(cut)
  return out
}

const rawLines = (raw: string): ContentNode[] => {
  const lines = raw.replace(/\n+$/, '').split('\n')
  const content = lines.flatMap((line, index): ContentNode[] => [
    ...(index > 0 ? [{ type: 'hardBreak' }] : []),
    ...(line.trim() === '' ? [] : [{ type: 'text', text: line.trim() }]),
  ])
  return content.some(one => one.type === 'text') ? [paragraph(content)] : []
}

const withParagraph = (blocks: readonly ContentNode[]): readonly ContentNode[] =>
  blocks[0]?.type === 'paragraph' ? blocks : [paragraph([]), ...blocks]

const filled = (blocks: readonly ContentNode[]): readonly ContentNode[] =>
  blocks.length > 0 ? blocks : [paragraph([])]

const boxPattern = /^\[([ xX])\](?:[ \t]+|$)/

interface ReadItem {
  readonly checked: boolean | undefined
  readonly blocks: readonly ContentNode[]
}

/** An item; in a numbered list, which has no boxes, a box is text. */
const readItem = (tokens: readonly Token[], context: Context, isNumbered: boolean): ReadItem => {
  const rest = tokens.filter(token => token.type !== 'checkbox' && token.type !== 'space')
  const first = rest[0]
  const isText = first?.type === 'text' || first?.type === 'paragraph'
  const box = isText ? boxPattern.exec(first.raw.trimStart()) : null
  const ticked = tokens.find(token => token.type === 'checkbox') as { checked?: boolean } | undefined
  const checked = box ? box[1] !== ' ' : ticked?.checked
  if (checked === undefined || !isText) return { checked, blocks: withParagraph(blocks(rest, context)) }
  const written = isNumbered ? `\\[${checked ? 'x' : ' '}] ` : ''
  const text = written + ((first as { text?: string }).text ?? '').replace(box ? boxPattern : /^/, '')
  const head = text.trim() === '' ? [paragraph([])] : paragraphs(text, context)
  return { checked, blocks: withParagraph([...head, ...blocks(rest.slice(1), context)]) }
}

/** Items with boxes and items without stand in lists of their own. */
const readList = (token: Token, context: Context): ContentNode[] => {
  const list = token as { ordered: boolean; start: number | ''; items: { tokens: Token[] }[] }
  const lists: { type: string; items: ContentNode[] }[] = []
  for (const { tokens } of list.items) {
    const { checked, blocks: content } = readItem(tokens, context, list.ordered)
    const type = checked !== undefined && !list.ordered ? 'taskList' : list.ordered ? 'orderedList' : 'bulletList'
    const item = type === 'taskList' ? node('taskItem', content, { checked }) : node('listItem', content)
    const last = lists.at(-1)
    if (last?.type === type) last.items.push(item)
    else lists.push({ type, items: [item] })
  }
  const start = typeof list.start === 'number' && list.start !== 1 && list.start <= 1_000_000 ? list.start : undefined
  return lists.map(({ type, items }) =>
    node(type, items, type === 'orderedList' && start !== undefined ? { start } : {}),
  )
}

interface Cell {
  readonly text: string
}

const readTable = (token: Token, context: Context): ContentNode[] => {
  const { header, rows } = token as unknown as { header: Cell[]; rows: Cell[][] }
  if (context.model === 'comment') {
    // no tables in comments: each row is a line
    return [header, ...rows].map(row =>
      paragraph(
        row.flatMap(({ text }, index): ContentNode[] => [
          ...(index > 0 ? [{ type: 'text', text: ' | ' }] : []),
          ...inlineOnly(text, context),
        ]),
      ),
    )
  }
  const row = (cells: readonly Cell[], type: string): ContentNode =>
    node(
      'tableRow',
      cells.map(({ text }) => node(type, filled(paragraphs(text, { ...context, cell: true })))),
    )
  return [node('table', [row(header, 'tableHeader'), ...rows.map(cells => row(cells, 'tableCell'))])]
}

const readHeading = (token: Token, context: Context): ContentNode => {
  const { depth, text } = token as { depth: number; text: string }
  const content = inlineOnly(text, context)
  if (context.model === 'document') return node('heading', content, { level: depth })
  // headings are no part of a comment: they stand as bold paragraphs, so that nothing typed is lost
  return paragraph(
    content.map(one =>
      one.type === 'text' && !one.marks?.some(mark => mark.type === 'bold')
        ? { ...one, marks: [...(one.marks ?? []), { type: 'bold' }] }
        : one,
    ),
  )
}

const readCode = (token: Token): ContentNode => {
  const { text, lang } = token as { text: string; lang?: string }
  const language = lang?.trim().slice(0, 100).toWellFormed()
  return node('codeBlock', text === '' ? [] : [{ type: 'text', text }], language ? { language } : {})
}

const blocks = (tokens: readonly Token[], context: Context): ContentNode[] =>
  tokens.flatMap((token): ContentNode[] => {
    switch (token.type) {
      case 'heading':
        return [readHeading(token, context)]
      case 'paragraph':
      case 'text':
        return paragraphs((token as { text?: string }).text ?? token.raw, context)
      case 'list':
        return readList(token, context)
      case 'code':
        return [readCode(token)]
      case 'blockquote':
        return [node('blockquote', filled(blocks((token as { tokens?: Token[] }).tokens ?? [], context)))]
      case 'hr':
        return [node('horizontalRule', [])]
      case 'table':
        return readTable(token, context)
      case 'html':
        context.onLoss?.('html', token.raw.trim().split('\n')[0] ?? '')
        return rawLines(token.raw)
      default:
        return []
    }
  })

const noteStart = /^ {0,3}\[(\^[^\]\s]{1,999})\]:/gm

/** The footnotes that are defined: links to the lexer where one word explains them, else paragraphs. */
const notesIn = (tokens: readonly Token[], links: LinkTable): ReadonlySet<string> => {
  const found = new Set(Object.keys(links).filter(label => label.startsWith('^')))
  const walk = (list: readonly Token[]): void => {
    for (const token of list) {
      const { tokens: inner, items } = token as { tokens?: Token[]; items?: Token[] }
      if (token.type === 'paragraph' || token.type === 'text') {
        for (const [, label] of token.raw.matchAll(noteStart)) found.add(label?.toLowerCase() ?? '')
      } else walk(inner ?? items ?? [])
    }
  }
  walk(tokens)
  return found
}

const delimiterRow = /^\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*(?::?-+:?[ \t]*)?$/

/** Does it have tables of so many cells? A wide head above many short rows would fill the memory. */
const tooWide = (markdown: string): boolean => {
  let cells = 0
  let columns = 0
  for (const line of markdown.split('\n')) {
    if (line.trim() === '') columns = 0
    else if (line.includes('|') && line.includes('-') && delimiterRow.test(line.replace(/^[ \t>]+/, ''))) {
      columns = Math.max(columns, line.split('|').length)
    }
    cells += columns
  }
  return cells > contentLimits.tableCells
}

/**
 * The content that `markdown` stands for; still to be checked against the model, like any other input. `onLoss` hears of
 * what is not kept. Throws UnreadableMarkdown when it is nested too deep, or its tables or one paragraph are too large.
 */
export const markdownToContent = (markdown: string, model: ContentModel = 'comment', onLoss?: OnLoss): ContentNode => {
  const source = markdown.replace(/\r\n?/g, '\n')
  if (tooWide(source)) {
    throw new UnreadableMarkdown(`Its tables have more than ${contentLimits.tableCells} cells.`)
  }
  try {
    const { tokens, links } = lexLines(source)
    const notes = onLoss && notesIn(tokens, links)
    return node('doc', blocks(tokens, { links, model, notes, onLoss }))
  } catch (error) {
    // the patterns of the lexer have a stack of their own, which a paragraph of some megabytes fills
    if (error instanceof RangeError) {
      throw new UnreadableMarkdown('A paragraph is too long: put empty lines into it.', { cause: error })
    }
    throw error
  }
}
