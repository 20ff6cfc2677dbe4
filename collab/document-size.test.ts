import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { createDocumentSizes } from './document-size.ts'
import { type } from './testing/clients.ts'

const updateWith = (text: string): Uint8Array => {
  const doc = new Y.Doc()
  type(doc, text)
  return Y.encodeStateAsUpdate(doc)
}

test('C-11 what comes from elsewhere counts, what clients send counts once', () => {
  const sizes = createDocumentSizes(3000)
  const document = new Y.Doc()
  sizes.loaded(document, 0)
  // by a command over REST, or from another server
  Y.applyUpdate(document, updateWith('x'.repeat(2000)))
  expect(sizes.admit(document, 1500)).toBe(false)
  const typed = updateWith('y'.repeat(500))
  expect(sizes.admit(document, typed.length)).toBe(true)
  Y.applyUpdate(document, typed, { source: 'connection', connection: {} })
  expect(sizes.admit(document, 300)).toBe(true)
})
