// TanStack DB's Electric collections, in both versions: the three sync modes, writes that settle by transaction id or by
// a match, live queries, and an engine that restarts in between.
import type { Collection } from '@tanstack/db'
import type { ElectricCollectionConfig, ElectricCollectionUtils } from '@tanstack/electric-db-collection'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { recordingFetch } from '../testing/official-client.ts'
import { loadTanStack, tanStackPackages } from '../testing/tanstack.ts'

type Item = { id: number; title: string; n: number | null }
type Items = Collection<Item, string | number, ElectricCollectionUtils<Item>>

let database: TestDatabase
let pool: pg.Pool
let running: TestEngine
let cleanups: (() => Promise<void>)[] = []

beforeEach(async () => {
  database = await emptyDatabase()
  pool = new pg.Pool({ connectionString: database.url })
  pool.on('error', () => undefined)
  await pool.query(`create table items (id int primary key, title text not null, n int);
    insert into items select g, 't' || g, g % 5 from generate_series(1, 20) g`)
  running = await startEngine(database.url)
})

afterEach(async () => {
  for (const cleanup of cleanups) await cleanup()
  cleanups = []
  await running.stop()
  await pool.end()
  await database.drop()
})

/** Runs statements in one transaction and returns its id, as an API does. */
const write = async (...statements: (readonly [string, readonly unknown[]])[]): Promise<number> => {
  const client = await pool.connect()
  try {
    await client.query('begin')
    for (const [sql, values] of statements) await client.query(sql, [...values])
    const { rows } = await client.query<{ txid: string }>('select pg_current_xact_id()::xid::text as txid')
    await client.query('commit')
    return Number(must(rows[0], 'row').txid)
  } finally {
    client.release()
  }
}

const inTable = async () => (await pool.query<Item>('select id, title, n from items order by id')).rows

