// Inline Markdown → text with marks, breaks, mentions and images, after CommonMark with strikethrough and bare links.
// HTML is text, but for `<u>` and, in cells, `<br>`. Pure. Near linear for any input: every search has a bound or is
// remembered, since what arrives here may be ten megabytes of unclosed brackets.
import { entityText } from './entities.ts'
import { isEscapable, trimBlank, trimBlankEnd } from './markdown-chars.ts'
import { type Delimiter, Delimiters } from './markdown-emphasis.ts'
import {
  bareLinkAt,
  fileIdIn,
  linkMark,
  lossOf,
  lostTarget,
  matchAt,
  type OnLoss,
  personIdIn,
  shortened,
  type Target,
  targetAt,
  unescape,
} from './markdown-links.ts'
import { type Item, markedNodes, type Span } from './markdown-spans.ts'
import { type ContentNode, isAllowedHref } from './model.ts'

/** Where links named elsewhere lead: label in lower case → target. */
export type LinkTable = Readonly<Record<string, { readonly href?: string | null; readonly title?: string | null }>>

/** What inline content may need of its surroundings. */
export interface InlineContext {
  readonly links: LinkTable
  /** In a cell of a table `<br>` ends a paragraph: it becomes a node of type `cut`. */
  readonly cell?: boolean
  /** Footnotes that the text defines, `^label` in lower case: other brackets that begin so are what they look like. */
  readonly notes?: ReadonlySet<string> | undefined
  readonly onLoss?: OnLoss | undefined
}

interface Bracket {
  readonly item: number
  readonly at: number
  readonly image: boolean
  readonly spans: number
  readonly underlines: number
  readonly bottom: Delimiter | undefined
}

const textPattern = /[^\\\n`*_~[\]!<&hH]+/y
const entityPattern = /&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});/y
const autolinkPattern = /<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]{0,1960})>/y
const tagPattern = /<(u|\/u|br\s{0,8}\/?)>/iy
const htmlPattern = /<(?:\/?[a-z][a-z0-9-]{0,100}(?:[\s/][^<>]{0,500})?>|!--)/iy

/** Start of the next run of exactly so many backticks, by length; each list rises. */
const backticks = (source: string): Map<number, number[]> => {
  const runs = new Map<number, number[]>()
  for (const { 0: run, index } of source.matchAll(/`+/g)) {
    const list = runs.get(run.length)
    if (list) list.push(index)
    else runs.set(run.length, [index])
  }
  return runs
}

const firstAfter = (list: readonly number[], at: number): number | undefined => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] ?? 0) > at) high = middle
    else low = middle + 1
  }
  return list[low]
}

/** One pass over one stretch of inline source. */
class InlineReader {
  readonly #source: string
  readonly #context: InlineContext
  readonly #items: Item[] = []
  readonly #spans: Span[] = []
  readonly #brackets: Bracket[] = []
  readonly #underlines: number[] = []
  readonly #runs: Map<number, number[]>
  readonly #delimiters = new Delimiters()
  /** Brackets below this one may no longer become links: there is a link inside of them. */
  #closedBelow = 0
  #at = 0

  constructor(source: string, context: InlineContext) {
    this.#source = source
    this.#context = context
    this.#runs = backticks(source)
  }

