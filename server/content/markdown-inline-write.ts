// Inline content → Markdown: marks nested in one order, and whatever text would be read as markup escaped. Pure.
// It is the reverse of markdown-inline.ts; both hold to CommonMark's rules of flanking delimiters.
import { firstCharacter, isPunctuation, isSpace, lastCharacter, longestTicks } from './markdown-chars.ts'
import { personIdIn } from './markdown-links.ts'
import { type ContentNode, isAllowedHref, type Mark } from './model.ts'
import { attribute } from './text.ts'
import { tidyMarks } from './yjs-content.ts'

/** Where inline content is written: headings and cells are one line, cells also escape pipes. */
export type Place = 'paragraph' | 'heading' | 'cell'

const carried = new Set(['underline', 'bold', 'italic', 'strike', 'code'])

/** The mark as Markdown carries it: of a link where it leads and its title. */
const carriedMark = ({ type, attrs }: Mark): Mark[] => {
  if (type !== 'link') return carried.has(type) ? [{ type }] : []
  if (!isAllowedHref(attrs?.href)) return []
  return [{ type, attrs: { href: attrs?.href, ...(attrs?.title ? { title: attrs.title } : {}) } }]
}

/** A line break that needs no line of its own: read back as one, shown as a space by other readers. */
const inlineBreak = '&#10;'

const reference = (character: string): string => `&#${character.codePointAt(0) ?? 32};`

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'open' | 'close'; readonly mark: Mark }
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'break' }

const sameMarks = (a: readonly Mark[], b: readonly Mark[] = []): boolean =>
  a.length === b.length && (a.length === 0 || JSON.stringify(a) === JSON.stringify(b))

const sameMark = (a: Mark, b: Mark | undefined): boolean => JSON.stringify(a) === JSON.stringify(b)

const cleanText = (text: string): string =>
  /\p{Cc}/u.test(text) ? text.replace(/\r\n?/g, '\n').replace(/[^\P{Cc}\t\n]/gu, '') : text

/** Without empty texts; neighbours of the same marks are one: what is escaped depends on where a text ends. */
const joined = (nodes: readonly ContentNode[]): ContentNode[] => {
  const out: ContentNode[] = []
  for (const node of nodes) {
    const last = out.at(-1)
    if (node.type !== 'text' || last?.type !== 'text' || !sameMarks(node.marks ?? [], last.marks)) {
      if (node.type !== 'text' || node.text) out.push(node)
    } else out[out.length - 1] = { ...last, text: (last.text ?? '') + (node.text ?? '') }
  }
  return out
}

/** Text nodes with the marks that Markdown carries, equal neighbours joined; line feeds in text are breaks. */
const prepare = (nodes: readonly ContentNode[], place: Place): ContentNode[] => {
  const out: ContentNode[] = []
  for (const node of nodes) {
    if (node.type !== 'text') {
      out.push(node)
      continue
    }
    let marks = tidyMarks(node.marks).flatMap(carriedMark)
    // a pipe behind a backslash cannot be told in a cell's code
    if (place === 'cell' && /\\\|/.test(node.text ?? '')) marks = marks.filter(mark => mark.type !== 'code')
    const code = marks.some(mark => mark.type === 'code')
    const lines = code ? [cleanText(node.text ?? '').replaceAll('\n', ' ')] : cleanText(node.text ?? '').split('\n')
    for (const [index, text] of lines.entries()) {
      if (index > 0) out.push({ type: 'hardBreak' })
      out.push({ type: 'text', text, marks })
    }
  }
  return joined(out)
}

const has = (node: ContentNode | undefined, type: string): boolean =>
  node?.marks?.some(mark => mark.type === type) ?? false

const without = (node: ContentNode, type: string, text: string): ContentNode => ({
  ...node,
  text,
  marks: (node.marks ?? []).filter(mark => mark.type !== type),
})

const spaceAtEnd = (text: string): string => text.slice(text.trimEnd().length)

/** Space at the edges of emphasis stands outside of it: inside, the delimiters would be text. */
const trimEmphasis = (nodes: readonly ContentNode[]): readonly ContentNode[] => {
  let list = nodes
  for (const type of ['bold', 'italic', 'strike']) {
    if (!list.some(node => has(node, type))) continue
    const trimmed: ContentNode[] = []
    const atEdge = (node: ContentNode, edge: ContentNode | undefined): boolean =>
      has(node, type) && !has(node, 'code') && !has(edge, type)
    let before: ContentNode | undefined
    for (const node of list) {
      const lead = atEdge(node, before) ? (/^\s+/.exec(node.text ?? '')?.[0] ?? '') : ''
      if (lead !== '') trimmed.push(without(node, type, lead))
      const rest = lead === '' ? node : { ...node, text: (node.text ?? '').slice(lead.length) }
      if (rest.text !== '') {
        trimmed.push(rest)
        before = rest
      }
    }
    const backwards: ContentNode[] = []
    let after: ContentNode | undefined
    for (const node of trimmed.toReversed()) {
      const tail = atEdge(node, after) ? spaceAtEnd(node.text ?? '') : ''
      if (tail !== '') backwards.push(without(node, type, tail))
      const rest = tail === '' ? node : { ...node, text: (node.text ?? '').slice(0, -tail.length) }
      if (rest.text !== '') {
        backwards.push(rest)
        after = rest
      }
    }
    list = backwards.toReversed()
  }
  return joined(list)
}

