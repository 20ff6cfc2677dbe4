// How rights and sessions end, with and without an event, and what is still on its way then.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import type { UserActor } from '#server/kernel/actor.ts'
import type { Documents } from '#server/kernel/documents.ts'
import { closings } from './closing.ts'
import { textsOf, type } from './testing/clients.ts'
import { document, hold, join, presenceRoom, rawSocket, start, synced, updateFrame } from './testing/memory-clients.ts'
import { personOf } from './testing/memory-server.ts'

const documentId = document.slice('document:'.length)
const byRounds = { roundMs: 50 }

/** Updates of one author, in order. */
const updatesOf = (count: number): Uint8Array[] => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', update => void updates.push(update))
  for (let index = 0; index < count; index += 1) type(doc, `${index}`)
  return updates
}

/** Rights that the test gives and takes. */
const rightsOf = (rights: Map<string, { readonly edit: boolean }>): Documents => ({
  access: async actor => (actor.kind === 'user' ? rights.get(actor.userId) : undefined),
  store: async () => ({ contentVersion: 1 }),
})

test('C-14 a new token for the same session keeps the socket, and a round asks once for each session', async () => {
  let token = 'ann'
  const asked: UserActor[] = []
  const server = await start({
    ...byRounds,
    callerOf: async shown => (shown.token === token ? personOf('ann') : undefined),
    sessionLives: async actor => asked.push(actor) > 0,
  })
  const all = [join(server, 'ann'), join(server, 'ann', { room: presenceRoom })]
  await synced(...all)
  token = 'renewed'
  asked.length = 0
  await expect.poll(() => asked.length).toBeGreaterThan(3)
  expect(all.flatMap(({ closes }) => closes)).toEqual([])
  const before = asked.length
  await expect.poll(() => asked.length).toBe(before + 1)
})

test('C-14 a session that has ended is noticed by the round alone', async () => {
  const ended = new Set<string>()
  const server = await start({ ...byRounds, sessionLives: async ({ userId }) => !ended.has(userId) })
  const [ann, bo] = [join(server, 'ann', { kind: 'y-websocket' }), join(server, 'bo', { kind: 'y-websocket' })]
  await synced(ann, bo)
  ended.add('ann')
  await expect.poll(() => ann.closes).toEqual([closings.sessionEnded.code])
  expect(bo.closes).toEqual([])
})

test('C-14 C-15 a right that was withdrawn and a lock that has expired are noticed by the round alone', async () => {
  const rights = new Map([
    ['ann', { edit: true }],
    ['bo', { edit: false }],
  ])
  const server = await start({ ...byRounds, documents: rightsOf(rights) })
  const [ann, bo] = [join(server, 'ann', { kind: 'y-websocket' }), join(server, 'bo')]
  await synced(ann, bo)
  type(bo.doc, 'under the lock')
  rights.set('bo', { edit: true })
  await expect.poll(() => textsOf(ann.doc)).toEqual(['under the lock'])
  rights.delete('ann')
  await expect.poll(() => ann.closes).toEqual([closings.accessLost.code])
})

for (const how of ['right', 'session'] as const) {
  test(`C-14 what waits behind an update when the ${how} ends is not accepted`, async () => {
    const rights = new Map([['ann', { edit: true }]])
    const server = await start({ documents: rightsOf(rights) })
    const logging = hold(server.store, 'append')
    const [first, ...others] = updatesOf(4)
    const { socket, closed } = await rawSocket(server, `/collab/${document}`)
    for (const update of [first, ...others]) socket.send(updateFrame(update as Uint8Array))
    await logging.arrived
    if (how === 'right') rights.clear()
    server.collab.onEvent(
      how === 'right'
        ? { type: 'document.changed', documentId }
        : { type: 'session_ended', userId: 'ann', sessionPublicId: 'ann' },
    )
    expect(await closed).toBe(how === 'right' ? closings.documentGone.code : closings.sessionEnded.code)
    logging.release()
    await expect.poll(() => server.collab.open()).toBe(0)
    await server.collab.stop()
    expect(server.store.logs.get(documentId)).toEqual([first])
  })
}

test('C-4 what comes in one piece with a bad message is not accepted', async () => {
  const server = await start()
  const { socket, closed } = await rawSocket(server, `/collab/${document}`)
  socket.on('message', () => {})
  const { _socket: stream } = socket as unknown as { _socket: { cork(): void; uncork(): void } }
  stream.cork()
  socket.send('text')
  for (const update of updatesOf(2)) socket.send(updateFrame(update))
  stream.uncork()
  expect(await closed).toBe(closings.badMessage.code)
  await server.collab.stop()
  expect(server.store.logs.size).toBe(0)
})

test('C-16 a session that ends while a client is let in is refused', async () => {
  let ended = false
  const server = await start({
    callerOf: async () => {
      ended = true
      return personOf('ann')
    },
    sessionLives: async () => !ended,
  })
  const ann = join(server, 'ann')
  await expect.poll(() => ann.refusals).toContain('unauthenticated')
  expect(ann.synced()).toBe(false)
})

test('C-16 a right that changes while the document is read is told to the client', async () => {
  const rights = new Map([['ann', { edit: true }]])
  const server = await start({ documents: rightsOf(rights) })
  const reading = hold(server.store, 'load')
  const ann = join(server, 'ann')
  await reading.arrived
  await expect.poll(() => ann.scope()).toBe('read-write')
  rights.set('ann', { edit: false })
  server.collab.onEvent({ type: 'document.lock', documentId })
  reading.release()
  await synced(ann)
  await expect.poll(() => ann.scope()).toBe('readonly')
})

test('C-29 once an owner has taken a lock over nothing of who held it is accepted, while the lookups still run', async () => {
  const lookups: (() => void)[] = []
  let held = false
  const server = await start({
    documents: {
      ...rightsOf(new Map()),
      access: async () => {
        if (held) await new Promise<void>(resolve => lookups.push(resolve))
        return { edit: true }
      },
    },
  })
  const [ann, annsOther, bo] = [join(server, 'ann'), join(server, 'ann', { kind: 'y-websocket' }), join(server, 'bo')]
  await synced(ann, annsOther, bo)
  const lateOnes = (): number => textsOf(bo.doc).filter(text => text === 'too late').length
  held = true
  server.collab.onEvent({ type: 'document.lock', documentId })
  await expect.poll(() => lookups.length).toBe(3)
  server.collab.onEvent({ type: 'document.lock', documentId, takenFrom: 'ann' })
  for (const { doc } of [ann, annsOther]) type(doc, 'too late')
  type(bo.doc, 'by the owner')
  await expect.poll(() => [ann, annsOther].every(({ doc }) => textsOf(doc).includes('by the owner'))).toBe(true)
  expect(ann.scope()).toBe('readonly')
  // these answers were asked for before the owner took it
  for (const answer of lookups.splice(0)) answer()
  await expect.poll(() => lookups.length).toBe(3)
  type(bo.doc, 'again')
  await expect.poll(() => textsOf(annsOther.doc).includes('again')).toBe(true)
  expect(ann.scope()).toBe('readonly')
  expect(lateOnes()).toBe(0)
  for (const answer of lookups.splice(0)) answer()
  await expect.poll(lateOnes).toBe(2)
})

test('C-14 a document that is gone when it is read closes with 4404', async () => {
  const server = await start()
  server.store.load = async () => undefined
  const ann = join(server, 'ann', { kind: 'y-websocket' })
  await expect.poll(() => ann.closes).toEqual([closings.documentGone.code])
})
