// The way of a keystroke over both protocols: in, acknowledged, durable, passed on, stored.
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '#server/testing/postgres.ts'
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