  read(): ContentNode[] {
    while (this.#at < this.#source.length) this.#step()
    this.#delimiters.pair(undefined, this.#items, this.#spans)
    return markedNodes(this.#items, this.#spans)
  }

  #push(text: string, kind: Item['kind'], node?: ContentNode): void {
    this.#items.push({ text, kind, ...(node ? { node } : {}) })
  }

  /** A node that ends the text before it and begins another behind it: white space around it is none of theirs. */
  #block(node: ContentNode): void {
    const before = this.#items.at(-1)
    if (before?.kind === 'source') before.text = trimBlankEnd(before.text)
    this.#push('', 'node', node)
    while (/[ \t\n]/.test(this.#source[this.#at] ?? '')) this.#at += 1
  }

  #step(): void {
    const plain = matchAt(textPattern, this.#source, this.#at)
    if (plain) {
      this.#push(plain[0], 'source')
      this.#at += plain[0].length
    }
    const character = this.#source[this.#at]
    switch (character) {
      case undefined:
        return
      case '\\':
        return this.#backslash()
      case '\n':
        return this.#lineEnd()
      case '`':
        return this.#code()
      case '*':
      case '_':
      case '~':
        return this.#delimiter(character)
      case '[':
        return this.#open(false)
      case '!':
        if (this.#source[this.#at + 1] === '[') return this.#open(true)
        break
      case ']':
        return this.#close()
      case '<':
        return this.#tag()
      case '&':
        return this.#entity()
      default:
        return this.#bareLink(character)
    }
    this.#take(character)
  }

  #take(text: string): void {
    this.#push(text, 'source')
    this.#at += text.length
  }

  #backslash(): void {
    const next = this.#source[this.#at + 1] ?? ''
    if (next === '\n') {
      this.#at += 1
      this.#lineEnd(true)
    } else if (isEscapable(next)) {
      this.#push(next, 'text')
      this.#at += 2
    } else this.#take('\\')
  }

  #lineEnd(hard = false): void {
    const before = this.#items.at(-1)
    let spaces = 0
    if (before?.kind === 'source') {
      const kept = trimBlankEnd(before.text)
      spaces = before.text.length - kept.length
      before.text = kept
    }
    this.#at += 1
    while (/[ \t]/.test(this.#source[this.#at] ?? '')) this.#at += 1
    if (hard || spaces >= 2) this.#push('', 'node', { type: 'hardBreak' })
    else this.#push(' ', 'text')
  }

  #code(): void {
    const run = matchAt(/`+/y, this.#source, this.#at)?.[0] ?? '`'
    const start = this.#at + run.length
    const end = firstAfter(this.#runs.get(run.length) ?? [], this.#at)
    if (end === undefined) return this.#take(run)
    const text = this.#source.slice(start, end).replace(/\n[ \t]*/g, ' ')
    this.#push(/^ .* $/s.test(text) && text.trim() !== '' ? text.slice(1, -1) : text, 'code')
    this.#at = end + run.length
  }

  #delimiter(char: string): void {
    let end = this.#at
    while (this.#source[end] === char) end += 1
    const before = Array.from(this.#source.slice(Math.max(0, this.#at - 2), this.#at)).at(-1) ?? ''
    const after = this.#source.codePointAt(end)
    const next = after === undefined ? '' : String.fromCodePoint(after)
    this.#delimiters.add({ item: this.#items.length, char, length: end - this.#at, before, after: next })
    this.#take(this.#source.slice(this.#at, end))
  }

  #open(image: boolean): void {
    const sign = image ? '![' : '['
    this.#brackets.push({
      item: this.#items.length,
      at: this.#at + sign.length,
      image,
      spans: this.#spans.length,
      underlines: this.#underlines.length,
      bottom: this.#delimiters.last,
    })
    this.#take(sign)
  }

  #close(): void {
    const opener = this.#brackets.pop()
    const active = opener && (opener.image || this.#brackets.length >= this.#closedBelow)
    this.#closedBelow = Math.min(this.#closedBelow, this.#brackets.length)
    const target = active ? this.#target(opener) : undefined
    const isNote = opener !== undefined && target?.inline !== true && this.#isNote(opener)
    if (isNote) this.#context.onLoss?.('footnote', this.#source.slice(opener.at - 1, this.#at + 1))
    if (!opener || !target) return this.#take(']')
    this.#at = target.end
    this.#delimiters.pair(opener.bottom, this.#items, this.#spans)
    this.#underlines.length = Math.min(this.#underlines.length, opener.underlines)
    const inside = this.#items.slice(opener.item + 1)
    const text = inside.map(item => (item.node ? nodeText(item.node) : item.text)).join('')
    // without the sign, or where that is escaped, it is a link to a person, which mentions nobody
    const first = inside.find(item => item.text !== '' || item.node)
    const isMention = first?.kind === 'source' && first.text.startsWith('@')
    const person = isMention ? personIdIn(target.href) : undefined
    if (opener.image || person !== undefined) {
      this.#items.length = opener.item
      this.#spans.length = opener.spans
      const node: ContentNode = opener.image
        ? { type: 'image', attrs: { src: target.href, alt: shortened(text), title: target.title } }
        : { type: 'mention', attrs: { id: person, label: shortened(text.replace(/^@/, '')) } }
      if (opener.image && fileIdIn(target.href) !== undefined) this.#block(node)
      else this.#push('', 'node', node)
      return
    }
    this.#closedBelow = this.#brackets.length
    const bracket = this.#items[opener.item]
    if (bracket) bracket.text = ''
    const mark = linkMark(target.href, target.title)
    if (mark) this.#spans.push({ from: opener.item + 1, to: this.#items.length, mark })
    else {
      this.#push(lostTarget(text, target.href), 'text')
      if (!isNote) this.#context.onLoss?.(lossOf(target.href), target.href)
    }
  }

  #isNote(opener: Bracket): boolean {
    const { notes } = this.#context
    if (opener.image || notes === undefined || notes.size === 0 || this.#source[opener.at] !== '^') return false
    return notes.has(this.#source.slice(opener.at, Math.min(this.#at, opener.at + 1000)).toLowerCase())
  }

  #target(opener: Bracket): (Target & { readonly inline?: boolean }) | undefined {
    const inline = targetAt(this.#source, this.#at + 1)
    if (inline) return { ...inline, inline: true }
    const second = matchAt(/\[((?:[^\\[\]]|\\.){0,999})\]/y, this.#source, this.#at + 1)
    const own = this.#source.slice(opener.at, Math.min(this.#at, opener.at + 1000))
    const label = (second?.[1] || own).trim().replace(/\s+/g, ' ').toLowerCase()
    const found = Object.hasOwn(this.#context.links, label) ? this.#context.links[label] : undefined
    if (!found) return undefined
    return {
      href: unescape(found.href ?? ''),
      title: unescape(found.title ?? ''),
      end: this.#at + 1 + (second?.[0].length ?? 0),
    }
  }

  #tag(): void {
    const tag = matchAt(tagPattern, this.#source, this.#at)
    const name = tag?.[1]?.toLowerCase() ?? ''
    if (name === 'u') {
      this.#underlines.push(this.#items.length)
      return this.#take('<u>')
    }
    const start = name === '/u' ? this.#underlines.pop() : undefined
    if (start !== undefined) {
      const item = this.#items[start]
      if (item) item.text = ''
      this.#spans.push({ from: start + 1, to: this.#items.length, mark: { type: 'underline' } })
      this.#at += tag?.[0].length ?? 0
      return
    }
    if (name.startsWith('br') && this.#context.cell) {
      this.#at += tag?.[0].length ?? 0
      return this.#block({ type: 'cut' })
    }
    const link = matchAt(autolinkPattern, this.#source, this.#at)
    if (!link?.[1] || !isAllowedHref(link[1])) {
      const { onLoss } = this.#context
      const html = onLoss && matchAt(htmlPattern, this.#source, this.#at)?.[0]
      if (html !== undefined) onLoss?.('html', html)
      return this.#take('<')
    }
    this.#link(link[1], link[0].length)
  }

  #link(href: string, length: number): void {
    const mark = linkMark(href, '')
    if (mark) this.#spans.push({ from: this.#items.length, to: this.#items.length + 1, mark })
    this.#push(href, 'text')
    this.#at += length
  }

  #entity(): void {
    const found = matchAt(entityPattern, this.#source, this.#at)?.[0]
    const text = found === undefined ? undefined : entityText(found)
    if (found === undefined || text === undefined) return this.#take('&')
    if (text === '\n') this.#push('', 'node', { type: 'hardBreak' })
    else this.#push(text, 'text')
    this.#at += found.length
  }

  #bareLink(character: string): void {
    const before = this.#source[this.#at - 1] ?? ''
    const link = /[\p{L}\p{N}]/u.test(before) ? '' : bareLinkAt(this.#source, this.#at)
    if (link !== '') this.#link(link, link.length)
    else this.#take(character)
  }
}

const nodeText = (node: ContentNode): string => {
  const { alt, label } = node.attrs ?? {}
  if (node.type === 'mention') return `@${String(label)}`
  return node.type === 'image' ? String(alt) : ' '
}

/** Inline source as content. Images come as nodes of type `image` with `src`, `alt` and `title`: the caller finds their place. */
export const readInline = (source: string, context: InlineContext): ContentNode[] =>
  new InlineReader(trimBlank(source), context).read()
