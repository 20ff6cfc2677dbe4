// The way of a keystroke over both protocols: in, acknowledged, durable, passed on, stored.
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { appendUpdate, stateOf } from '#server/content/document-state.ts'
import { until } from '#server/testing/postgres.ts'
import { documentName } from './document-name.ts'
import { postgresStore } from './postgres-store.ts'
import { textsOf, type } from './testing/clients.ts'
import { type CollabServer, startCollabServer } from './testing/server.ts'

let collab: CollabServer
beforeEach(async () => {
  collab = await startCollabServer()
})
afterEach(async () => collab.close())

const kinds = ['hocuspocus', 'y-websocket'] as const

const storedTexts = async (documentId: string): Promise<string[]> => {
  const stored = await postgresStore(collab.server.database.pool).load(documentId)
  const doc = new Y.Doc()
  if (stored?.state) Y.applyUpdate(doc, stored.state)
  for (const update of stored?.updates ?? []) Y.applyUpdate(doc, update)
  return textsOf(doc)
}

for (const first of kinds) {
  for (const second of kinds) {
    test(`D96 C-1: what one types over ${first} the other reads over ${second}, and the store has it`, async () => {
      const { documents, ann, bo, open } = collab
      const id = await documents.create(ann.userId)
      documents.allow(bo.userId, id, { edit: true })
      const one = open(id, ann.token, first)
      const other = open(id, bo.token, second)
      await until('both are in', () => one.synced() && other.synced())
      type(one.doc, 'granite')
      await until('it arrives', () => textsOf(other.doc).includes('granite'))
      expect(await storedTexts(id)).toEqual(['granite'])
      type(other.doc, 'tide')
      await until('it comes back', () => textsOf(one.doc).includes('tide'))
      await until('both are stored', () =>
        documents.stores.some(({ contributors }) => contributors.includes(bo.userId)),
      )
      await until('nothing waits', async () => {
        const { rows } = await collab.server.database.pool.query('select 1 from document_updates')
        return rows.length === 0
      })
      const { rows } = await collab.server.database.pool.query<{ content_plain: string }>(
        'select content_plain from document_contents where document_id = $1',
        [id],
      )
      expect(rows[0]?.content_plain).toBe('granite\ntide')
    })
  }
}

const paragraph = (text: string) => ({
  type: 'doc',
  content: [{ type: 'paragraph', content: [{ type: 'text', text }] }],
})

test('C-1 while the log waits, nothing is passed on and nothing acknowledged', async () => {
  const { documents, ann, bo, server } = collab
  const id = await documents.create(ann.userId)
  documents.allow(bo.userId, id, { edit: true })
  const writer = collab.open(id, ann.token)
  const reader = collab.open(id, bo.token, 'y-websocket')
  await until('both are in', () => writer.synced() && reader.synced() && writer.acknowledged())
  const blocker = new pg.Client({ connectionString: server.databaseUrl })
  await blocker.connect()
  await blocker.query('begin')
  await blocker.query('lock table document_updates in exclusive mode')
  type(writer.doc, 'held')
  await until('the log waits', async () => {
    const { rows } = await server.database.pool.query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%insert into document_updates%'",
    )
    return rows.length > 0
  })
  expect(writer.acknowledged()).toBe(false)
  expect(textsOf(reader.doc)).toEqual([])
  await blocker.query('commit')
  await blocker.end()
  await until('it is acknowledged', () => writer.acknowledged())
  await until('it arrives', () => textsOf(reader.doc).includes('held'))
})

test('C-7 a store that fails is repeated without another edit, its people kept', async () => {
  const { documents, ann } = collab
  const id = await documents.create(ann.userId)
  const writer = collab.open(id, ann.token)
  await until('she is in', () => writer.synced())
  documents.failStores(2)
  type(writer.doc, 'patience')
  await until('it was tried three times', () => documents.stores.length === 3)
  expect(documents.stores.map(({ contributors }) => contributors)).toEqual([1, 2, 3].map(() => [ann.userId]))
  await until('it is stored', async () => {
    const { rows } = await collab.server.database.pool.query('select 1 from document_contents where document_id = $1', [
      id,
    ])
    return rows.length === 1
  })
})

test('C-8 C-9 what is in the log is there when a document opens, is stored, and a command shows in the open one', async () => {
  const { documents, ann, server } = collab
  const { pool } = server.database
  const id = await documents.create(ann.userId)
  const log = (update: Uint8Array) =>
    pool.query('insert into document_updates (document_id, update) values ($1, $2)', [id, Buffer.from(update)])
  const state = stateOf(paragraph('left behind'))
  await log(state)
  const replicas = kinds.map(kind => collab.open(id, ann.token, kind))
  await until('both read it', () => replicas.every(({ doc }) => textsOf(doc).join() === 'left behind'))
  await until('it is stored', async () => (await pool.query('select 1 from document_updates')).rows.length === 0)
  await log(appendUpdate(state, paragraph('by command')))
  server.app.bus.publish([{ type: 'document.content', documentId: id }])
  await until('both read that', () => replicas.every(({ doc }) => textsOf(doc).join() === 'left behind,by command'))
})

test('C-22 a page of a foreign origin is refused at the upgrade; an allowed one may use its cookie', async () => {
  const { documents, ann, server } = collab
  const id = await documents.create(ann.userId)
  const open = (origin: string) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/collab/${documentName(id)}`, 'skerry', {
      origin,
      headers: { cookie: `skerry_session=${ann.token}` },
    })
    return new Promise<string>(done => {
      socket.on('error', error => done(error.message))
      // the first frame of the server: it asks for what we have
      socket.on('message', () => {
        done('let in')
        socket.terminate()
      })
      socket.on('open', () => socket.send(new Uint8Array([0, 0, 1, 0])))
      socket.on('close', code => done(`closed ${code}`))
    })
  }
  expect(await open('https://evil.test')).toContain('403')
  expect(await open('http://app.test')).toBe('let in')
})

test('D97 two people who typed offline in different paragraphs have everything after both come back', async () => {
  const { documents, ann, bo } = collab
  const id = await documents.create(ann.userId)
  documents.allow(bo.userId, id, { edit: true })
  const one = collab.open(id, ann.token)
  const other = collab.open(id, bo.token, 'y-websocket')
  await until('both are in', () => one.synced() && other.synced())
  type(one.doc, 'first')
  type(one.doc, 'second')
  await until('both read it', () => textsOf(other.doc).length === 2)
  for (const replica of [one, other]) replica.goOffline()
  await until('both are out', () => !one.synced() && !other.synced())
  type(one.doc, 'by Ann', 1)
  type(other.doc, 'by Bo')
  for (const replica of [one, other]) replica.goOnline()
  const all = ['first', 'by Ann', 'second', 'by Bo']
  await until('both have all', () => [one, other].every(({ doc }) => textsOf(doc).join() === all.join()))
  await until('and so has the store', async () => (await storedTexts(id)).join() === all.join())
})
