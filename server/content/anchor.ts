// Where a comment stands in a document: a range between two relative positions of Yjs, which move with the text around
// them, whoever edits it and in whatever order the edits arrive.
import * as Y from 'yjs'
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

const blockOf = (fragment: Y.XmlFragment, node: Node): number => {
  let top: unknown = node
  while (isNode(top) && top.parent !== null && top.parent !== (fragment as unknown)) top = top.parent
  return fragment.toArray().indexOf(top as Y.XmlElement)
}

/** What lies between two absolute positions, and where it begins; undefined when they are not in this order. */
const gather = (fragment: Y.XmlFragment, from: Y.AbsolutePosition, to: Y.AbsolutePosition): Place | undefined => {
  const pieces: string[] = []
  let block: number | undefined
  let ended = false
  const walkText = (node: Y.XmlText): void => {
    const all = charactersOf(node)
    const starts = block === undefined && from.type === (node as unknown)
    if (starts) block = blockOf(fragment, node)
    if (block === undefined) return
    ended = to.type === (node as unknown)
    const piece = all.slice(starts ? from.index : 0, ended ? to.index : all.length)
    if (piece !== '') pieces.push(piece)
  }
  const walk = (node: Y.XmlFragment): void => {
    const children = node.toArray()
    for (let index = 0; index <= children.length && !ended; index += 1) {
      const child = children[index]
      if (block === undefined && from.type === (node as unknown) && from.index === index)
        block = blockOf(fragment, isNode(child) ? child : node)
      if (block !== undefined && to.type === (node as unknown) && to.index === index) ended = true
      else if (child instanceof Y.XmlText) walkText(child)
      else if (child instanceof Y.XmlFragment) walk(child)
    }
  }
  walk(fragment)
  const text = pieces.join('\n').slice(0, longestPlace)
  return block === undefined || !ended || text === '' ? undefined : { block, text }
}

/** Where `anchor` lies in `doc`; undefined when its text is gone, or not there yet. */
export const placeOf = (doc: Y.Doc, { start, end }: Anchor): Place | undefined => {
  const fragment = doc.getXmlFragment(contentField)
  const from = Y.createAbsolutePositionFromRelativePosition(decode(start), doc)
  const to = Y.createAbsolutePositionFromRelativePosition(decode(end), doc)
  return from === null || to === null ? undefined : gather(fragment, from, to)
}

/**
 * An anchor on the `occurrence`-th (from 1) place where `text` stands within one paragraph; undefined when it does not.
 * What is typed at its edges does not belong to it.
 */
export const anchorAt = (doc: Y.Doc, text: string, occurrence: number): Anchor | undefined => {
  let seen = 0
  for (const node of textsIn(doc.getXmlFragment(contentField))) {
    const all = charactersOf(node)
    for (let at = all.indexOf(text); at >= 0; at = all.indexOf(text, at + text.length)) {
      seen += 1
      if (seen < occurrence) continue
      return {
        start: encode(Y.createRelativePositionFromTypeIndex(node, at, 0)),
        end: encode(Y.createRelativePositionFromTypeIndex(node, at + text.length, -1)),
      }
    }
  }
  return undefined
}
