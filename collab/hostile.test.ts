// What a client must not be able to do to a document, and to those who have it open.
import * as encoding from 'lib0/encoding'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { contentField } from '#server/content/yjs-content.ts'
import { closings } from './closing.ts'
import { textsOf, type } from './testing/clients.ts'
import { document, join, raw, start, synced, updateFrame } from './testing/memory-clients.ts'

const documentId = document.slice('document:'.length)

const varUint = (value: number): Uint8Array => encoding.encode(encoder => encoding.writeVarUint(encoder, value))

const nested = (levels: number): Y.Doc => {
  const doc = new Y.Doc({ gc: false })
  let at: Y.XmlFragment = doc.getXmlFragment(contentField)
  doc.transact(() => {
    for (let level = 0; level < levels; level += 1) {
      const inner = new Y.XmlElement('blockquote')
      at.insert(0, [inner])
      at = inner
    }
  })
  return doc
}

test('C-4 content that nests too deep closes the socket with 4422 and is not logged', async () => {
  const server = await start()
  const code = await raw(server, `/collab/${document}`, socket =>
    socket.send(updateFrame(Y.encodeStateAsUpdate(nested(5000)))),
  )
  expect(code).toBe(closings.tooDeep.code)
  expect(server.store.logs.size).toBe(0)
})

test('C-5 a logged update that fails when its transaction ends takes nothing else along', async () => {
  const server = await start()
  const deep = nested(12_000)
  const whole = Y.encodeStateAsUpdate(deep)
  // the root alone: Yjs deletes what lies in it by recursion
  const removal = new Uint8Array([0, 1, ...varUint(deep.clientID), 1, 0, 1])
  const kept = new Y.Doc()
  type(kept, 'kept')
  server.store.logs.set(documentId, [whole, removal, Y.encodeStateAsUpdate(kept)])
  const [ann, bo] = [join(server, 'ann'), join(server, 'bo')]
  await synced(ann, bo)
  expect(textsOf(ann.doc)).toEqual(['kept'])
  // a Yjs document in which the end of a transaction has failed tells nobody of later ones
  type(bo.doc, 'heard')
  await expect.poll(() => textsOf(ann.doc)).toEqual(['kept', 'heard'])
})
