// States of documents: seeding, reading, and updates that leave alone what does not differ (D98).
import { StarterKit } from '@tiptap/starter-kit'
import { getSchema } from '@tiptap/core'
import { expect, test } from 'vitest'
import { yXmlFragmentToProseMirrorRootNode } from 'y-prosemirror'
import * as Y from 'yjs'
import { appendUpdate, derive, jsonOf, prependUpdate, replaceUpdate, stateOf } from './document-state.ts'
import type { ContentNode } from './model.ts'

const text = (value: string, ...marks: string[]): ContentNode => ({
  type: 'text',
  text: value,
  ...(marks.length > 0 ? { marks: marks.map(type => ({ type })) } : {}),
})
const paragraph = (...content: (string | ContentNode)[]): ContentNode => ({
  type: 'paragraph',
  ...(content.length > 0 ? { content: content.map(one => (typeof one === 'string' ? text(one) : one)) } : {}),
})
const doc = (...content: ContentNode[]): ContentNode => ({ type: 'doc', content })

const open = (state: Uint8Array): Y.Doc => {
  const live = new Y.Doc()
  Y.applyUpdate(live, state)
  return live
}
const after = (state: Uint8Array, update: Uint8Array): ContentNode => jsonOf(Y.mergeUpdates([state, update]))

/** The text of block `index`, typed into as an editor would. */
const type = (live: Y.Doc, index: number, at: number, value: string): void => {
  const block = live.getXmlFragment('default').get(index)
  if (!(block instanceof Y.XmlElement)) throw new Error('no block')
  const first = block.get(0)
  if (!(first instanceof Y.XmlText)) throw new Error('no text')
  first.insert(at, value)
}

const sample = doc(
  { type: 'heading', attrs: { level: 2 }, content: [text('Plan')] },
  paragraph('one ', text('two', 'bold'), ' three'),
  {
    type: 'bulletList',
    content: [
      { type: 'listItem', content: [paragraph('first')] },
      { type: 'listItem', content: [paragraph('second')] },
    ],
  },
  paragraph('line', { type: 'hardBreak' }, 'next'),
)

// what an update is that says nothing
const nothing = [0, 0]

test('a state holds its content, and an editor reads it as valid', () => {
  const live = open(stateOf(sample))
  expect(jsonOf(stateOf(sample))).toEqual(sample)
  const root = yXmlFragmentToProseMirrorRootNode(live.getXmlFragment('default'), getSchema([StarterKit]))
  root.check()
  expect(root.textContent).toBe('Planone two threefirstsecondlinenext')
})

test('an empty document is one empty paragraph', () => {
  expect(jsonOf(stateOf({ type: 'doc' }))).toEqual(doc(paragraph()))
})

test('seeding twice adds nothing; other content never shares an author', () => {
  const live = open(stateOf(sample))
  Y.applyUpdate(live, stateOf(sample))
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, inner]) => [key, reversed(inner)]),
    )
  }
  Y.applyUpdate(live, stateOf(reversed(sample) as ContentNode))
  expect(derive(live).json).toEqual(sample)
  Y.applyUpdate(live, stateOf(doc(paragraph('other'))))
  expect(derive(live).json.content).toHaveLength(5)
})

test('D98 a replace changes only the differing block: typing in another block and in the same one survives', () => {
  const base = stateOf(doc(paragraph('alpha one'), paragraph('beta two'), paragraph('gamma three')))
  const live = open(base)
  type(live, 0, 5, ' typed')
  type(live, 1, 8, ' also')
  const update = replaceUpdate(base, doc(paragraph('alpha one'), paragraph('changed two'), paragraph('gamma three')))
  Y.applyUpdate(live, update)
  expect(derive(live).plain).toBe('alpha typed one\nchanged two also\ngamma three')
})

test('D98 inserting and deleting blocks moves no other block', () => {
  const base = stateOf(doc(paragraph('a a'), paragraph('b b'), paragraph('c c'), paragraph('d d')))
  const live = open(base)
  for (const [index, word] of ['1', '2', '3', '4'].entries()) type(live, index, 1, word)
  Y.applyUpdate(live, replaceUpdate(base, doc(paragraph('new'), paragraph('a a'), paragraph('c c'), paragraph('d d'))))
  expect(derive(live).plain).toBe('new\na1 a\nc3 c\nd4 d')
})

