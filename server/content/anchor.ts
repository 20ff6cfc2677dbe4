// Where a comment stands in a document: a range between two relative positions of Yjs, which move with the text around
// them, whoever edits it and in whatever order the edits arrive.
import * as Y from 'yjs'
import { must } from '#server/kernel/must.ts'
import { contentField } from './yjs-content.ts'

/** Two relative positions of Yjs, as base64. */
export interface Anchor {
  readonly start: string
  readonly end: string
}

/** Where a range lies now. */
export interface Place {
  /** Index of the top-level block in which it begins. */
  readonly block: number
  /** What it holds; texts of different paragraphs are joined by line breaks. */
  readonly text: string
}

const longestPlace = 2000

const encode = (position: Y.RelativePosition): string =>
  Buffer.from(Y.encodeRelativePosition(position)).toString('base64')

const decode = (text: string): Y.RelativePosition => Y.decodeRelativePosition(Buffer.from(text, 'base64'))

/** Is `text` a relative position at all? Whether the document knows it is another matter: its edit may still be on the way. */
export const isPosition = (text: string): boolean => {
  try {
    const { item, type, tname } = decode(text)
    // written again it is the same: nothing is left over behind it
    return (item !== null || type !== null || tname !== null) && encode(decode(text)) === text
  } catch {
    return false
  }
}

type Node = Y.XmlFragment | Y.XmlElement | Y.XmlText

const isNode = (value: unknown): value is Node => value instanceof Y.XmlFragment || value instanceof Y.XmlText

/** Characters of a text; what is not a character counts one, as in Yjs' own indexes. */
const charactersOf = (text: Y.XmlText): string =>
  (text.toDelta() as { insert: unknown }[])
    .map(({ insert }) => (typeof insert === 'string' ? insert : '\ufffc'))
    .join('')

const textsIn = function* (node: Node): Generator<Y.XmlText> {
  if (node instanceof Y.XmlText) yield node
  else for (const child of node.toArray()) if (isNode(child)) yield* textsIn(child)
}

/** A place in the order of all texts: before the character `at` of the text `text`. */
interface Point {
  readonly text: number
  readonly at: number
}

/** Where the nodes of a document lie in the order of its texts; walked once for all anchors. */
class Order {
  readonly #texts: { readonly node: Y.XmlText; readonly block: number }[] = []
  /** Of a node that is no text: how many texts come before each of its children, and at last before what follows it. */
  readonly #before = new Map<unknown, readonly number[]>()
  readonly #ordinals = new Map<unknown, number>()
  readonly #characters = new Map<number, string>()

  constructor(fragment: Y.XmlFragment) {
    for (const [block, child] of fragment.toArray().entries()) this.#walk(child, block)
    this.#note(fragment, 0)
  }

  #walk(node: unknown, block: number): void {
    if (node instanceof Y.XmlText) {
      this.#ordinals.set(node, this.#texts.length)
      this.#texts.push({ node, block })
    } else if (node instanceof Y.XmlFragment) {
      const first = this.#texts.length
      for (const child of node.toArray()) this.#walk(child, block)
      this.#note(node, first)
    }
  }

  #note(node: Y.XmlFragment, first: number): void {
    let next = first
    const before = node.toArray().map(child => {
      const start = next
      next = this.#ordinals.has(child) ? start + 1 : (this.#before.get(child)?.at(-1) ?? start)
      return start
    })
    this.#before.set(node, [...before, next])
  }

  point({ type, index }: Y.AbsolutePosition): Point | undefined {
    const ordinal = this.#ordinals.get(type)
    if (ordinal !== undefined) return { text: ordinal, at: index }
    const text = this.#before.get(type)?.[index]
    return text === undefined ? undefined : { text, at: 0 }
  }

  #charactersOf(text: number): string {
    let known = this.#characters.get(text)
    if (known === undefined) {
      known = charactersOf(must(this.#texts[text]).node)
      this.#characters.set(text, known)
    }
    return known
  }

  /** What lies between two points, and where it begins; undefined when there is nothing. */
  between(from: Point, to: Point): Place | undefined {
    const pieces: string[] = []
    let length = 0
    let block: number | undefined
    for (let text = from.text; text <= to.text && text < this.#texts.length && length < longestPlace; text += 1) {
      const all = this.#charactersOf(text)
      const piece = all.slice(text === from.text ? from.at : 0, text === to.text ? to.at : all.length)
      if (piece === '') continue
      block ??= must(this.#texts[text]).block
      pieces.push(piece)
      length += piece.length + 1
    }
    return block === undefined ? undefined : { block, text: pieces.join('\n').slice(0, longestPlace) }
  }
}

/** A function that says where anchors lie in `doc`; undefined when the text of one is gone, or not there yet. */
export const createPlaces = (doc: Y.Doc): ((anchor: Anchor) => Place | undefined) => {
  const order = new Order(doc.getXmlFragment(contentField))
  const pointOf = (text: string): Point | undefined => {
    const position = Y.createAbsolutePositionFromRelativePosition(decode(text), doc)
    return position === null ? undefined : order.point(position)
  }
  return ({ start, end }) => {
    const [from, to] = [pointOf(start), pointOf(end)]
    return from && to ? order.between(from, to) : undefined
  }
}

/**
 * An anchor on the `occurrence`-th (from 1) place where `text` stands within one paragraph; undefined when it stands
 * there `seen` times only. What is typed at its edges does not belong to it.
 */
export const anchorAt = (
  doc: Y.Doc,
  text: string,
  occurrence: number,
): { readonly anchor: Anchor | undefined; readonly seen: number } => {
  let seen = 0
  for (const node of textsIn(doc.getXmlFragment(contentField))) {
    const all = charactersOf(node)
    for (let at = all.indexOf(text); at >= 0; at = all.indexOf(text, at + text.length)) {
      seen += 1
      if (seen < occurrence) continue
      const anchor = {
        start: encode(Y.createRelativePositionFromTypeIndex(node, at, 0)),
        end: encode(Y.createRelativePositionFromTypeIndex(node, at + text.length, -1)),
      }
      return { anchor, seen }
    }
  }
  return { anchor: undefined, seen }
}
