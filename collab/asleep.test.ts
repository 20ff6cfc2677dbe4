// Documents that nobody types in, over both protocols: read, left and come back to from their bytes; built when needed.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { expect, test } from 'vitest'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { contentField } from '#server/content/yjs-content.ts'
import { createMetrics } from '#server/kernel/metrics.ts'
import { must } from '#server/kernel/must.ts'
import { closings } from './closing.ts'
import { kinds } from './frames.ts'
import { nested, removalOf, textsOf, transports, type } from './testing/clients.ts'
import { document, join, rawSocket, start, synced, updateFrame } from './testing/memory-clients.ts'
import type { MemoryServer } from './testing/memory-server.ts'

const protocols = Object.keys(transports) as (keyof typeof transports)[]

/** Three paragraphs of four that were typed: the state has deletions. */
const stored = (): Uint8Array => {
  const doc = new Y.Doc()
  for (const text of ['granite', 'gone', 'tide', 'light']) type(doc, text)
  doc.getXmlFragment(contentField).delete(1, 1)
  return Y.encodeStateAsUpdate(doc)
}

/** A server on which `document` holds `state`, and the number of its documents that sleep. */
const serve = async (state: Uint8Array, edit = true): Promise<MemoryServer & { sleeping(): Promise<number> }> => {
  const metrics = createMetrics()
  const documents = { access: async () => ({ edit }), store: async () => ({ contentVersion: 1 }) }
  const server = await start({ metrics, documents })
  const { load } = server.store
  server.store.load = async id => {
    const { updates = [] } = (await load(id)) ?? {}
    return { state, updates }
  }
  const sleeping = async () => {
    const { values } = (await metrics.registry.getSingleMetric('skerry_collab_sleeping_documents')?.get()) ?? {}
    return values?.[0]?.value ?? Number.NaN
  }
  return { ...server, sleeping }
}

for (const kind of protocols) {
  test(`C-28 over ${kind} a document is read, left and come back to while it sleeps`, async () => {
    const server = await serve(stored())
    const [ann, bo] = [join(server, 'ann', { kind }), join(server, 'bo', { kind })]
    await synced(ann, bo)
    for (const one of [ann, bo]) expect(textsOf(one.doc)).toEqual(['granite', 'tide', 'light'])
    ann.goOffline()
    await expect.poll(() => ann.synced()).toBe(false)
    ann.goOnline()
    await synced(ann)
    await expect.poll(() => ann.acknowledged() && bo.acknowledged()).toBe(true)
    expect(await server.sleeping()).toBe(1)
    expect(server.store.logs.size).toBe(0)
    // a copy of what it has by now, and everybody goes: the next one opens it anew
    for (const one of [ann, bo]) one.destroy()
    await expect.poll(() => server.sleeping()).toBe(0)
    const cy = join(server, 'cy', { kind, doc: ann.doc })
    await synced(cy)
    expect(await server.sleeping()).toBe(1)
  })

  test(`C-28 over ${kind} it is built when somebody types, or comes back with what he typed`, async () => {
    const server = await serve(stored())
    const [ann, bo] = [join(server, 'ann', { kind }), join(server, 'bo')]
    await synced(ann, bo)
    bo.goOffline()
    type(bo.doc, 'offline')
    const update = Y.encodeStateAsUpdate(bo.doc)
    type(ann.doc, 'typed')
    await expect.poll(() => server.store.logs.size).toBe(1)
    expect(await server.sleeping()).toBe(0)
    bo.goOnline()
    await expect.poll(() => textsOf(ann.doc)).toContain('offline')
    await expect.poll(() => textsOf(bo.doc)).toContain('typed')
    expect(Y.encodeStateAsUpdate(ann.doc)).toEqual(Y.encodeStateAsUpdate(bo.doc))
    for (const one of [ann, bo]) one.destroy()
    // what was logged is in what comes next; nothing of it sleeps
    const cy = join(server, 'cy', { kind })
    await synced(cy)
    expect(await server.sleeping()).toBe(0)
    Y.applyUpdate(cy.doc, update)
    expect(Y.encodeStateAsUpdate(cy.doc)).toEqual(Y.encodeStateAsUpdate(ann.doc))
  })

  test(`C-12 C-28 over ${kind} whoever may only read wakes nothing by reading, and is heard in nothing`, async () => {
    const server = await serve(stored(), false)
    const ann = join(server, 'ann', { kind })
    await synced(ann)
    await expect.poll(() => ann.acknowledged()).toBe(true)
    expect(await server.sleeping()).toBe(1)
    type(ann.doc, 'not allowed')
    await expect.poll(() => server.sleeping()).toBe(0)
    const bo = join(server, 'bo')
    await synced(bo)
    expect(textsOf(bo.doc)).toEqual(['granite', 'tide', 'light'])
    expect(server.store.logs.size).toBe(0)
  })
}

