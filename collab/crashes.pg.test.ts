// Seeded editors over both protocols on a server that is killed and started again: whatever was acknowledged is in the
// store, and in the end all replicas, the stored state and its text are the same.
import { afterAll, beforeAll, expect, test } from 'vitest'
import pg from 'pg'
import * as Y from 'yjs'
import { derive } from '#server/content/document-state.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { must } from '#server/kernel/must.ts'
import { atHome, makeDocument } from '#server/testing/library.ts'
import { migratedDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { documentName } from './document-name.ts'
import { postgresStore } from './postgres-store.ts'
import { type Replica, textsOf, transports, type } from './testing/clients.ts'
import { signUpAt, type SpawnedServer, spawnServer } from './testing/spawn.ts'

const rounds = runs(4)
const editors = 6
const editsPerRound = 60
const deadlineMs = 30_000

let database: TestDatabase
let pool: pg.Pool
let server: SpawnedServer | undefined
const replicas: Replica[] = []

beforeAll(async () => {
  database = await migratedDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
})
afterAll(async () => {
  for (const replica of replicas) replica.destroy()
  await server?.kill()
  await pool.end()
  await database.drop()
})

/** What the store says: state and log together. */
const stored = async (documentId: string): Promise<Y.Doc> => {
  const doc = new Y.Doc()
  const found = must(await postgresStore(pool).load(documentId))
  if (found.state) Y.applyUpdate(doc, found.state)
  for (const update of found.updates) Y.applyUpdate(doc, update)
  return doc
}

type Range = readonly [from: number, to: number]

/** Is every number of `range` in one of `among`? */
const covers = (among: readonly Range[], [from, to]: Range): boolean => {
  let at = from
  for (const [start, end] of among.toSorted((a, b) => a[0] - b[0])) if (start <= at && end > at) at = end
  return at >= to
}

/** What an update brings, by author: items and deletions, also those that wait for earlier ones of their author. */
const rangesOf = (update: Uint8Array) => {
  const { structs, ds } = Y.decodeUpdate(update)
  const items = structs
    .filter(struct => !(struct instanceof Y.Skip))
    .map(({ id, length }) => ({ author: id.client, range: [id.clock, id.clock + length] as Range }))
  const gone = [...ds.clients].flatMap(([author, ranges]) =>
    ranges.map(({ clock, len }) => ({ author, range: [clock, clock + len] as Range })),
  )
  return { items, gone }
}

/**
 * Does the store have every update that was acknowledged so far? One that was sent while an earlier one of its author was
 * still on its way is in the log, and waits there.
 */
const keepsPromises = (doc: Y.Doc): boolean => {
  const has = rangesOf(Y.encodeStateAsUpdate(doc))
  const byAuthor = (all: typeof has.items) => Map.groupBy(all, one => one.author)
  const [items, gone] = [byAuthor(has.items), byAuthor(has.gone)]
  const holds = (known: typeof items, wanted: typeof has.items) =>
    wanted.every(({ author, range }) =>
      covers(
        (known.get(author) ?? []).map(one => one.range),
        range,
      ),
    )
  return replicas.every(({ promised }) =>
    promised.every(update => {
      const wanted = rangesOf(update)
      return holds(items, wanted.items) && holds(gone, wanted.gone)
    }),
  )
}

const edit = (replica: Replica, random: () => number, text: string): void => {
  const fragment = replica.doc.getXmlFragment('default')
  if (fragment.length > 3 && random() < 0.2) fragment.delete(Math.floor(random() * fragment.length), 1)
  else type(replica.doc, text, Math.floor(random() * (fragment.length + 1)))
}

test(`C-1 C-2 C-8 editors over both protocols and a server that dies (SKERRY_SEED=${seed})`, {
  timeout: 60_000 + rounds * 60_000,
}, async () => {
  const random = seededRandom(seed)
  server = await spawnServer(database.url)
  let url = server.url
  const { token, client } = await signUpAt(url)
  const { id: documentId } = await makeDocument(client, atHome)
  const room = documentName(documentId)
  for (let index = 0; index < editors; index += 1) {
    const kind = index % 2 === 0 ? 'hocuspocus' : 'y-websocket'
    replicas.push(transports[kind]({ url: () => url, room, token }))
  }
  await until('all are in', () => replicas.every(replica => replica.synced()), deadlineMs)
  let typed = 0
  const offline = new Set<Replica>()
  for (let round = 0; round < rounds; round += 1) {
    const killAt = Math.floor(random() * editsPerRound)
    for (let step = 0; step < editsPerRound; step += 1) {
      const replica = must(replicas[Math.floor(random() * replicas.length)])
      const chance = random()
      if (chance < 0.06) {
        if (offline.delete(replica)) replica.goOnline()
        else {
          offline.add(replica)
          replica.goOffline()
        }
      } else if (chance < 0.1) {
        // a duplicate: everything that this one knows, once more, as another's
        const other = must(replicas[Math.floor(random() * replicas.length)])
        Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(replica.doc))
      } else {
        typed += 1
        edit(replica, random, `edit ${typed}`)
      }
      // lets frames travel; sometimes a whole group commit, sometimes none
      if (random() < 0.5) await pause(Math.floor(random() * 8))
      if (step === killAt) {
        await server.kill()
        expect(keepsPromises(await stored(documentId)), `round ${round}: acknowledged is stored`).toBe(true)
        server = await spawnServer(database.url)
        ;({ url } = server)
      }
    }
    for (const replica of offline) replica.goOnline()
    offline.clear()
    const unlike = async (): Promise<string[]> => {
      const texts = textsOf(await stored(documentId)).join('\n')
      return replicas.flatMap((replica, index) => {
        const same = textsOf(replica.doc).join('\n') === texts
        return replica.synced() && same ? [] : [`${index} ${replica.kind} synced ${replica.synced()} same ${same}`]
      })
    }
    let left: string[] = []
    await until(
      'all replicas agree with the store',
      async () => (left = await unlike()).length === 0,
      deadlineMs,
    ).catch((error: unknown) => {
      throw new Error(`round ${round}: ${left.join(', ')}`, { cause: error })
    })
    await until('all is acknowledged', () => replicas.every(replica => replica.acknowledged()), deadlineMs)
    await until(
      'the log is folded',
      async () => (await pool.query('select 1 from document_updates')).rows.length === 0,
      deadlineMs,
    )
    const { rows } = await pool.query<{ ydoc: Buffer; content_plain: string }>(
      'select ydoc, content_plain from document_contents where document_id = $1',
      [documentId],
    )
    const { ydoc, content_plain: plain } = must(rows[0])
    expect(plain).toBe(derive(ydoc).plain)
    for (const replica of replicas) expect(derive(replica.doc).plain).toBe(plain)
  }
  expect(replicas.reduce((sum, { promised }) => sum + promised.length, 0)).toBeGreaterThan(rounds * 10)
  expect(await server.stop()).toBe(0)
})
