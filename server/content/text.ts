// Content → plain text and back, and what is named in it: people and files. Pure.
import { type Drawing, readDrawing } from './drawio.ts'
import type { ContentNode } from './model.ts'

/** A string attribute of a node; empty when it is none. */
export const attribute = (node: ContentNode, name: string): string => {
  const value = node.attrs?.[name]
  return typeof value === 'string' ? value : ''
}

const inlineText = (node: ContentNode): string => {
  switch (node.type) {
    case 'text':
      return node.text ?? ''
    case 'hardBreak':
      return '\n'
    case 'mention':
      return `@${attribute(node, 'label')}`
    case 'image':
      return attribute(node, 'alt')
    default:
      return ''
  }
}

const isInline = (node: ContentNode): boolean => ['text', 'hardBreak', 'mention'].includes(node.type)

const drawingLines = (drawing: Drawing | undefined): string[] => [
  ...(drawing?.labels ?? []),
  ...(drawing?.connections ?? []).map(one => one.label).filter(label => label !== ''),
]

const linesOf = (node: ContentNode): string[] => {
  const children = node.content ?? []
  if (node.type === 'drawio') return drawingLines(readDrawing(node.attrs?.xml))
  if (node.type === 'tableRow') return [children.map(cell => linesOf(cell).join(' ')).join('\t')]
  if (children.length === 0) return [inlineText(node)].filter(own => own !== '')
  const out: string[] = []
  let run = ''
  const close = (): void => {
    if (run !== '') for (const line of run.split('\n')) out.push(line)
    run = ''
  }
  // an unknown node may hold inline content and blocks side by side
  for (const child of children) {
    if (isInline(child)) run += inlineText(child)
    else {
      close()
      for (const line of linesOf(child)) out.push(line)
    }
  }
  close()
  return out
}

/** One line per block and list item, rows of tables with tabs between their cells; no markup. */
export const plainText = (content: ContentNode): string => linesOf(content).join('\n').trim()

/** Content that says `text`: a paragraph for each of its lines. */
export const textToContent = (text: string): ContentNode => ({
  type: 'doc',
  content: text
    .split('\n')
    .map(line => ({ type: 'paragraph', ...(line === '' ? {} : { content: [{ type: 'text', text: line }] }) })),
})

/** The beginning of a plain text on one line, at most 300 characters, ending with a whole word where there is one. */
export const excerptOf = (plain: string, limit = 300): string => {
  // enough for the answer, whatever the length of the text
  const flat = plain
    .slice(0, limit * 20)
    .replace(/\s+/g, ' ')
    .trim()
  if (flat.length <= limit) return flat
  const cut = flat.slice(0, limit - 1)
  const space = cut.lastIndexOf(' ')
  const kept = space > limit / 2 ? cut.slice(0, space) : cut
  // never half of a surrogate pair
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}…`
}

const segmenter = new Intl.Segmenter('und', { granularity: 'word' })
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u

/** Words of a plain text: what stands between spaces and has a letter or digit; scripts without spaces by dictionary. */
export const wordCount = (plain: string): number => {
  let count = 0
  for (const [token] of plain.matchAll(/\S+/g)) {
    if (unspaced.test(token)) for (const part of segmenter.segment(token)) count += part.isWordLike ? 1 : 0
    else if (/[\p{L}\p{N}]/u.test(token)) count += 1
  }
  return count
}

const collect = (content: ContentNode, idOf: (node: ContentNode) => string): string[] => {
  const found = new Set<string>()
  const walk = (node: ContentNode): void => {
    const id = idOf(node)
    if (id !== '') found.add(id.toLowerCase())
    node.content?.forEach(walk)
  }
  walk(content)
  return [...found]
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const idIn = (value: string): string => (uuid.test(value) ? value : '')

/** Ids of mentioned people, each once, in order of appearance, lower case; what is no id is left out. */
export const mentionedIds = (content: ContentNode): string[] =>
  collect(content, node => (node.type === 'mention' ? idIn(attribute(node, 'id')) : ''))

const fileLink = 'skerry-file:'

const linkedFile = (node: ContentNode): string => {
  const href = node.marks?.find(mark => mark.type === 'link')?.attrs?.href
  return typeof href === 'string' && href.startsWith(fileLink) ? idIn(href.slice(fileLink.length)) : ''
}

/** Ids of the files in the content: images, drawings and links to files; each once, lower case. */
export const attachmentIdsIn = (content: ContentNode): string[] =>
  collect(content, node =>
    node.type === 'image' || node.type === 'drawio' ? idIn(attribute(node, 'attachmentId')) : linkedFile(node),
  )

/** `content` with mentions of people for whom `keep` is false turned into their text. */
export const keepMentions = (content: ContentNode, keep: (id: string) => boolean): ContentNode => {
  if (content.type === 'mention' && !keep(attribute(content, 'id').toLowerCase())) {
    return { type: 'text', text: inlineText(content) }
  }
  return content.content ? { ...content, content: content.content.map(child => keepMentions(child, keep)) } : content
}
