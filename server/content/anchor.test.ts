// Anchors of comments: they stay with their text through every kind of edit.
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { must } from '#server/kernel/must.ts'
import { type Anchor, anchorAt, createPlaces, isPosition } from './anchor.ts'
import { replaceUpdate, stateOf } from './document-state.ts'
import { markdownToContent } from './markdown.ts'

const docOf = (markdown: string): Y.Doc => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, stateOf(markdownToContent(markdown)))
  return doc
}

const at = (doc: Y.Doc, text: string, occurrence = 1): Anchor => must(anchorAt(doc, text, occurrence).anchor)

const placeOf = (doc: Y.Doc, anchor: Anchor) => createPlaces(doc)(anchor)

const textIn = (doc: Y.Doc, block: number): Y.XmlText =>
  (doc.getXmlFragment('default').get(block) as Y.XmlElement).get(0) as Y.XmlText

describe('where a text stands', () => {
  const doc = docOf('# Harbour\n\nThe quay and the **other** quay\n\n- a quay')

  test.each([
    ['Harbour', 1, { block: 0, text: 'Harbour' }],
    ['quay', 2, { block: 1, text: 'quay' }],
    ['quay', 3, { block: 2, text: 'quay' }],
    ['the other quay', 1, { block: 1, text: 'the other quay' }],
  ])('%s, %i', (text, occurrence, place) => {
    expect(placeOf(doc, at(doc, text, occurrence))).toEqual(place)
  })

  test.each([
    ['quay', 4, 3],
    ['Harbour The', 1, 0],
    ['pier', 1, 0],
  ])('%s, %i is nowhere: it stands there %i times', (text, occurrence, seen) => {
    expect(anchorAt(doc, text, occurrence)).toEqual({ anchor: undefined, seen })
  })
})

describe('it moves with the text', () => {
  test('what is typed before, inside, and at its edges', () => {
    const doc = docOf('one two three')
    const anchor = at(doc, 'two')
    const text = textIn(doc, 0)
    text.insert(0, 'zero ')
    text.insert(text.toString().indexOf('two'), '<')
    text.insert(text.toString().indexOf('two') + 3, '>')
    expect(placeOf(doc, anchor)?.text).toBe('two')
    text.insert(text.toString().indexOf('wo'), '--')
    expect(placeOf(doc, anchor)?.text).toBe('t--wo')
  })

  test('a new block in front, a replace by Markdown that keeps its block, and the same edits at another replica', () => {
    const doc = docOf('first\n\nsecond word')
    const anchor = at(doc, 'second')
    const update = must(
      replaceUpdate(Y.encodeStateAsUpdate(doc), markdownToContent('zero\n\nfirst\n\nsecond long word')),
    )
    Y.applyUpdate(doc, update)
    expect(placeOf(doc, anchor)).toEqual({ block: 2, text: 'second' })
    const other = new Y.Doc()
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    expect(placeOf(other, anchor)).toEqual({ block: 2, text: 'second' })
  })

  test('without its text it is nowhere, and before its text has arrived as well', () => {
    const doc = docOf('one two three')
    const anchor = at(doc, 'two')
    expect(placeOf(new Y.Doc(), anchor)).toBeUndefined()
    const text = textIn(doc, 0)
    text.delete(text.toString().indexOf('two'), 3)
    expect(placeOf(doc, anchor)).toBeUndefined()
  })

  test('a range over several blocks gives their texts, line by line; one that runs backwards gives none', () => {
    const doc = docOf('one\n\ntwo\n\nthree')
    const [start, end] = [at(doc, 'ne').start, at(doc, 'th').end]
    expect(placeOf(doc, { start, end })).toEqual({ block: 0, text: 'ne\ntwo\nth' })
    expect(placeOf(doc, { start: end, end: start })).toBeUndefined()
  })

  test('positions between blocks count as well', () => {
    const doc = docOf('one\n\ntwo\n\nthree')
    const fragment = doc.getXmlFragment('default')
    const position = (index: number, side: number) =>
      Buffer.from(Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(fragment, index, side))).toString(
        'base64',
      )
    expect(placeOf(doc, { start: position(1, 0), end: position(2, 0) })).toEqual({ block: 1, text: 'two' })
    expect(placeOf(doc, { start: position(0, 0), end: position(3, -1) })?.text).toBe('one\ntwo\nthree')
  })
})

test('what is no relative position is told from one', () => {
  const doc = docOf('one')
  const { start, end } = at(doc, 'one')
  expect([start, end].map(isPosition)).toEqual([true, true])
  expect(['', 'AAAA', '####', 'x'.repeat(150), `${start}AAAA`, 'AA=='].map(isPosition)).not.toContain(true)
})
