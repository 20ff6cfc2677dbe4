// What a client must not be able to do to a document, and to those who have it open.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { closings } from './closing.ts'
import { nested, removalOf, textsOf, type } from './testing/clients.ts'
import { document, join, raw, start, synced, updateFrame } from './testing/memory-clients.ts'

const documentId = document.slice('document:'.length)

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
  const kept = new Y.Doc()
  type(kept, 'kept')
  server.store.logs.set(documentId, [whole, removalOf(deep), Y.encodeStateAsUpdate(kept)])
  const [ann, bo] = [join(server, 'ann'), join(server, 'bo')]
  await synced(ann, bo)
  expect(textsOf(ann.doc)).toEqual(['kept'])
  // a Yjs document in which the end of a transaction has failed tells nobody of later ones
  type(bo.doc, 'heard')
  await expect.poll(() => textsOf(ann.doc)).toEqual(['kept', 'heard'])
})