test('D98 typing inside an item of a list survives a change of another item', () => {
  const items = (...names: string[]) =>
    doc({ type: 'bulletList', content: names.map(name => ({ type: 'listItem', content: [paragraph(name)] })) })
  const base = stateOf(items('first', 'second', 'third'))
  const live = open(base)
  const list = live.getXmlFragment('default').get(0) as Y.XmlElement
  const words = ((list.get(2) as Y.XmlElement).get(0) as Y.XmlElement).get(0) as Y.XmlText
  words.insert(5, ' typed')
  Y.applyUpdate(live, replaceUpdate(base, items('first', 'second and more', 'third')))
  expect(derive(live).plain).toBe('first\nsecond and more\nthird typed')
})

test('marks and attributes change in place, and go when they are gone', () => {
  const base = stateOf(doc({ ...paragraph('plain ', text('bold', 'bold')), attrs: { textAlign: 'center', indent: 1 } }))
  const wanted = doc({ ...paragraph(text('plain', 'italic'), ' bold'), attrs: { indent: 2 } })
  const update = replaceUpdate(base, wanted)
  expect(after(base, update)).toEqual(wanted)
  const live = open(base)
  type(live, 0, 5, 'er')
  Y.applyUpdate(live, update)
  expect(derive(live).plain).toBe('plainer bold')
})

test('replacing by the same content is no update; the same replace twice is one', () => {
  const base = stateOf(sample)
  expect([...replaceUpdate(base, sample)]).toEqual(nothing)
  const update = replaceUpdate(base, doc(paragraph('x')))
  expect(Buffer.from(replaceUpdate(base, doc(paragraph('x')))).equals(update)).toBe(true)
  expect(after(Y.mergeUpdates([base, update]), update)).toEqual(doc(paragraph('x')))
})

test('append and prepend add blocks; appending the same again adds it again', () => {
  const base = stateOf(doc(paragraph('middle')))
  const appended = Y.mergeUpdates([base, appendUpdate(base, doc(paragraph('end')))])
  const both = Y.mergeUpdates([appended, prependUpdate(appended, doc(paragraph('start')))])
  expect(derive(both).plain).toBe('start\nmiddle\nend')
  expect(derive(Y.mergeUpdates([both, appendUpdate(both, doc(paragraph('end')))])).plain).toBe(
    'start\nmiddle\nend\nend',
  )
  expect([...appendUpdate(base, { type: 'doc' })]).toEqual(nothing)
})

test('unknown nodes and marks survive reading and writing; their text counts', () => {
  const odd = doc({ type: 'callout', attrs: { tone: 'info' }, content: [paragraph(text('inside', 'sparkle'))] })
  expect(jsonOf(stateOf(odd))).toEqual(odd)
  expect(derive(stateOf(odd))).toMatchObject({ plain: 'inside', markdown: 'inside', wordCount: 1 })
})

test('everything derived comes from one reading', () => {
  const id = '0190a1b2-0000-7000-8000-00000000000a'
  const file = '0190A1B2-0000-7000-8000-00000000000B'
  const derived = derive(
    stateOf(
      doc(paragraph('Hi ', { type: 'mention', attrs: { id, label: 'Ann' } }), {
        type: 'image',
        attrs: { attachmentId: file, alt: 'a chart' },
      }),
    ),
  )
  expect(derived).toMatchObject({
    markdown: `Hi [@Ann](skerry-user:${id})\n\n![a chart](skerry-file:${file})`,
    plain: 'Hi @Ann\na chart',
    excerpt: 'Hi @Ann a chart',
    wordCount: 4,
    attachmentIds: [file.toLowerCase()],
    mentionIds: [id],
  })
  const long = derive(stateOf(doc(paragraph('word '.repeat(200)))))
  expect(long.excerpt.length).toBeLessThanOrEqual(300)
  expect(long.excerpt.endsWith('word…')).toBe(true)
})
