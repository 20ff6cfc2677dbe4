// The least that turns a Yjs fragment into given content: what is compared, and what is exchanged as a whole.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { derive, jsonOf, replaceUpdate, stateOf } from './document-state.ts'
import type { ContentNode } from './model.ts'

const paragraph = (text: string): ContentNode => ({ type: 'paragraph', content: [{ type: 'text', text }] })
const quote = (...content: ContentNode[]): ContentNode => ({ type: 'blockquote', content })
const doc = (...content: ContentNode[]): ContentNode => ({ type: 'doc', content })

const open = (state: Uint8Array): Y.Doc => {
  const live = new Y.Doc()
  Y.applyUpdate(live, state)
  return live
}

const child = (parent: Y.XmlFragment, index: number): Y.XmlElement => {
  const found = parent.get(index)
  if (!(found instanceof Y.XmlElement)) throw new Error('no element')
  return found
}

const words = (stem: string, count: number): string => Array.from({ length: count }, (_, at) => stem + at).join(' ')

// quotes that are alike by their first paragraph; of the others in them only one is: at the front before, behind after
const quotes = 100
const unlike = 50
const hostile = (side: string): ContentNode =>
  doc(
    ...Array.from({ length: quotes }, (_, index) => {
      const kept = paragraph(`kept${index} among so many others${side === 'b' ? ' indeed' : ''}`)
      const others = Array.from({ length: unlike }, (__, at) => paragraph(words(`${side}${index}x${at}y`, 12)))
      const mark = paragraph(words(`q${index}w`, 60))
      return quote(mark, ...(side === 'a' ? [kept, ...others] : [...others, kept]))
    }),
  )

test('D98 a replace compares 200,000 pairs of parts; beyond, parts are paired in their order', () => {
  const base = stateOf(hostile('a'))
  const live = open(base)
  const fragment = live.getXmlFragment('default')
  for (const index of [0, quotes - 1]) {
    const text = child(child(fragment, index), 1).get(0)
    if (text instanceof Y.XmlText) text.insert(0, 'typed ')
  }
  const update = replaceUpdate(base, hostile('b'))
  expect(jsonOf(Y.mergeUpdates([base, update]))).toEqual(hostile('b'))
  Y.applyUpdate(live, update)
  const lines = derive(live).plain.split('\n')
  // the work begins at the end of the document
  expect(lines).toContain(`typed kept${quotes - 1} among so many others indeed`)
  expect(lines).toContain('kept0 among so many others indeed')
})

const withText = (write: (text: Y.XmlText) => void): Uint8Array => {
  const live = open(stateOf(doc(paragraph('first'), paragraph('x'))))
  const text = child(live.getXmlFragment('default'), 1).get(0)
  if (!(text instanceof Y.XmlText)) throw new Error('no text')
  text.delete(0, 1)
  write(text)
  return Y.encodeStateAsUpdate(live)
}

test.each([
  ['holds something that is no text', (text: Y.XmlText) => text.insertEmbed(6, { emoji: 'wave' })],
  [
    'has a mark that may stand twice',
    (text: Y.XmlText) => text.format(6, 5, { 'highlight--A1b2C3d4': { color: 'red' } }),
  ],
])('a text that %s is exchanged as a whole', (_, write) => {
  const base = withText(text => {
    text.insert(0, 'hello world, and good day')
    write(text)
  })
  const wanted = doc(paragraph('first'), paragraph('hello brave world, and good night'))
  expect(jsonOf(Y.mergeUpdates([base, replaceUpdate(base, wanted)]))).toEqual(wanted)
})
