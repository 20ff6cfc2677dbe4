// Content ⇄ Yjs types, in the shape that y-prosemirror reads and writes: an element per node, a text per run of text
// nodes, marks as formatting. No schema is asked, so nothing is filled in and unknown nodes are kept as they are.
import * as Y from 'yjs'
import { type ContentNode, contentLimits, type Mark, markOrder } from './model.ts'

/** The Yjs field that holds a document's fragment (domain rules, section 8.2). */
export const contentField = 'default'

/** What stands between two elements: a run of text nodes, or one element. */
export type Part =
  | { readonly kind: 'text'; readonly nodes: readonly ContentNode[] }
  | { readonly kind: 'element'; readonly node: ContentNode }

/** What editors write although it is what its absence means. */
const defaults: Readonly<Record<string, unknown>> = { colspan: 1, rowspan: 1, start: 1, indent: 0 }

/** Attributes that say something, by name: two nodes that mean the same have the same. */
export const tidyAttributes = (attrs: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(attrs ?? {})
      .filter(([name, value]) => value !== null && value !== undefined && defaults[name] !== value)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

const rank = (mark: Mark): number => {
  const index = markOrder.indexOf(mark.type)
  return index < 0 ? markOrder.length : index
}

/** Marks in one order, without attributes that are null: what stands for the same is written the same. */
export const tidyMarks = (marks: readonly Mark[] | undefined): readonly Mark[] => {
  if (marks === undefined || marks.length === 0) return []
  return marks
    .map(({ type, attrs }): Mark => {
      const kept = tidyAttributes(attrs)
      return Object.keys(kept).length > 0 ? { type, attrs: kept } : { type }
    })
    .toSorted((a, b) => rank(a) - rank(b) || (a.type < b.type ? -1 : 1))
}

const textNode = (text: string, marks: readonly Mark[]): ContentNode => ({
  type: 'text',
  text,
  ...(marks.length > 0 ? { marks } : {}),
})

/** Equal formatting side by side is one text node; empty ones are none. */
const joined = (nodes: readonly ContentNode[]): ContentNode[] => {
  const out: { text: string; marks: readonly Mark[]; key: string }[] = []
  for (const node of nodes) {
    if (!node.text) continue
    const marks = tidyMarks(node.marks)
    const key = marks.length === 0 ? '' : JSON.stringify(marks)
    const last = out.at(-1)
    if (last?.key === key) last.text += node.text
    else out.push({ text: node.text, marks, key })
  }
  return out.map(({ text, marks }) => textNode(text, marks))
}

/** Children of a node as they lie in Yjs. */
export const partsOf = (content: readonly ContentNode[] | undefined): Part[] => {
  const parts: Part[] = []
  let run: ContentNode[] = []
  const close = (): void => {
    const nodes = joined(run)
    if (nodes.length > 0) parts.push({ kind: 'text', nodes })
    run = []
  }
  for (const node of content ?? []) {
    if (node.type === 'text') run.push(node)
    else {
      close()
      parts.push({ kind: 'element', node })
    }
  }
  close()
  return parts
}

/** Formatting of a run as Yjs has it: mark name → its attributes. */
export const formatOf = (marks: readonly Mark[] | undefined): Record<string, Readonly<Record<string, unknown>>> =>
  Object.fromEntries(tidyMarks(marks).map(mark => [mark.type, mark.attrs ?? {}]))

/** A new Yjs type for `part`, to be inserted. */
export const typeOf = (part: Part): Y.XmlElement | Y.XmlText => {
  if (part.kind === 'text') {
    const text = new Y.XmlText()
    text.applyDelta(part.nodes.map(node => ({ insert: node.text ?? '', attributes: formatOf(node.marks) })))
    return text
  }
  const element = new Y.XmlElement(part.node.type)
  // attributes hold any JSON value in y-prosemirror's shape, more than the type of Yjs says
  for (const [name, value] of Object.entries(tidyAttributes(part.node.attrs)))
    element.setAttribute(name, value as string)
  const children = partsOf(part.node.content).map(typeOf)
  if (children.length > 0) element.insert(0, children)
  return element
}

interface Delta {
  readonly insert?: unknown
  readonly attributes?: Readonly<Record<string, unknown>>
}

// marks that may stand twice on one text carry a hash behind their name
const markName = (name: string): string => name.replace(/--[a-zA-Z0-9+/=]{8}$/, '')

const deltaOf = (text: Y.XmlText): readonly Delta[] => text.toDelta() as Delta[]

/** Is it what `textNodesOf` reads of it, place by place: no embeds, and every mark under its own name? */
export const isPlain = (text: Y.XmlText): boolean =>
  deltaOf(text).every(
    ({ insert, attributes }) =>
      typeof insert === 'string' && Object.keys(attributes ?? {}).every(name => markName(name) === name),
  )

/** Text nodes of a Yjs text; what is no text in it (embeds) is left out. */
export const textNodesOf = (text: Y.XmlText): ContentNode[] =>
  joined(
    deltaOf(text).flatMap(({ insert, attributes }) =>
      typeof insert === 'string'
        ? [
            textNode(
              insert,
              Object.entries(attributes ?? {}).map(([name, attrs]) => ({
                type: markName(name),
                ...(typeof attrs === 'object' && attrs !== null ? { attrs: attrs as Record<string, unknown> } : {}),
              })),
            ),
          ]
        : [],
    ),
  )

/** Attributes of an element that say something. */
export const attributesOf = (element: Y.XmlElement): Record<string, unknown> => tidyAttributes(element.getAttributes())

/** Nesting below which a client's own state is no longer read: the model allows half of it. */
export const readDepth = 2 * contentLimits.depth

const nodeOf = (element: Y.XmlElement, depth: number): ContentNode => {
  const attrs = attributesOf(element)
  const content = contentOf(element, depth)
  return {
    type: element.nodeName,
    ...(Object.keys(attrs).length > 0 ? { attrs } : {}),
    ...(content.length > 0 ? { content } : {}),
  }
}

/** Children of a fragment or element as content. */
export const contentOf = (parent: Y.XmlFragment, depth = 0): ContentNode[] =>
  depth > readDepth
    ? []
    : parent.toArray().flatMap((child): ContentNode[] => {
        if (child instanceof Y.XmlText) return textNodesOf(child)
        return child instanceof Y.XmlElement ? [nodeOf(child, depth + 1)] : []
      })