const codeSpan = (text: string): string => {
  const fence = '`'.repeat(longestTicks(text) + 1)
  const pad = /^`|`$/.test(text) || (/^ .* $/s.test(text) && text.trim() !== '') ? ' ' : ''
  return `${fence}${pad}${text}${pad}${fence}`
}

const destination = (href: string): string => {
  // what URLs leave out
  const safe = href.replace(/[\t\n\r]/g, '').replace(/\\(?=[!-/:-@[-`{-~]|$)|&(?=#?\w+;)/g, '\\$&')
  return /[\s<>()]/.test(safe) || safe === '' ? `<${safe.replace(/[<>]/g, '\\$&')}>` : safe
}

/** `[text](href "title")` behind the text. */
const linkEnd = ({ attrs }: Mark): string => {
  const title = typeof attrs?.title === 'string' ? cleanText(attrs.title).replaceAll('\n', ' ') : ''
  const quoted = title === '' ? '' : ` "${title.replace(/["\\]|&(?=#?\w+;)/g, '\\$&')}"`
  return `](${destination(String(attrs?.href))}${quoted})`
}

/** Escapes what is markup anywhere in a line; brackets too when the text stands inside a link. */
export const escapeText = (text: string, inLink = false): string => {
  // most text has no sign of any markup
  if (!/[\\`*_~<&![\]:]/.test(text)) return text
  const escaped = text
    .replace(/\\(?=[!-/:-@[-`{-~]|$)/g, '\\\\')
    .replace(/`/g, '\\`')
    .replace(/\*(?!(?<=\s\*)\s)/g, '\\*')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replace(/~(?=~)|(?<=~)~|^~|~$/g, '\\~')
    .replace(/<(?=[A-Za-z/!?])/g, '\\<')
    .replace(/&(?=#?[A-Za-z0-9]+;)/g, '\\&')
    .replace(/!(?=\[)/g, '\\!')
    .replace(/(https?)(?=:\/\/)/gi, '$1\\')
  return inLink ? escaped.replace(/[[\]]/g, '\\$&') : escaped.replace(/\](?=[(])|\]$/g, '\\]')
}

/** Escapes what is markup only where a line begins. */
const escapeLineStart = (line: string): string =>
  line
    .replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2')
    .replace(/^(#{1,6})(?=\s|$|#)/, '\\$1')
    .replace(/^[-+](?![\p{L}\p{N}])/u, '\\$&')
    .replace(/^[=>|[]/, '\\$&')
    .replace(/^:(?=[-|\s])/, '\\:')

const mention = (node: ContentNode): string => {
  const label = cleanText(attribute(node, 'label')).replaceAll('\n', ' ')
  return `[@${escapeText(label, true)}](skerry-user:${attribute(node, 'id')})`
}

/** Nodes as text, delimiters and finished pieces, marks opened and closed like brackets. */
const pieces = (nodes: readonly ContentNode[]): Piece[] => {
  const out: Piece[] = []
  let open: Mark[] = []
  const change = (wanted: readonly Mark[]): void => {
    let kept = 0
    while (kept < open.length && kept < wanted.length && sameMark(open[kept] as Mark, wanted[kept])) kept += 1
    for (const mark of open.slice(kept).toReversed()) out.push({ kind: 'close', mark })
    for (const mark of wanted.slice(kept)) out.push({ kind: 'open', mark })
    open = [...wanted]
  }
  for (const node of nodes) {
    const code = has(node, 'code')
    change((node.marks ?? []).filter(mark => mark.type !== 'code'))
    if (node.type === 'text') {
      out.push(code ? { kind: 'raw', text: codeSpan(node.text ?? '') } : { kind: 'text', text: node.text ?? '' })
    } else if (node.type === 'hardBreak') out.push({ kind: 'break' })
    else if (node.type === 'mention') out.push({ kind: 'raw', text: mention(node) })
  }
  change([])
  return out
}

const wordEnd = (piece: Piece | undefined): boolean => piece?.kind === 'text' && isWord(lastCharacter(piece.text))
const wordStart = (piece: Piece | undefined): boolean => piece?.kind === 'text' && isWord(firstCharacter(piece.text))
const isWord = (character: string): boolean => !isSpace(character) && !isPunctuation(character)

const isPunctuated = (piece: Piece | undefined, edge: 'start' | 'end'): boolean => {
  if (!piece || piece.kind === 'break') return false
  return piece.kind !== 'text' || !(edge === 'start' ? wordStart(piece) : wordEnd(piece))
}

const isSpaced = (text: string): boolean => text !== '' && isSpace(lastCharacter(text))

const emphasis: ReadonlyMap<string, string> = new Map([
  ['bold', '**'],
  ['italic', '_'],
  ['strike', '~~'],
])

/** Index of the piece that closes what opens at `index`. */
const closingOf = (list: readonly Piece[], index: number): number => {
  let depth = 0
  for (let at = index; at < list.length; at += 1) {
    const kind = list[at]?.kind
    if (kind === 'open') depth += 1
    if (kind === 'close' && (depth -= 1) === 0) return at
  }
  return list.length
}

/** `*` for emphasis inside a word, where `_` is none; elsewhere `_`. By index of the piece. */
const italicSigns = (list: readonly Piece[]): Map<number, string> => {
  const signs = new Map<number, string>()
  for (const [index, piece] of list.entries()) {
    if (piece.kind !== 'open' || piece.mark.type !== 'italic') continue
    const end = closingOf(list, index)
    const inWord = wordEnd(list[index - 1]) || wordStart(list[end + 1])
    const alone = [index - 1, index + 1, end - 1, end + 1].every(at => {
      const kind = list[at]?.kind
      return kind !== 'open' && kind !== 'close'
    })
    const sign = inWord && alone && wordStart(list[index + 1]) && wordEnd(list[end - 1]) ? '*' : '_'
    signs.set(index, sign)
    signs.set(end, sign)
  }
  return signs
}

/** Inline content as Markdown. `start`: does it begin a line? (a cell does not) */
export const writeInline = (nodes: readonly ContentNode[], place: Place = 'paragraph'): string => {
  const list = pieces(trimEmphasis(prepare(nodes, place)))
  const signs = italicSigns(list)
  let out = ''
  let inLink = false
  let linksPerson = false
  let lineStart = place === 'paragraph'
  let lineEmpty = true
  // a word that touches emphasis on its outer side, where that begins or ends with punctuation
  const guardFirst = new Set<number>()
  const guardLast = new Set<number>()
  // a text of one letter that is protected on one side is none on the other
  const isReference = (piece: Piece | undefined): boolean =>
    piece?.kind === 'text' && firstCharacter(piece.text) === piece.text
  for (const [index, piece] of [...list.entries()].toReversed()) {
    const sign = piece.kind === 'open' && (signs.get(index) ?? emphasis.get(piece.mark.type))
    const next = list[index + 1]
    const isSign = isPunctuated(next, 'start') || (guardLast.has(index + 1) && isReference(next))
    if (sign && wordEnd(list[index - 1]) && (sign === '_' || isSign)) guardLast.add(index - 1)
  }
  for (const [index, piece] of list.entries()) {
    const sign = piece.kind === 'close' && (signs.get(index) ?? emphasis.get(piece.mark.type))
    const before = list[index - 1]
    const isSign = isPunctuated(before, 'end') || (guardFirst.has(index - 1) && isReference(before))
    if (sign && wordStart(list[index + 1]) && (sign === '_' || isSign)) guardFirst.add(index + 1)
  }
  for (const [index, piece] of list.entries()) {
    if (piece.kind === 'break') {
      const next = list[index + 1]
      const onLine: boolean =
        place === 'paragraph' && !lineEmpty && !inLink && next !== undefined && next.kind !== 'break'
      out += onLine ? '  \n' : inlineBreak
      lineStart = onLine
      lineEmpty = onLine
      continue
    }
    if (piece.kind === 'text') {
      const atStart = lineStart || ['open', undefined].includes(list[index - 1]?.kind)
      const atEnd = ['close', 'break', undefined].includes(list[index + 1]?.kind)
      const guardsHead = guardFirst.has(index) || (atStart && /^\s/.test(piece.text))
      const head = guardsHead ? firstCharacter(piece.text) : ''
      const rest = piece.text.slice(head.length)
      const guardsTail = guardLast.has(index) || (atEnd && isSpaced(rest))
      const tail = guardsTail ? lastCharacter(rest) : ''
      let text = escapeText(rest.slice(0, rest.length - tail.length), inLink)
      const next = list[index + 1]
      if (tail === '') {
        const bracket =
          (next?.kind === 'open' && next.mark.type === 'link') || (next?.kind === 'raw' && next.text.startsWith('['))
        if (bracket) text = text.replace(/!$/, '\\!')
      }
      if (lineStart && head === '') text = escapeLineStart(text)
      if (linksPerson && text.startsWith('@') && list[index - 1]?.kind === 'open') text = `\\${text}`
      out += `${head === '' ? '' : reference(head)}${text}${tail === '' ? '' : reference(tail)}`
    } else if (piece.kind === 'raw') out += piece.text
    else if (piece.mark.type === 'link') {
      inLink = piece.kind === 'open'
      // a link to a person whose text begins like a mention
      linksPerson = inLink && personIdIn(String(piece.mark.attrs?.href)) !== undefined
      out += inLink ? '[' : linkEnd(piece.mark)
    } else if (piece.mark.type === 'underline') out += piece.kind === 'open' ? '<u>' : '</u>'
    else out += signs.get(index) ?? emphasis.get(piece.mark.type) ?? ''
    lineStart = false
    lineEmpty = false
  }
  if (place === 'heading') return out.replace(/#$/, '\\#')
  return place === 'cell' ? out.replaceAll('|', '\\|') : out
}
