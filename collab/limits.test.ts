// How much one socket may ask, send and leave unread.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { textsOf, type } from './testing/clients.ts'
import {
  document,
  enter,
  hold,
  join,
  message,
  rawSocket,
  start,
  synced,
  updateFrame,
} from './testing/memory-clients.ts'

const megabyte = 1024 * 1024
const unlimited = { debounceMs: 50, maxDebounceMs: 200, maxDocumentBytes: 500 * megabyte, limited: false }
const roomOf = (index: number): string => `document:01890000-0000-7000-8000-${String(index).padStart(12, '0')}`
const denied = (room: string, reason: string): Uint8Array => message(room, 2, 1, reason.length, ...Buffer.from(reason))
const admitted = (room: string): Uint8Array => message(room, 2, 2, 10, ...Buffer.from('read-write'))

/** Updates of nearly a megabyte each. */
const largeUpdates = (count: number): Uint8Array[] => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => void updates.push(update))
  for (let index = 0; index < count; index += 1) type(doc, 'x'.repeat(megabyte - 1000))
  return updates
}

test('C-22 a socket enters a hundred rooms; the next is refused until one is left', async () => {
  const server = await start()
  const { socket } = await rawSocket(server, '/collab')
  for (let index = 0; index < 100; index += 1)
    expect(await enter(socket, roomOf(index))).toEqual(admitted(roomOf(index)))
  expect(await enter(socket, roomOf(100))).toEqual(denied(roomOf(100), 'limit_reached'))
  // the server says goodbye to that room
  const left = new Promise(done => socket.once('message', done))
  socket.send(message(roomOf(7), 7))
  await left
  await expect.poll(async () => enter(socket, roomOf(100))).toEqual(admitted(roomOf(100)))
})

test('C-22 who does not read is cut off when 16 MiB wait for him; others read on', async () => {
  const server = await start({ settings: unlimited })
  const ann = await rawSocket(server, `/collab/${document}`)
  const eve = await rawSocket(server, `/collab/${document}`, 'eve')
  const bo = join(server, 'bo')
  await synced(bo)
  eve.socket.pause()
  // what the kernel takes of it does not wait in our memory
  for (const update of largeUpdates(40)) ann.socket.send(updateFrame(update))
  await expect.poll(() => textsOf(bo.doc).length, { timeout: 20_000 }).toBe(40)
  expect(server.collab.open()).toBe(2)
  eve.socket.resume()
  expect(await eve.closed).toBe(1006)
  expect(bo.closes).toEqual([])
})

test('C-22 of a client that sends faster than the log takes it no more than some megabytes are read', async () => {
  const server = await start({ settings: unlimited })
  const { socket } = await rawSocket(server, '/collab')
  await enter(socket)
  const bo = join(server, 'bo')
  await synced(bo)
  const logging = hold(server.store, 'append')
  for (const update of largeUpdates(40)) socket.send(Buffer.concat([message(document), updateFrame(update)]))
  await logging.arrived
  // others are served meanwhile
  for (let round = 0; round < 20; round += 1) await synced(join(server, 'cy', { room: roomOf(round + 2) }))
  expect(socket.bufferedAmount).toBeGreaterThan(15 * megabyte)
  logging.release()
  await expect.poll(() => textsOf(bo.doc).length, { timeout: 20_000 }).toBe(40)
  expect(socket.bufferedAmount).toBe(0)
})
