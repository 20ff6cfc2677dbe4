// The sockets without a database: limits, pulse, presence, and what the library does when hooks refuse.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { pause } from '#server/kernel/lifecycle.ts'
import { closings } from './closing.ts'
import { colorOf } from './extensions/presence.ts'
import { type Replica, textsOf, type } from './testing/clients.ts'
import {
  document,
  hold,
  join,
  presenceRoom as room,
  raw,
  start,
  synced,
  updateFrame,
} from './testing/memory-clients.ts'

const usersIn = (replica: Replica): string[] =>
  [...(replica.awareness?.getStates().values() ?? [])]
    .map(state => (state as { user?: { id?: string } }).user?.id ?? '')
    .filter(id => id !== '')
    .toSorted()

test('C-4 bytes that are no update close the socket and are not logged', async () => {
  const server = await start()
  const code = await raw(server, `/collab/${document}`, socket =>
    socket.send(updateFrame(new Uint8Array([9, 9, 9, 9]))),
  )
  expect(code).toBe(closings.badMessage.code)
  expect(server.store.logs.size).toBe(0)
})

test('C-22 a frame that no y-websocket client sends, a text and an empty one close the socket', async () => {
  const server = await start()
  for (const frame of ['text', new Uint8Array([5, 1]), new Uint8Array()]) {
    expect(await raw(server, `/collab/${document}`, socket => socket.send(frame))).toBe(closings.badMessage.code)
  }
})

test('C-22 a message over 1 MiB closes with 1009, the 201st within ten seconds with 1013', async () => {
  const server = await start()
  expect(await raw(server, '/collab', socket => socket.send(new Uint8Array(1024 * 1024 + 1)))).toBe(1009)
  const frame = updateFrame(new Uint8Array([0, 0]))
  const code = await raw(server, `/collab/${document}`, socket => {
    for (let sent = 0; sent < 201; sent += 1) socket.send(frame)
  })
  expect(code).toBe(closings.tooMuch.code)
})

test('C-22 the 51st socket of a person closes with 1013, whatever others have open', async () => {
  const server = await start()
  const replicas = Array.from({ length: 50 }, () => join(server, 'ann', { mute: true }))
  await synced(...replicas)
  const late = join(server, 'ann')
  await expect.poll(() => late.closes).toContain(closings.tooMuch.code)
  late.destroy()
  await synced(join(server, 'bo'))
})

test('C-22 sockets count although their person was not let into the room that they asked for first', async () => {
  const server = await start({ isMember: async () => false })
  const replicas = Array.from({ length: 51 }, () => join(server, 'ann', { room, mute: true }))
  await expect.poll(() => replicas.every(({ refusals, closes }) => refusals.length + closes.length > 0)).toBe(true)
  expect(replicas.filter(({ closes }) => closes.includes(closings.tooMuch.code))).toHaveLength(1)
  for (const replica of replicas) replica.destroy()
  await expect.poll(() => server.collab.open()).toBe(0)
  await synced(join(server, 'ann'))
})

test('C-23 a client that has no awareness and says nothing stays, as long as it answers pings', async () => {
  const server = await start({ pulse: { pingMs: 40, idleMs: 150 } })
  const silent = join(server, 'ann', { mute: true })
  await synced(silent)
  // the time itself is what is tested: four times as long as a client without a pulse would have
  await pause(600)
  expect(silent.closes).toEqual([])
})

test('C-11 a full document refuses before the acknowledgement, says so, and reads on', async () => {
  const server = await start({
    settings: { debounceMs: 50, maxDebounceMs: 200, maxDocumentBytes: 20_000, limited: true },
  })
  const ann = join(server, 'ann')
  const bo = join(server, 'bo')
  await synced(ann, bo)
  type(ann.doc, 'x'.repeat(15_000))
  await expect.poll(() => textsOf(bo.doc).length).toBe(1)
  type(ann.doc, 'y'.repeat(15_000))
  await expect.poll(() => ann.stateless).toEqual(['document.full'])
  expect(ann.acknowledged()).toBe(false)
  type(bo.doc, 'a little')
  await expect.poll(() => textsOf(ann.doc).includes('a little')).toBe(true)
  expect(textsOf(bo.doc)).toHaveLength(2)
})

test('C-2 what cannot be logged is neither passed on nor acknowledged; the client comes back and sends it again', async () => {
  const server = await start()
  const { store } = server
  const ann = join(server, 'ann')
  const bo = join(server, 'bo')
  await synced(ann, bo)
  const { append } = store
  store.append = async () => {
    throw Object.assign(new Error('no disk'), { code: '53100' })
  }
  type(ann.doc, 'precious')
  await expect.poll(() => ann.closes, { timeout: 10_000 }).toContain(closings.failed.code)
  expect(textsOf(bo.doc)).toEqual([])
  store.append = append
  await expect.poll(() => textsOf(bo.doc), { timeout: 10_000 }).toEqual(['precious'])
  await expect.poll(() => ann.acknowledged()).toBe(true)
})

test('C-10 an update that is logged while everybody leaves reaches those who opened the document meanwhile', async () => {
  const server = await start()
  const ann = join(server, 'ann')
  await synced(ann)
  const logging = hold(server.store, 'append')
  type(ann.doc, 'last words')
  await logging.arrived
  ann.destroy()
  await expect.poll(() => server.collab.open()).toBe(0)
  const bo = join(server, 'bo')
  await synced(bo)
  logging.release()
  await expect.poll(() => textsOf(bo.doc)).toEqual(['last words'])
})

