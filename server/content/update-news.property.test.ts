import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { runs, seed } from '#server/testing/random.ts'
import { bringsNews, UnsoundUpdate } from './update-news.ts'

const document = (): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = 1
  const paragraph = new Y.XmlElement('paragraph')
  const text = new Y.XmlText()
  doc.getXmlFragment('default').insert(0, [paragraph])
  paragraph.insert(0, [text])
  text.insert(0, 'hello granite')
  text.format(0, 5, { bold: {} })
  text.delete(2, 4)
  return doc
}

const changed = (): { readonly before: Uint8Array; readonly update: Uint8Array } => {
  const doc = document()
  const before = Y.encodeStateAsUpdate(doc)
  const other = new Y.Doc()
  other.clientID = 2
  Y.applyUpdate(other, before)
  const vector = Y.encodeStateVector(other)
  const paragraph = new Y.XmlElement('heading')
  paragraph.insert(0, [new Y.XmlText('new')])
  other.getXmlFragment('default').insert(1, [paragraph])
  const [first] = other.getXmlFragment('default').toArray()
  if (first instanceof Y.XmlElement) first.delete(0, 1)
  return { before, update: Y.encodeStateAsUpdate(other, vector) }
}

test('C-3 an update is news until it is known, deletions alone as well', () => {
  const { before, update } = changed()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, before)
  expect(bringsNews(doc, before)).toBe(false)
  expect(bringsNews(doc, update)).toBe(true)
  Y.applyUpdate(doc, update)
  expect(bringsNews(doc, update)).toBe(false)
  const vector = Y.encodeStateVector(doc)
  const knows = new Y.Doc()
  Y.applyUpdate(knows, Y.encodeStateAsUpdate(doc))
  doc.getXmlFragment('default').delete(0, 1)
  const deletion = Y.encodeStateAsUpdate(doc, vector)
  expect(bringsNews(knows, deletion)).toBe(true)
  expect(bringsNews(doc, deletion)).toBe(false)
})

test('C-3 a deletion is looked up where it is: the rest of the document is not read', () => {
  const doc = new Y.Doc()
  const text = doc.getText('default')
  // every other character is gone, so that no two of them lie together
  text.insert(0, 'x'.repeat(10_000))
  for (let at = 0; at < 5000; at += 1) text.delete(at, 1)
  const knows = new Y.Doc()
  Y.applyUpdate(knows, Y.encodeStateAsUpdate(doc))
  const deletions: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => deletions.push(update))
  text.delete(2500, 1)
  const [[client, structs]] = [...knows.store.clients] as unknown as [[number, (Y.GC | Y.Item)[]]]
  expect(structs.length).toBeGreaterThan(5000)
  let reads = 0
  const counted = new Proxy(structs, {
    get: (target, name) => {
      reads += 1
      return Reflect.get(target, name) as unknown
    },
  })
  knows.store.clients.set(client, counted)
  expect(deletions.map(update => bringsNews(knows, update))).toEqual([true])
  expect(reads).toBeLessThan(100)
})

test('C-4 content of no length is refused: Yjs fails on the next one behind it', () => {
  const { before } = changed()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, before)
  // a heading behind the paragraph, then two structs of length 0: collected content, and an empty list of JSON
  const heading = [135, 1, 0, 3, 7, ...Buffer.from('heading')]
  const empty = Uint8Array.from([1, 3, 2, 0, ...heading, 0, 0, 2, 0, 6, 4, 0, 0])
  expect(() => bringsNews(doc, empty)).toThrow(UnsoundUpdate)
  const sound = Uint8Array.from([1, 1, 2, 0, ...heading, 0])
  expect(bringsNews(doc, sound)).toBe(true)
})

test(`C-4 whatever bytes are let through, Yjs can apply and merge (SKERRY_SEED=${seed})`, () => {
  const { before, update } = changed()
  fc.assert(
    fc.property(
      fc.constantFrom(before, update),
      fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (original, faults) => {
        const bytes = original.slice()
        for (const [place, value] of faults) bytes[place % bytes.length] = value
        const doc = new Y.Doc()
        Y.applyUpdate(doc, before)
        try {
          bringsNews(doc, bytes)
        } catch {
          return
        }
        Y.applyUpdate(doc, bytes)
        Y.applyUpdate(new Y.Doc(), Y.mergeUpdates([before, bytes]))
      },
    ),
    { numRuns: runs(3000), seed },
  )
})