for (const name of tanStackPackages) {
  const { version, electric, db } = await loadTanStack(name)

  const collect = (options: Partial<ElectricCollectionConfig<Item>> = {}, params: Record<string, string> = {}) => {
    const abort = new AbortController()
    const recorded = recordingFetch()
    const config = electric.electricCollectionOptions<Item>({
      id: `items-${Math.random()}`,
      shapeOptions: {
        url: running.url,
        params: { table: 'items', ...params },
        signal: abort.signal,
        fetchClient: recorded.fetch,
      },
      getKey: item => item.id,
      startSync: true,
      // pages and joins ask for subsets only where there is an index
      autoIndex: 'eager',
      defaultIndexType: db.BasicIndex,
      ...options,
    })
    const items = db.createCollection(config) as unknown as Items
    cleanups.push(async () => {
      await items.cleanup()
      abort.abort()
    })
    return { items, exchanges: recorded.exchanges }
  }

  const rowsOf = (items: Pick<Items, 'toArray'>) =>
    items.toArray.map(({ id, title, n }) => ({ id, title, n })).sort((a, b) => a.id - b.id)

  const query = (items: Items, above: number) => {
    const live = db.createLiveQueryCollection({
      startSync: true,
      query: q =>
        q
          .from({ item: items })
          .where(({ item }) => db.gt(item.n, above))
          .orderBy(({ item }) => item.id)
          .select(({ item }) => ({ id: item.id, title: item.title, n: item.n })),
    })
    cleanups.unshift(() => live.cleanup())
    return live
  }

  /** Writes go to the table, as an API would do it, and settle by transaction id. */
  const handlers: Pick<ElectricCollectionConfig<Item>, 'onInsert' | 'onUpdate' | 'onDelete'> = {
    onInsert: async ({ transaction }) => ({
      txid: await write(
        ...transaction.mutations.map(
          ({ modified }) =>
            ['insert into items values ($1, $2, $3)', [modified.id, modified.title, modified.n]] as const,
        ),
      ),
    }),
    onUpdate: async ({ transaction }) => ({
      txid: await write(
        ...transaction.mutations.map(
          ({ modified }) =>
            ['update items set title = $2, n = $3 where id = $1', [modified.id, modified.title, modified.n]] as const,
        ),
      ),
    }),
    onDelete: async ({ transaction }) => ({
      txid: await write(
        ...transaction.mutations.map(({ original }) => ['delete from items where id = $1', [original.id]] as const),
      ),
    }),
  }

  describe(`electric-db-collection ${version}`, () => {
    for (const syncMode of ['eager', 'on-demand', 'progressive'] as const)
      test(`E55 E56 E57 E62 ${syncMode}: a live query follows the table`, async () => {
        // a row that was not loaded can only come in with an update if that has all of its columns
        const { items } = collect({ syncMode }, syncMode === 'on-demand' ? { replica: 'full' } : {})
        const live = query(items, 2)
        await live.preload()
        const expected = async () => (await inTable()).filter(({ n }) => n !== null && n > 2)
        expect(rowsOf(live)).toEqual(await expected())
        await write(
          ["insert into items values (30, 'new', 4), (31, 'other', 1)", []],
          ["update items set n = 4, title = 'moved' where id = 6", []],
          ['update items set n = 0 where id = 4', []],
          ['delete from items where id = 3', []],
          ['update items set id = 40 where id = 9', []],
        )
        await until('all of it arrives', async () => JSON.stringify(rowsOf(live)) === JSON.stringify(await expected()))
        expect(rowsOf(live).map(({ id }) => id)).toEqual([6, 8, 13, 14, 18, 19, 30, 40])
      })

    for (const syncMode of ['eager', 'on-demand', 'progressive'] as const)
      test(`E153 ${syncMode}: writes are shown at once and settle by transaction id`, async () => {
        const { items } = collect({ syncMode, ...handlers })
        const live = query(items, -1)
        await live.preload()
        const inserted = items.insert({ id: 50, title: 'mine', n: 1 })
        expect(items.get(50)?.title).toBe('mine')
        await inserted.isPersisted.promise
        const changed = items.update([50, 1], drafts => {
          for (const draft of drafts) draft.title = 'changed'
        })
        expect(items.get(1)?.title).toBe('changed')
        await changed.isPersisted.promise
        const removed = items.delete(2)
        expect(items.has(2)).toBe(false)
        await removed.isPersisted.promise
        // what is settled is what the engine said, and nothing optimistic is left
        expect(rowsOf(items)).toEqual(await inTable())
        expect(rowsOf(live)).toEqual(await inTable())
        expect([inserted, changed, removed].map(({ state }) => state)).toEqual(['completed', 'completed', 'completed'])
      })

    test('E153 a write that fails is rolled back', async () => {
      const { items } = collect({ ...handlers })
      await items.preload()
      await pool.query("alter table items add check (title <> 'bad')")
      const failed = items.update(1, draft => {
        draft.title = 'bad'
      })
      expect(items.get(1)?.title).toBe('bad')
      await expect(failed.isPersisted.promise).rejects.toThrow(/check constraint/)
      expect(items.get(1)?.title).toBe('t1')
    })

    test('E153 awaitTxId: of a write that came with the snapshot, and of one that never comes', async () => {
      const early = await write(["insert into items values (60, 'early', 1)", []])
      const { items } = collect()
      await items.preload()
      expect(await items.utils.awaitTxId(early)).toBe(true)
      // a transaction that touched nothing of this shape
      const elsewhere = await write(['create table other (id int)', []])
      await expect(items.utils.awaitTxId(elsewhere, 300)).rejects.toThrow(/Timeout waiting for txId/)
    })

    test('E153 awaitMatch settles a write by what it looks like', async () => {
      const { items } = collect({
        onInsert: async ({ transaction, collection }) => {
          const [{ modified }] = transaction.mutations
          await write(['insert into items values ($1, $2, $3)', [modified.id, modified.title, modified.n]])
          await collection.utils.awaitMatch(
            message => electric.isChangeMessage(message) && message.value.title === modified.title,
          )
        },
      })
      await items.preload()
      await items.insert({ id: 70, title: 'matched', n: 1 }).isPersisted.promise
      expect(rowsOf(items)).toEqual(await inTable())
      await expect(items.utils.awaitMatch(() => false, 200)).rejects.toThrow(/Timeout waiting for custom match/)
    })

    test('E112 on-demand loads what is asked for and nothing else', async () => {
      const { items, exchanges } = collect({ syncMode: 'on-demand' })
      await query(items, 3).preload()
      expect(rowsOf(items).every(({ n }) => n === 4)).toBe(true)
      expect(rowsOf(items).length).toBe(4)
      const page = db.createLiveQueryCollection({
        startSync: true,
        query: q =>
          q
            .from({ item: items })
            .orderBy(({ item }) => item.id, 'desc')
            .limit(3)
            .select(({ item }) => ({ id: item.id })),
      })
      cleanups.unshift(() => page.cleanup())
      await page.preload()
      expect(page.toArray.map(({ id }) => id)).toEqual([20, 19, 18])
      await write(["insert into items values (80, 'top', 0)", []])
      await until('the page moves', () => page.toArray[0]?.id === 80)
      expect(page.toArray.map(({ id }) => id)).toEqual([80, 20, 19])
      const subsets = exchanges.filter(({ url }) =>
        [...url.searchParams.keys()].some(key => key.startsWith('subset__')),
      )
      expect(subsets.some(({ url }) => url.searchParams.get('subset__limit') === '3')).toBe(true)
      expect(subsets.length).toBeGreaterThanOrEqual(2)
      expect(exchanges.filter(({ status }) => status !== undefined && status >= 400)).toEqual([])
    })

    test('E152 a live query joins two collections', async () => {
      await pool.query(
        "create table notes (id int primary key, item int, body text); insert into notes values (1, 1, 'a')",
      )
      const { items } = collect()
      const notes = db.createCollection(
        electric.electricCollectionOptions<{ id: number; item: number; body: string }>({
          id: `notes-${Math.random()}`,
          shapeOptions: { url: running.url, params: { table: 'notes' } },
          getKey: note => note.id,
          startSync: true,
          autoIndex: 'eager',
          defaultIndexType: db.BasicIndex,
        }),
      )
      const joined = db.createLiveQueryCollection({
        startSync: true,
        query: q =>
          q
            .from({ note: notes })
            .innerJoin({ item: items }, ({ note, item }) => db.eq(note.item, item.id))
            .select(({ note, item }) => ({ id: note.id, body: note.body, title: item.title })),
      })
      cleanups.unshift(
        () => joined.cleanup(),
        () => notes.cleanup(),
      )
      await joined.preload()
      await write(["update items set title = 'T' where id = 2", []], ["insert into notes values (2, 2, 'b')", []])
      await until('the note is joined', () => joined.toArray.some(({ title }) => title === 'T'))
      expect(joined.toArray.map(({ body, title }) => `${body} ${title}`).sort()).toEqual(['a t1', 'b T'])
    })

    for (const syncMode of ['eager', 'on-demand', 'progressive'] as const)
      test(`E135 ${syncMode}: goes on after the engine has restarted, and after a rotation`, async () => {
        const { items } = collect({ syncMode, ...handlers })
        const live = query(items, -1)
        await live.preload()
        const port = Number(new URL(running.origin).port)
        const { folder, replicationId } = running
        await running.stop({ keep: true })
        await write(["insert into items values (90, 'meanwhile', 1)", []], ['delete from items where id = 5', []])
        running = await startEngine(database.url, { storageDir: folder, replicationId, port })
        await until('what was missed arrives', () => items.has(90) && !items.has(5), 40_000)
        await items.insert({ id: 91, title: 'after', n: 1 }).isPersisted.promise
        expect(rowsOf(live)).toEqual(await inTable())
        // all rows are sent again under a new handle
        await pool.query('truncate items')
        await write(["insert into items values (1, 'again', 1)", []])
        await until('the new rows are there', () => rowsOf(live).length === 1 && items.get(1)?.title === 'again')
        await items.insert({ id: 92, title: 'and on', n: 1 }).isPersisted.promise
        expect(rowsOf(live)).toEqual(await inTable())
      })
  })
}