test('C-10 who leaves while his words are being logged does not take the document away that others opened meanwhile', async () => {
  const server = await start()
  const ann = join(server, 'ann')
  const cy = join(server, 'cy')
  await synced(ann, cy)
  const logging = hold(server.store, 'append')
  type(ann.doc, 'last words')
  await logging.arrived
  // hers has to wait for the log, his closes the document
  ann.destroy()
  await expect.poll(() => server.collab.open()).toBe(1)
  cy.destroy()
  await expect.poll(() => server.collab.open()).toBe(0)
  const bo = join(server, 'bo')
  await synced(bo)
  logging.release()
  await expect.poll(() => textsOf(bo.doc)).toEqual(['last words'])
  const dan = join(server, 'dan', { kind: 'y-websocket' })
  await synced(dan)
  type(bo.doc, 'by Bo')
  await expect.poll(() => textsOf(dan.doc)).toEqual(['last words', 'by Bo'])
  type(dan.doc, 'by Dan')
  await expect.poll(() => textsOf(bo.doc)).toEqual(['last words', 'by Bo', 'by Dan'])
})

test('C-5 a document that cannot be read is not opened; the client comes back by itself', async () => {
  const server = await start()
  const { store } = server
  const { load } = store
  store.load = async () => {
    throw new Error('no database')
  }
  const ann = join(server, 'ann')
  type(ann.doc, 'typed before it opens')
  await expect.poll(() => ann.closes.length).toBeGreaterThan(0)
  expect(store.logs.size).toBe(0)
  store.load = load
  await synced(ann)
  await expect.poll(() => ann.acknowledged()).toBe(true)
  expect(store.logs.size).toBe(1)
})

test('C-3 a client that comes back with what is known adds nothing to the log', async () => {
  const server = await start()
  const ann = join(server, 'ann')
  const bo = join(server, 'bo')
  await synced(ann, bo)
  type(ann.doc, 'one')
  type(ann.doc, 'two')
  ann.doc.getXmlFragment('default').delete(0, 1)
  await expect.poll(() => ann.acknowledged() && textsOf(bo.doc).join()).toBe('two')
  const logged = () => [...server.store.logs.values()].flat().length
  const before = logged()
  for (const replica of [ann, bo]) {
    replica.goOffline()
    await expect.poll(() => replica.synced()).toBe(false)
    replica.goOnline()
    await synced(replica)
  }
  await expect.poll(() => ann.acknowledged() && bo.acknowledged()).toBe(true)
  expect(logged()).toBe(before)
})

for (const kind of ['hocuspocus', 'y-websocket'] as const) {
  test(`D107 C-19 C-21 over ${kind}: the server says who somebody is, and who leaves is gone`, async () => {
    const server = await start()
    const ann = join(server, 'ann', { room, kind })
    const bo = join(server, 'bo', { room, kind })
    await synced(ann, bo)
    ann.awareness?.setLocalState({ user: { name: 'Somebody Else', color: '#000000' }, task_id: 't' })
    bo.awareness?.setLocalState({ idle: false })
    await expect.poll(() => usersIn(bo)).toContain('ann')
    await expect.poll(() => usersIn(ann)).toContain('bo')
    const seen = [...(bo.awareness?.getStates().values() ?? [])].find(
      state => (state as { user?: { id: string } }).user?.id === 'ann',
    )
    expect(seen).toEqual({
      user: { id: 'ann', name: 'person ann', avatar_url: null, color: colorOf('ann') },
      task_id: 't',
    })
    ann.destroy()
    await expect.poll(() => usersIn(bo)).not.toContain('ann')
  })

  test(`D107 C-20 over ${kind}: a state with another person's id is dropped, and so is one of another's client`, async () => {
    const server = await start()
    const ann = join(server, 'ann', { room, kind })
    const eve = join(server, 'eve', { room, kind })
    const bo = join(server, 'bo', { room })
    await synced(ann, eve, bo)
    ann.awareness?.setLocalState({ typing: true })
    await expect.poll(() => usersIn(bo)).toEqual(['ann'])
    eve.awareness?.setLocalState({ user: { id: 'bo' } })
    // Ann's client as Eve would have it
    const forged = new Y.Doc()
    forged.clientID = ann.doc.clientID
    const second = join(server, 'eve', { room, kind, doc: forged })
    await synced(second)
    for (let clock = 0; clock < 5; clock += 1) second.awareness?.setLocalState({ forged: clock })
    const marker = join(server, 'cy', { room, kind })
    await synced(marker)
    marker.awareness?.setLocalState({})
    await expect.poll(() => usersIn(bo)).toContain('cy')
    expect(usersIn(bo)).toEqual(['ann', 'cy'])
    expect(JSON.stringify([...(bo.awareness?.getStates().values() ?? [])])).not.toContain('forged')
  })
}

test('C-18 presence rooms hold no content', async () => {
  const server = await start()
  const ann = join(server, 'ann', { room })
  const bo = join(server, 'bo', { room })
  await synced(ann, bo)
  type(ann.doc, 'contraband')
  bo.awareness?.setLocalState({})
  await expect.poll(() => usersIn(ann)).toContain('bo')
  expect(textsOf(bo.doc)).toEqual([])
  expect(server.store.logs.size).toBe(0)
})

test('C-24 the end says goodbye with 1001 and stores what is open; new sockets are refused', async () => {
  const stored: string[] = []
  const server = await start({
    documents: {
      access: async () => ({ edit: true }),
      store: async documentId => {
        stored.push(documentId)
        return { contentVersion: 1 }
      },
    },
    settings: { debounceMs: 60_000, maxDebounceMs: 60_000, maxDocumentBytes: 1_000_000, limited: true },
  })
  const ann = join(server, 'ann')
  await synced(ann)
  type(ann.doc, 'just in time')
  await expect.poll(() => ann.acknowledged()).toBe(true)
  await server.collab.stop()
  expect(ann.closes[0]).toBe(1001)
  expect(stored).toEqual([document.slice('document:'.length)])
})
