// Two servers with the same documents, joined by Redis: edits and presence meet, and nothing that was acknowledged is
// lost, whichever server dies.
import pg from 'pg'
import * as Y from 'yjs'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { documentName } from '#collab/document-name.ts'
import { postgresStore } from '#collab/postgres-store.ts'
import { type Replica, textsOf, transports, type } from '#collab/testing/clients.ts'
import { signUpAt, type SpawnedServer, spawnServer } from '#collab/testing/spawn.ts'
import { derive } from '#server/content/document-state.ts'
import { must } from '#server/kernel/must.ts'
import type { Client } from '#server/testing/client.ts'
import { atHome, makeDocument } from '#server/testing/library.ts'
import { migratedDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { type RedisProcess, startRedis } from './testing/redis.ts'

describe.runIf(inject('missingPrograms').redis === undefined)('two servers and Redis', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let redis: RedisProcess
  const servers: SpawnedServer[] = []
  const urls: string[] = []
  let token = ''
  let client: Client
  const replicas: Replica[] = []

  const start = async (index: number): Promise<void> => {
    const server = await spawnServer(database.url, { REDIS_URL: redis.url })
    servers[index] = server
    urls[index] = server.url
  }

  beforeAll(async () => {
    database = await migratedDatabase()
    pool = new pg.Pool({ connectionString: database.url, max: 2 })
    redis = await startRedis()
    await start(0)
    await start(1)
    ;({ token, client } = await signUpAt(must(urls[0])))
  })
  afterAll(async () => {
    for (const replica of replicas) replica.destroy()
    await Promise.all(servers.map(server => server.kill()))
    await redis.stop()
    await pool.end()
    await database.drop()
  })

  const open = (server: 0 | 1, id: string, kind: Replica['kind'] = 'hocuspocus'): Replica => {
    const replica = transports[kind]({ url: () => must(urls[server]), room: documentName(id), token })
    replicas.push(replica)
    return replica
  }
  const stored = async (id: string): Promise<Y.Doc> => {
    const doc = new Y.Doc()
    const { state, updates } = must(await postgresStore(pool).load(id))
    for (const update of [...(state ? [state] : []), ...updates]) Y.applyUpdate(doc, update)
    return doc
  }
  const synced = (...all: readonly Replica[]) => until('all are in', () => all.every(replica => replica.synced()))
  // a new document has an empty paragraph
  const typedIn = (doc: Y.Doc) => textsOf(doc).filter(text => text !== '')
  const folded = () =>
    until('everything is folded', async () => (await pool.query('select 1 from document_updates')).rows.length === 0)

  test('C-25 edits at either server reach both, over both protocols, and the store', async () => {
    const id = (await makeDocument(client, atHome)).id
    const all = [open(0, id), open(1, id), open(0, id, 'y-websocket'), open(1, id, 'y-websocket')]
    await synced(...all)
    for (const [index, replica] of all.entries()) {
      for (let edit = 0; edit < 10; edit += 1) type(replica.doc, `${index}.${edit}`, index)
    }
    await until('all have all', () => all.every(({ doc }) => typedIn(doc).length === 40))
    const [texts] = all.map(({ doc }) => textsOf(doc).join('\n'))
    await until('they agree', () => all.every(({ doc }) => textsOf(doc).join('\n') === texts))
    await folded()
    expect(textsOf(await stored(id)).join('\n')).toBe(texts)
    const { rows } = await pool.query<{ content_plain: string }>(
      'select content_plain from document_contents where document_id = $1',
      [id],
    )
    expect(rows[0]?.content_plain).toBe(derive(must(all[0]).doc).plain)
  })

  test('C-21 C-25 who is present at one server is seen at the other, until he leaves', async () => {
    const id = (await makeDocument(client, atHome)).id
    const [one, other] = [open(0, id), open(1, id)]
    await synced(one, other)
    one.awareness?.setLocalState({ cursor: 7 })
    await until('it is seen', () =>
      [...(other.awareness?.getStates().values() ?? [])].some(state => (state as { cursor?: number }).cursor === 7),
    )
    one.goOffline()
    // the last one there; its silence would be noticed after half a minute
    const gone = () =>
      [...(other.awareness?.getStates().values() ?? [])].every(state => (state as { cursor?: number }).cursor !== 7)
    await until('it is gone', gone, 5000)
  })

  test('C-25 C-1 a server that dies while both are typed at loses nothing that was acknowledged', async () => {
    const id = (await makeDocument(client, atHome)).id
    const [one, other] = [open(0, id), open(1, id)]
    await synced(one, other)
    for (let edit = 0; edit < 60; edit += 1) {
      type(one.doc, `one ${edit}`)
      type(other.doc, `other ${edit}`)
      if (edit === 30) await until('some is acknowledged', () => one.promised.length > 10)
    }
    await must(servers[0]).kill()
    // who typed there is gone for good: only the log has what he was promised
    one.goOffline()
    const promised = [...one.promised]
    const keeps = (doc: Y.Doc) => promised.every(update => Y.snapshotContainsUpdate(Y.snapshot(doc), update))
    expect(keeps(await stored(id))).toBe(true)
    await until('the other goes on', () => other.acknowledged())
    type(other.doc, 'after the death')
    await until('what was promised there is seen here', () => keeps(other.doc))
    await start(0)
    one.goOnline()
    await until('they agree', () => textsOf(one.doc).join('\n') === textsOf(other.doc).join('\n'))
    expect(typedIn(one.doc)).toHaveLength(121)
    await folded()
    expect(textsOf(await stored(id)).join('\n')).toBe(textsOf(other.doc).join('\n'))
  })
})
