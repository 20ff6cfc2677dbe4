// What is not let into presence, and how long it stays there.
import { expect, test } from 'vitest'
import { closings } from './closing.ts'
import { join, presenceRoom as room, rawSocket, start, synced } from './testing/memory-clients.ts'
import { seenBy, send, sendTexts } from './testing/raw-presence.ts'

const watched = async () => {
  const server = await start()
  const bo = join(server, 'bo', { room })
  await synced(bo)
  const ann = await rawSocket(server, `/collab/${room}`)
  return { server, bo, ann }
}

test('C-20 a state that is no object, or too large, is dropped, and so are all of a message with too many', async () => {
  const { bo, ann } = await watched()
  send(ann, { 1: 7, 2: 'text', 3: ['list'], 4: true, 5: { long: 'x'.repeat(8192) }, 6: { fits: 'x'.repeat(8000) } })
  await expect.poll(() => seenBy(bo)).toEqual([6])
  sendTexts(ann, [['8', `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`]], 1)
  send(ann, Object.fromEntries(Array.from({ length: 51 }, (_, index) => [100 + index, {}])))
  send(ann, { 7: { last: true } })
  await expect.poll(() => seenBy(bo)).toEqual([6, 7])
})

test('C-22 a connection speaks for eight Yjs clients at most', async () => {
  const { bo, ann } = await watched()
  send(ann, Object.fromEntries(Array.from({ length: 8 }, (_, index) => [index + 1, {}])))
  await expect.poll(() => seenBy(bo)).toHaveLength(8)
  send(ann, { 9: {} })
  expect(await ann.closed).toBe(closings.tooMuch.code)
  await expect.poll(() => seenBy(bo)).toEqual([])
})

test('C-20 a Yjs client whose owner has left belongs to whoever comes with it', async () => {
  const { server, bo, ann } = await watched()
  send(ann, { 1: {} })
  await expect.poll(() => seenBy(bo)).toEqual([1])
  ann.socket.close()
  await expect.poll(() => seenBy(bo)).toEqual([])
  const eve = await rawSocket(server, `/collab/${room}`, 'eve')
  send(eve, { 1: {} }, 2)
  await expect
    .poll(() => [...(bo.awareness?.getStates().values() ?? [])])
    .toContainEqual({
      user: expect.objectContaining({ id: 'eve' }),
    })
})

test('C-21 a state that comes back over another socket goes with that one', async () => {
  const { server, bo, ann } = await watched()
  send(ann, { 1: { over: 'first' } })
  await expect.poll(() => seenBy(bo)).toEqual([1])
  const again = await rawSocket(server, `/collab/${room}`)
  send(again, { 1: { over: 'second' } }, 2)
  await expect.poll(() => JSON.stringify(bo.awareness?.getStates().get(1))).toContain('second')
  ann.socket.close()
  await expect.poll(() => server.collab.open()).toBe(2)
  send(again, { 2: {} })
  await expect.poll(() => seenBy(bo)).toEqual([1, 2])
  again.socket.close()
  await expect.poll(() => seenBy(bo)).toEqual([])
})
