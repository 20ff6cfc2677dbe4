// Runs of `*`, `_` and `~~` → which of them belong together (CommonMark, appendix on nested emphasis). Pure; linear: what
// a closer has looked for in vain is remembered.
import { isPunctuation, isSpace } from './markdown-chars.ts'
import type { Span } from './markdown-spans.ts'
import type { Mark } from './model.ts'

/** A run that may open or close; a place among the runs to come back to. */
export interface Delimiter {
  readonly item: number
  readonly char: string
  readonly length: number
  readonly canOpen: boolean
  readonly canClose: boolean
  count: number
  prev: Delimiter | undefined
  next: Delimiter | undefined
}

const emphasisMark = (char: string, used: number): Mark => {
  if (char === '~') return { type: 'strike' }
  return { type: used === 2 ? 'bold' : 'italic' }
}

const openerOf = (
  closer: Delimiter,
  bottom: Delimiter | undefined,
  known: Delimiter | undefined,
): Delimiter | undefined => {
  for (let opener = closer.prev; opener && opener !== bottom && opener !== known; opener = opener.prev) {
    if (opener.char !== closer.char || !opener.canOpen) continue
    const both = opener.canClose || closer.canOpen
    const odd = both && (opener.length + closer.length) % 3 === 0
    if (closer.char === '~' || !odd || (opener.length % 3 === 0 && closer.length % 3 === 0)) return opener
  }
  return undefined
}

/** The runs of one pass that are not paired yet. */
export class Delimiters {
  #last: Delimiter | undefined

  /** The last run so far. */
  get last(): Delimiter | undefined {
    return this.#last
  }

  /** A run of `length` times `char` whose text is item number `item`, between the characters `before` and `after`. */
  add(run: {
    readonly item: number
    readonly char: string
    readonly length: number
    readonly before: string
    readonly after: string
  }): void {
    const { item, char, length, before, after } = run
    const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before))
    const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after))
    const inWord = char === '_' && left && right
    const usable = char !== '~' || length === 2
    const canOpen = usable && left && (!inWord || isPunctuation(before))
    const canClose = usable && right && (!inWord || isPunctuation(after))
    if (!canOpen && !canClose) return
    const delimiter = { item, char, length, canOpen, canClose, count: length, prev: this.#last, next: undefined }
    if (this.#last) this.#last.next = delimiter
    this.#last = delimiter
  }

  /** Pairs and forgets the runs above `bottom`: takes what is used from the texts, and adds the spans between. */
  pair(bottom: Delimiter | undefined, items: readonly { text: string }[], spans: Span[]): void {
    const searched = new Map<string, Delimiter | undefined>()
    let closer = this.#last
    while (closer && closer !== bottom && closer.prev !== bottom) closer = closer.prev
    if (closer === bottom) return
    while (closer) {
      if (!closer.canClose) {
        closer = closer.next
        continue
      }
      const key = `${closer.char}${closer.canOpen}${closer.length % 3}`
      const opener = openerOf(closer, bottom, searched.get(key))
      if (!opener) {
        const next: Delimiter | undefined = closer.next
        if (closer.prev !== bottom) searched.set(key, closer.prev)
        if (!closer.canOpen) this.#remove(closer)
        closer = next
        continue
      }
      const used = opener.count >= 2 && closer.count >= 2 ? 2 : 1
      spans.push({ from: opener.item + 1, to: closer.item, mark: emphasisMark(closer.char, used) })
      for (let between = closer.prev; between && between !== opener; between = between.prev) this.#remove(between)
      for (const side of [opener, closer]) {
        side.count -= used
        const item = items[side.item]
        if (item) item.text = item.text.slice(used)
      }
      if (opener.count === 0) this.#remove(opener)
      if (closer.count === 0) {
        const next: Delimiter | undefined = closer.next
        this.#remove(closer)
        closer = next
      }
    }
    while (this.#last && this.#last !== bottom) this.#remove(this.#last)
  }

  #remove(delimiter: Delimiter): void {
    if (delimiter.prev) delimiter.prev.next = delimiter.next
    if (delimiter.next) delimiter.next.prev = delimiter.prev
    else this.#last = delimiter.prev
  }
}
