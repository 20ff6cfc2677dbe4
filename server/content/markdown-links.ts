// The links of Markdown: their targets in the text, and what they are to Skerry (a link, a person, a stored file). Pure.
import { entityText } from './entities.ts'
import { isEscapable } from './markdown-chars.ts'
import { contentLimits, isAllowedHref, type Mark } from './model.ts'

/** Where a link leads, and where its text in the source ends. */
export interface Target {
  readonly href: string
  readonly title: string
  readonly end: number
}

const longestTarget = contentLimits.attribute

/** As much of a text as an attribute holds. */
export const shortened = (text: string): string => text.slice(0, longestTarget).toWellFormed()

/** Matches a sticky pattern at one place. */
export const matchAt = (pattern: RegExp, source: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(source)
}

/** Text without its backslashes and with its references read. */
export const unescape = (text: string): string =>
  text.replace(
    /\\([!-/:-@[-`{-~])|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});/g,
    (found, escaped: string | undefined) => escaped ?? entityText(found) ?? found,
  )

const anglePattern = /<((?:[^\\<>\n]|\\.){0,2000})>/y
const titlePattern =
  /"((?:[^\\"]|\\[\s\S]){0,2000})"|'((?:[^\\']|\\[\s\S]){0,2000})'|\(((?:[^\\()]|\\[\s\S]){0,2000})\)/y
const gapPattern = /[ \t]*\n?[ \t]*/y

/** Levels of parentheses in a target, as in CommonMark's own reader. */
const nestedParentheses = 32

/** `(href "title")` at `at`. */
export const targetAt = (source: string, at: number): Target | undefined => {
  if (source[at] !== '(') return undefined
  const skip = (from: number): number => from + (matchAt(gapPattern, source, from)?.[0].length ?? 0)
  let end = skip(at + 1)
  const angle = matchAt(anglePattern, source, end)
  let href = angle?.[1] ?? ''
  if (angle) end += angle[0].length
  else {
    const start = end
    let depth = 0
    for (; end < source.length && end - start <= longestTarget; end += 1) {
      const character = source[end] ?? ''
      if (character === '\\' && isEscapable(source[end + 1] ?? '')) end += 1
      else if (/[\s<]/.test(character)) break
      else if (character === '(' && (depth += 1) > nestedParentheses) return undefined
      else if (character === ')' && (depth -= 1) < 0) break
    }
    href = source.slice(start, end)
  }
  const next = skip(end)
  const title = next > end ? matchAt(titlePattern, source, next) : null
  const close = title ? skip(next + title[0].length) : next
  if (source[close] !== ')') return undefined
  return { href: unescape(href), title: unescape(title?.[1] ?? title?.[2] ?? title?.[3] ?? ''), end: close + 1 }
}

const endings = new Set('?!.,:*_~\'";')

/** A link without the punctuation that ends the sentence around it, and without parentheses that it does not open. */
const trimLink = (found: string): string => {
  let unopened = 0
  for (const character of found) unopened += character === ')' ? 1 : character === '(' ? -1 : 0
  let end = found.length
  for (; end > 0; end -= 1) {
    const last = found[end - 1] ?? ''
    if (last === ')' && unopened > 0) unopened -= 1
    else if (!endings.has(last)) break
  }
  return found.slice(0, end)
}

const urlPattern = /https?:\/\/[^\s<]{1,1990}/iy

/** The bare link that begins at `at`; empty when there is none. */
export const bareLinkAt = (source: string, at: number): string => {
  const link = trimLink(matchAt(urlPattern, source, at)?.[0] ?? '')
  return link.length > 8 && isAllowedHref(link) ? link : ''
}

const fileId = /^skerry-file:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i

/** The id of the stored file that a target names; undefined when it names none. */
export const fileIdIn = (href: string): string | undefined => fileId.exec(href)?.[1]

const mentionId = /^skerry-user:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i

/** The id of the person that a target names; undefined when it names none. */
export const personIdIn = (href: string): string | undefined => mentionId.exec(href)?.[1]

/** What a document does not keep as it stands in Markdown. */
export type Loss = 'link' | 'scheme' | 'image' | 'footnote' | 'html'

/** Hears of everything that is not kept: its kind, and what stands in the source. */
export type OnLoss = (kind: Loss, what: string) => void

/** The kind of loss that a link is which may not lead where its source says. */
export const lossOf = (href: string): Loss => (/^[a-z][a-z0-9+.-]*:/i.test(href.trim()) ? 'scheme' : 'link')

/**
 * What a link that may lead nowhere says behind its text: its target, where that is a path or a place on the page, which an
 * import would lose otherwise; '' where the text is the target. Other schemes are dropped (domain rules, section 8.7).
 */
export const lostTarget = (text: string, href: string): string => {
  if (lossOf(href) === 'scheme') return ''
  const target = shortened(href.replace(/\s+/g, ' ').trim())
  if (text.trim() === '') return target
  return target === '' || target === text.trim() ? '' : ` (${target})`
}

/** The link mark for a target; undefined where it may not lead. */
export const linkMark = (href: string, title: string): Mark | undefined => {
  if (!isAllowedHref(href)) return undefined
  return { type: 'link', attrs: { href, ...(title === '' ? {} : { title: shortened(title) }) } }
}
