// Content → Markdown (domain rules, section 8.7). Pure, and total: unknown nodes stand for their children. What Markdown
// has no sign for (colours, alignment, spans of cells, empty paragraphs) is left out.
import { readDrawing } from './drawio.ts'
import { longestTicks } from './markdown-chars.ts'
import { escapeText, writeInline } from './markdown-inline-write.ts'
import { type ContentNode, contentLimits } from './model.ts'
import { attribute, plainText } from './text.ts'

const inlineTypes = new Set(['text', 'hardBreak', 'mention'])

const children = (node: ContentNode): readonly ContentNode[] => node.content ?? []

const codeLines = (node: ContentNode): string[] => {
  const text = children(node)
    .map(child => (child.type === 'hardBreak' ? '\n' : (child.text ?? '')))
    .join('')
    .replace(/\r\n?/g, '\n')
  const fence = '`'.repeat(Math.max(3, longestTicks(text) + 1))
  const language = attribute(node, 'language')
    .replace(/[`\s]+/g, ' ')
    .trim()
    .replace(/\\(?=[\p{P}\p{S}])/gu, '\\\\')
  return [`${fence}${language}`, ...(text === '' ? [] : text.split('\n')), fence]
}

const indented = (lines: readonly string[], marker: string): string[] =>
  lines.map((line, index) =>
    index === 0
      ? line === ''
        ? marker.trimEnd()
        : `${marker}${line}`
      : line === ''
        ? ''
        : `${' '.repeat(marker.length)}${line}`,
  )

interface Sign {
  readonly bullet: '-' | '*'
  readonly order: '.' | ')'
}

const checkbox = (item: ContentNode): string => (item.attrs?.checked === true ? '[x] ' : '[ ] ')

const isEmpty = (node: ContentNode): boolean => node.type === 'paragraph' && children(node).length === 0

/** Lines of one item; a nested list follows its paragraph without a blank line. */
const itemLines = (item: ContentNode, marker: string, box: string): string[] => {
  const rest = children(item).filter(block => !isEmpty(block))
  const first = rest[0]?.type === 'paragraph' ? rest.shift() : undefined
  const head = first === undefined ? [] : blocks([first])
  // three bullets in one line would be a rule: a list without a text above it takes the other sign
  const tail = blocks(rest, head.length === 0 && marker === '- ' ? '*' : '-')
  // only a list that may interrupt a paragraph follows it directly
  const tight =
    head.length === 0 || (rest[0]?.type.endsWith('List') === true && /^(?:[-*]|1[.)]) \S/.test(tail[0] ?? ''))
  const lines = tail.length === 0 ? head : [...head, ...(tight ? [] : ['']), ...tail]
  if (box === '') {
    // `- ---` would be a rule, not an item
    const [line = '', ...more] = lines
    return indented([line === '---' && marker === '- ' ? '***' : line, ...more], marker)
  }
  // without a text of its own the box stands alone in its line
  if (head.length > 0) return indented([`${box}${lines[0] ?? ''}`, ...lines.slice(1)], marker)
  return indented(lines.length > 0 ? [box.trimEnd(), '', ...lines] : [box.trimEnd()], marker)
}

const listLines = (list: ContentNode, sign: Sign): string[] => {
  const start = list.attrs?.start
  let number = typeof start === 'number' ? start : 1
  return children(list).flatMap(item => {
    const marker = list.type === 'orderedList' ? `${number++}${sign.order} ` : `${sign.bullet} `
    return itemLines(item, marker, list.type === 'taskList' ? checkbox(item) : '')
  })
}

const cellText = (cell: ContentNode): string => {
  const parts = children(cell).flatMap(block => {
    if (block.type === 'paragraph') return [writeInline(children(block), 'cell')]
    if (block.type === 'image') return [imageText(block).replaceAll('|', '\\|')]
    // other blocks cannot stand in a cell: their text does
    return plainText(block)
      .split('\n')
      .map(line => writeInline([{ type: 'text', text: line }], 'cell'))
  })
  return parts.join('<br>')
}

const spanOf = (cell: ContentNode, name: 'colspan' | 'rowspan', most: number): number => {
  const span = cell.attrs?.[name]
  return typeof span === 'number' && Number.isInteger(span) && span > 1 && span <= most ? span : 1
}

/** The cells of each row; what a wide or tall cell covers is empty, so that the others stand where they do on screen. */
const cellRows = (table: ContentNode): string[][] => {
  let covered: number[] = []
  let room: number = contentLimits.tableCells
  return children(table).map(row => {
    const cells: string[] = []
    const below: number[] = []
    const skip = (): void => {
      for (let rows = covered[cells.length] ?? 0; rows > 0 && room > 0; rows = covered[cells.length] ?? 0) {
        room -= 1
        below.push(rows - 1)
        cells.push('')
      }
    }
    for (const cell of children(row)) {
      skip()
      const end = cells.length + spanOf(cell, 'colspan', 100)
      for (let text = cellText(cell); cells.length < end; text = '') {
        below.push(spanOf(cell, 'rowspan', 1000) - 1)
        cells.push(text)
      }
    }
    skip()
    covered = below
    return cells
  })
}

const tableLines = (table: ContentNode): string[] => {
  const [head = [], ...body] = cellRows(table)
  const columns = body.reduce((most, row) => Math.max(most, row.length), Math.max(1, head.length))
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const wide = (fill: (index: number) => string): string => line(Array.from({ length: columns }, (_, at) => fill(at)))
  // readers fill shorter rows up; of what they do not read, rows stay short
  const isReadable = (columns + 2) * (body.length + 1) <= contentLimits.tableCells
  return [
    wide(at => head[at] ?? ''),
    wide(() => '---'),
    ...body.map(row => (isReadable ? wide(at => row[at] ?? '') : line(row))),
  ]
}

const imageText = (node: ContentNode): string => {
  const alt = escapeText(attribute(node, 'alt').replace(/\s+/g, ' ').trim(), true)
  return `![${alt}](skerry-file:${attribute(node, 'attachmentId')})`
}

const drawingNodes = (node: ContentNode): ContentNode[] => {
  const drawing = readDrawing(node.attrs?.xml)
  const paragraph = (text: string): ContentNode => ({ type: 'paragraph', content: [{ type: 'text', text }] })
  if (!drawing) return [paragraph('(drawing that cannot be read)')]
  const lines = [
    ...drawing.labels,
    ...drawing.connections.map(one => `${one.source} --${one.label === '' ? '' : `[${one.label}]--`}> ${one.target}`),
  ]
  if (lines.length === 0) return [paragraph('(drawing without text)')]
  return [{ type: 'bulletList', content: lines.map(line => ({ type: 'listItem', content: [paragraph(line)] })) }]
}

const blockLines = (node: ContentNode, sign: Sign): string[] => {
  switch (node.type) {
    case 'heading': {
      const level = typeof node.attrs?.level === 'number' ? Math.min(6, Math.max(1, node.attrs.level)) : 1
      return [`${'#'.repeat(level)} ${writeInline(children(node), 'heading')}`.trimEnd()]
    }
    case 'bulletList':
    case 'orderedList':
    case 'taskList':
      return listLines(node, sign)
    case 'codeBlock':
      return codeLines(node)
    case 'blockquote': {
      const lines = blocks(children(node))
      return lines.length === 0 ? ['>'] : lines.map(line => (line === '' ? '>' : `> ${line}`))
    }
    case 'horizontalRule':
      return ['---']
    case 'image':
      return [imageText(node)]
    case 'table':
      return tableLines(node)
    default:
      return []
  }
}

/** A list right behind one of its kind takes the other sign: they stay two. */
const kindOfList = (node: ContentNode | undefined): string =>
  node?.type === 'taskList' || node?.type === 'bulletList' ? 'bullet' : node?.type === 'orderedList' ? 'order' : ''

/** Drawings and unknown nodes as the known blocks that stand for them; inline content gets a paragraph. */
const known = (nodes: readonly ContentNode[]): ContentNode[] => {
  const out: ContentNode[] = []
  let run: ContentNode[] = []
  const close = (): void => {
    if (run.length > 0) out.push({ type: 'paragraph', content: run })
    run = []
  }
  for (const node of nodes) {
    if (inlineTypes.has(node.type)) run.push(node)
    else {
      close()
      if (node.type === 'drawio') out.push(...drawingNodes(node))
      else if (knownBlocks.has(node.type)) out.push(node)
      else for (const inner of known(children(node))) out.push(inner)
    }
  }
  close()
  return out
}

const knownBlocks = new Set([
  'paragraph',
  'heading',
  'bulletList',
  'orderedList',
  'taskList',
  'codeBlock',
  'blockquote',
  'horizontalRule',
  'image',
  'table',
])

const blocks = (nodes: readonly ContentNode[], firstBullet: Sign['bullet'] = '-'): string[] => {
  const lines: string[] = []
  let sign: Sign = { bullet: '-', order: '.' }
  let before: ContentNode | undefined
  for (const node of known(nodes)) {
    const same = kindOfList(node) !== '' && kindOfList(node) === kindOfList(before)
    const flipped: Sign = { bullet: sign.bullet === '-' ? '*' : '-', order: sign.order === '.' ? ')' : '.' }
    const wanted: Sign = same ? flipped : { bullet: before === undefined ? firstBullet : '-', order: '.' }
    const text = node.type === 'paragraph' ? writeInline(children(node)) : ''
    const own = node.type === 'paragraph' ? (text === '' ? [] : text.split('\n')) : blockLines(node, wanted)
    if (own.length === 0) continue
    sign = wanted
    if (lines.length > 0) lines.push('')
    for (const line of own) lines.push(line)
    before = node
  }
  return lines
}

/** Content as Markdown, without a line feed at the end; empty for an empty document. */
export const contentToMarkdown = (content: ContentNode): string => blocks(children(content)).join('\n')