test('C-28 content that a command has stored wakes the document, and arrives', async () => {
  const before = stored()
  const server = await serve(before)
  const ann = join(server, 'ann')
  await synced(ann)
  const changed = new Y.Doc()
  Y.applyUpdate(changed, before)
  type(changed, 'by a command')
  server.store.load = async () => ({ state: Y.encodeStateAsUpdate(changed), updates: [] })
  server.collab.onEvent({ type: 'document.content', documentId: document.slice('document:'.length) })
  await expect.poll(() => textsOf(ann.doc)).toContain('by a command')
})

/** Steps and payloads of what a plain y-websocket client hears. */
const listen = async (server: MemoryServer) => {
  const heard: { readonly step: number; readonly payload: Uint8Array }[] = []
  const { socket, closed } = await rawSocket(server, `/collab/${document}`)
  socket.on('message', data => {
    const decoder = decoding.createDecoder(new Uint8Array(data as Buffer))
    if (decoding.readVarUint(decoder) !== kinds.sync) return
    heard.push({ step: decoding.readVarUint(decoder), payload: decoding.readVarUint8Array(decoder) })
  })
  const ask = (vector: Uint8Array): void =>
    socket.send(
      encoding.encode(encoder => {
        encoding.writeVarUint(encoder, kinds.sync)
        encoding.writeVarUint(encoder, messageYjsSyncStep1)
        encoding.writeVarUint8Array(encoder, vector)
      }),
    )
  return { socket, closed, heard, ask }
}

for (const asleep of [true, false]) {
  test(`whoever opens ${asleep ? 'a sleeping document' : 'one with a log'} is sent it once`, async () => {
    const server = await serve(stored())
    const more = new Y.Doc()
    type(more, 'logged')
    if (!asleep) server.store.logs.set(document.slice('document:'.length), [Y.encodeStateAsUpdate(more)])
    const { heard, ask } = await listen(server)
    ask(new Uint8Array([0]))
    await expect.poll(() => heard.length).toBe(2)
    // what it lacks a second time: everything that was on its way before is there
    ask(must(heard.find(({ step }) => step === messageYjsSyncStep1)).payload)
    await expect.poll(() => heard.length).toBeGreaterThanOrEqual(4)
    const answers = heard
      .filter(({ step }) => step === messageYjsSyncStep2)
      .map(({ payload }) => Y.decodeUpdate(payload))
    expect(answers.length).toBe(2)
    expect(answers[0]?.structs.length).toBeGreaterThan(3)
    expect(answers[1]?.structs).toEqual([])
    expect(heard.some(({ step }) => step === messageYjsUpdate)).toBe(false)
  })
}

test('C-5 a state that can be read but not built closes the sockets when it is to be built', async () => {
  const deep = nested(12_000)
  const server = await serve(Y.mergeUpdates([Y.encodeStateAsUpdate(deep), removalOf(deep)]))
  const { socket, heard, ask, closed } = await listen(server)
  ask(new Uint8Array([0]))
  await expect.poll(() => heard.length).toBe(2)
  const typed = new Y.Doc()
  type(typed, 'typed')
  socket.send(updateFrame(Y.encodeStateAsUpdate(typed)))
  expect(await closed).toBe(closings.failed.code)
  expect(server.store.logs.size).toBe(0)
})
