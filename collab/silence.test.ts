// Time is the test's, and has been since before Yjs took its clock.
import { afterAll, expect, test, vi } from 'vitest'
import { join, presenceRoom as room, rawSocket, start, synced } from './testing/memory-clients.ts'
import { seenBy, send } from './testing/raw-presence.ts'

vi.hoisted(() => vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] }))
afterAll(() => void vi.useRealTimers())

test('C-21 a silent state is gone after 30 seconds, one that is renewed stays, though both sockets are open', async () => {
  const server = await start()
  const ann = await rawSocket(server, `/collab/${room}`)
  const bo = join(server, 'bo', { room })
  await synced(bo)
  bo.awareness?.setLocalState({})
  send(ann, { 1: {} })
  await expect.poll(() => seenBy(bo)).toEqual([1])
  vi.advanceTimersByTime(16_000)
  // Bo's client has renewed its state; another message tells when that has arrived
  const cy = join(server, 'cy', { room })
  await expect.poll(() => seenBy(cy)).toEqual([1, bo.doc.clientID].toSorted((a, b) => a - b))
  bo.awareness?.setLocalState({ renewed: true })
  await expect.poll(() => JSON.stringify(cy.awareness?.getStates().get(bo.doc.clientID))).toContain('renewed')
  vi.advanceTimersByTime(17_000)
  // asks the server: the others' clients forget the silent by themselves
  const dee = join(server, 'dee', { room })
  await synced(dee)
  await expect.poll(() => seenBy(dee)).toContain(bo.doc.clientID)
  expect(seenBy(dee)).not.toContain(1)
  expect(ann.socket.readyState).toBe(ann.socket.OPEN)
})
