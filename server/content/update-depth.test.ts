import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { bringsNews, maxUpdateDepth } from './update-news.ts'

let author = 0
const by = (...updates: readonly Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc({ gc: false })
  author += 1
  doc.clientID = author
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** Nests `levels` elements in the first element of `doc`, or in the document; answers the update. */
const nest = (doc: Y.Doc, levels: number): Uint8Array => {
  const before = Y.encodeStateVector(doc)
  let at: Y.XmlFragment = doc.getXmlFragment('default')
  for (let child = at.get(0); child instanceof Y.XmlElement; child = at.get(0)) at = child
  doc.transact(() => {
    for (let level = 0; level < levels; level += 1) {
      const inner = new Y.XmlElement('blockquote')
      // beside a neighbour: such a struct does not name its parent
      at.insert(0, [new Y.XmlText('x')])
      at.insert(0, [inner])
      at = inner
    }
  })
  return Y.encodeStateAsUpdate(doc, before)
}

const tooDeep = expect.objectContaining({ name: 'UnsoundUpdate', problem: 'too_deep' })
const verdict = (doc: Y.Doc, update: Uint8Array): unknown => {
  try {
    return bringsNews(doc, update)
  } catch (error) {
    return error
  }
}

test('C-4 an update may nest as many levels as the limit says, and no more', () => {
  expect(verdict(new Y.Doc(), nest(by(), maxUpdateDepth))).toBe(true)
  expect(verdict(new Y.Doc(), nest(by(), maxUpdateDepth + 1))).toEqual(tooDeep)
  expect(verdict(new Y.Doc(), nest(by(), 5000))).toEqual(tooDeep)
})

test('C-4 levels that are there already count, and so do those that wait for their elders', () => {
  const first = nest(by(), 300)
  const second = nest(by(first), 150)
  const third = nest(by(first, second), 100)
  const doc = by(first)
  expect(verdict(doc, second)).toBe(true)
  // what it builds on is not there yet
  expect(verdict(doc, third)).toBe(true)
  Y.applyUpdate(doc, third)
  expect(verdict(doc, second)).toEqual(tooDeep)
  expect(verdict(by(first, second), third)).toEqual(tooDeep)
  expect(verdict(doc, nest(by(first), 5))).toBe(true)
})
