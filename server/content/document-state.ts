// The Yjs state of a document ⇄ its content: seeding, reading, and updates computed from a state. Pure: the same state
// and content give the same bytes, so that computing (or seeding) twice adds nothing.
import { createHash } from 'node:crypto'
import * as Y from 'yjs'
import { contentToMarkdown } from './markdown-write.ts'
import type { ContentNode } from './model.ts'
import { attachmentIdsIn, excerptOf, mentionedIds, plainText, wordCount } from './text.ts'
import { contentField, contentOf, type Part, partsOf, tidyAttributes, typeOf } from './yjs-content.ts'
import { updateFragment } from './yjs-replace.ts'

/** What is stored beside a document's state, all of it derived from it. */
export interface Derived {
  readonly json: ContentNode
  readonly markdown: string
  readonly plain: string
  /** At most 300 characters, on one line. */
  readonly excerpt: string
  readonly wordCount: number
  /** Lower case, each once, in order of appearance. */
  readonly attachmentIds: readonly string[]
  readonly mentionIds: readonly string[]
}

const blank: ContentNode = { type: 'paragraph' }

/**
 * The author of a computed change. Taken from what it is computed from: two computations of the same change are the same
 * change to Yjs, and two different ones never share an author, which would tear documents apart.
 */
const authorOf = (...parts: readonly (string | Uint8Array)[]): number => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  // never 0: some tools take it for no author
  return hash.digest().readUInt32BE(0) || 1
}

/** The same for the same content, however its JSON is ordered (jsonb has an order of its own). */
const contentKey = (json: ContentNode): string => {
  const shape = (part: Part): unknown =>
    part.kind === 'text'
      ? part.nodes
      : [part.node.type, tidyAttributes(part.node.attrs), partsOf(part.node.content).map(shape)]
  return JSON.stringify(partsOf(json.content).map(shape))
}

const open = (state: Uint8Array | undefined, author: number): Y.Doc => {
  // without collection of garbage: only the change is wanted, and deep content of a client would overflow it
  const doc = new Y.Doc({ gc: false })
  if (state) Y.applyUpdate(doc, state)
  doc.clientID = author
  return doc
}

/** The update that `change` makes on `state`; one of two zeros, that says nothing, when it changes nothing. */
const updateOf = (state: Uint8Array | undefined, author: number, change: (fragment: Y.XmlFragment) => void) => {
  const doc = open(state, author)
  let update: Uint8Array = new Uint8Array([0, 0])
  doc.on('update', (bytes: Uint8Array) => {
    update = bytes
  })
  doc.transact(() => change(doc.getXmlFragment(contentField)))
  doc.destroy()
  return update
}

const blocksOf = (json: ContentNode): readonly ContentNode[] =>
  json.content && json.content.length > 0 ? json.content : [blank]

/** The state of a new document with this content; an empty one has one empty paragraph, as editors want it. */
export const stateOf = (json: ContentNode): Uint8Array =>
  updateOf(undefined, authorOf('seed', contentKey(json)), fragment => {
    fragment.insert(0, partsOf(blocksOf(json)).map(typeOf))
  })

const jsonOfDoc = (doc: Y.Doc): ContentNode => {
  const content: ContentNode[] = []
  for (const node of contentOf(doc.getXmlFragment(contentField))) {
    // text directly in the document: no editor writes it, but a client may
    content.push(node.type === 'text' ? { type: 'paragraph', content: [node] } : node)
  }
  return { type: 'doc', ...(content.length > 0 ? { content } : {}) }
}

/** The content of a document or state. Unknown nodes and marks are kept. Throws what Yjs throws when the bytes are no state. */
export const jsonOf = (source: Y.Doc | Uint8Array): ContentNode => {
  if (source instanceof Y.Doc) return jsonOfDoc(source)
  const doc = open(source, 1)
  const json = jsonOfDoc(doc)
  doc.destroy()
  return json
}

/** The update that turns `state` into `json`, touching only what differs; one that says nothing when nothing does. */
export const replaceUpdate = (state: Uint8Array, json: ContentNode): Uint8Array =>
  updateOf(state, authorOf('replace', state, contentKey(json)), fragment => {
    updateFragment(fragment, partsOf(blocksOf(json)))
  })

/** The update that adds the blocks of `json` behind all others. */
export const appendUpdate = (state: Uint8Array, json: ContentNode): Uint8Array =>
  updateOf(state, authorOf('append', state, contentKey(json)), fragment => {
    if (json.content?.length) fragment.insert(fragment.length, partsOf(json.content).map(typeOf))
  })

/** The update that adds the blocks of `json` before all others. */
export const prependUpdate = (state: Uint8Array, json: ContentNode): Uint8Array =>
  updateOf(state, authorOf('prepend', state, contentKey(json)), fragment => {
    if (json.content?.length) fragment.insert(0, partsOf(json.content).map(typeOf))
  })

/** Everything that is stored beside the state. */
export const derive = (source: Y.Doc | Uint8Array): Derived => {
  const json = jsonOf(source)
  const plain = plainText(json)
  return {
    json,
    markdown: contentToMarkdown(json),
    plain,
    excerpt: excerptOf(plain),
    wordCount: wordCount(plain),
    attachmentIds: attachmentIdsIn(json),
    mentionIds: mentionedIds(json),
  }
}
