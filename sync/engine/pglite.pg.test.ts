// pglite-sync: shapes into tables of an embedded database, several in one transaction, resumed by key, refetched.
import { PGlite } from '@electric-sql/pglite'
import { electricSync, type SyncShapesToTablesResult } from '@electric-sql/pglite-sync'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'

const schema = `create table items (id int primary key, title text not null, n int, done boolean, data jsonb);
  create table notes (id int primary key, item int not null, body text)`

let database: TestDatabase
let db: pg.Client
let running: TestEngine
let local: Awaited<ReturnType<typeof openLocal>>

const openLocal = () => PGlite.create({ extensions: { electric: electricSync() } })

beforeEach(async () => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query(schema)
  running = await startEngine(database.url)
  local = await openLocal()
  await local.exec(schema)
})

afterEach(async () => {
  await local.close()
  await running.stop()
  await db.end()
  await database.drop()
})

const shape = (table: string) => ({
  shape: { url: running.url, params: { table } },
  table,
  primaryKey: ['id'],
})

const dump = 'select json_agg(t order by t.id)::text as rows from TABLE t'

const isEqual = async (table: string): Promise<boolean> => {
  const sql = dump.replace('TABLE', table)
  const [here, there] = await Promise.all([db.query<{ rows: string }>(sql), local.query<{ rows: string }>(sql)])
  return here.rows[0]?.rows === there.rows[0]?.rows
}

/** Waits until both tables hold what the server's hold. */
const converged = async () => {
  await until('items are equal', () => isEqual('items'))
  await until('notes are equal', () => isEqual('notes'))
}

const isReady = async (start: (onInitialSync: () => void) => Promise<SyncShapesToTablesResult>) => {
  let ready = false
  const sync = await start(() => {
    ready = true
  })
  await until('the first sync is done', () => ready)
  return sync
}

test('E55 E56 E57 E62 one shape into one table: inserts, updates, deletes, changed keys', async () => {
  await db.query(
    `insert into items select g, 'it''s ' || g, g, g % 2 = 0, '{"a":[1,null]}' from generate_series(1, 9) g`,
  )
  const sync = await local.electric.syncShapeToTable({ ...shape('items'), shapeKey: null })
  await until('the rows are there', () => isEqual('items'))
  await db.query("insert into items values (20, 'new', null, null, null)")
  await db.query("update items set title = 'changed', data = null, done = true where id = 1")
  await db.query('delete from items where id = 2; update items set id = 30 where id = 3')
  await db.query('update items set n = n + 1, data = \'["x"]\'')
  await until('all changes are there', () => isEqual('items'))
  expect(sync.isUpToDate).toBe(true)
  sync.unsubscribe()
})

test('E152 a transaction over two tables is committed as one, an idle shape beside them', async () => {
  await db.query('create table idle (id int primary key)')
  await local.exec('create table idle (id int primary key)')
  const sync = await isReady(onInitialSync =>
    local.electric.syncShapesToTables({
      key: null,
      shapes: { items: shape('items'), notes: shape('notes'), idle: shape('idle') },
      onInitialSync,
    }),
  )
  // whoever looks sees both tables or neither
  const uneven: unknown[] = []
  const look = async () => {
    const { rows } = await local.query<{ items: number; notes: number }>(
      'select (select count(*)::int from items) as items, (select count(*)::int from notes) as notes',
    )
    if (rows[0]?.items !== rows[0]?.notes) uneven.push(rows[0])
    return rows[0]?.items
  }
  for (let id = 1; id <= 20; id++)
    await db.query(`begin; insert into items values (${id}, 't'); insert into notes values (${id}, ${id}, 'b'); commit`)
  await until('all rows are there', async () => (await look()) === 20)
  await db.query('begin; delete from notes where id > 5; delete from items where id > 5; commit')
  await until('the deletes are there', async () => (await look()) === 5)
  expect(uneven).toEqual([])
  await converged()
  sync.unsubscribe()
})

test('E72 E135 resumed by key: only what was missed is fetched, also over a restart of the engine', async () => {
  await db.query("insert into items select g, 't' from generate_series(1, 50) g; insert into notes values (1, 1, 'a')")
  const start = (onInitialSync?: () => void) =>
    local.electric.syncShapesToTables({
      key: 'mine',
      shapes: { items: shape('items'), notes: shape('notes') },
      ...(onInitialSync === undefined ? {} : { onInitialSync }),
    })
  const first = await isReady(start)
  await converged()
  const handles = [first.streams['items']?.shapeHandle, first.streams['notes']?.shapeHandle]
  first.unsubscribe()
  // notes never had a change: its offset is the one behind its snapshot
  await db.query("insert into items values (100, 'missed'); update items set title = 'u' where id = 1")
  const port = Number(new URL(running.origin).port)
  const { folder, replicationId } = running
  await running.stop({ keep: true })
  await db.query('delete from items where id = 2')
  running = await startEngine(database.url, { storageDir: folder, replicationId, port })
  // rows of before come from what is stored here, not again: one that is taken away stays away
  await local.query('delete from items where id = 50')
  const second = await start()
  await until('what was missed is there', async () => {
    const { rows } = await local.query<{ ids: number[] }>('select array_agg(id) as ids from items')
    const ids = rows[0]?.ids ?? []
    return ids.includes(100) && !ids.includes(2)
  })
  expect((await local.query('select 1 from items where id = 50')).rows).toEqual([])
  await db.query("delete from items where id = 50; insert into notes values (2, 2, 'b')")
  await converged()
  expect([second.streams['items']?.shapeHandle, second.streams['notes']?.shapeHandle]).toEqual(handles)
  second.unsubscribe()
})

for (const initialInsertMethod of ['insert', 'csv', 'json'] as const)
  test(`E34 E37 ten thousand rows by ${initialInsertMethod}`, async () => {
    // its CSV has no text for objects
    const data = initialInsertMethod === 'csv' ? 'null' : "jsonb_build_object('g', g, 'x', 'it''s')"
    await db.query(`insert into items
      select g, 'row, "' || g || '"', nullif(g % 7, 0), g % 2 = 0, ${data} from generate_series(1, 10000) g`)
    const sync = await isReady(onInitialSync =>
      local.electric.syncShapesToTables({
        key: null,
        shapes: { items: shape('items'), notes: shape('notes') },
        initialInsertMethod,
        onInitialSync,
      }),
    )
    await converged()
    await db.query("update items set n = 0 where id = 5000; insert into notes values (1, 1, 'a')")
    await converged()
    sync.unsubscribe()
  })

test('E87 E99 must-refetch: one table is emptied and filled anew, the other stays', async () => {
  await db.query("insert into items select g, 't' from generate_series(1, 5) g; insert into notes values (1, 1, 'a')")
  const sync = await isReady(onInitialSync =>
    local.electric.syncShapesToTables({
      key: 'mine',
      shapes: { items: shape('items'), notes: shape('notes') },
      onInitialSync,
    }),
  )
  await converged()
  const handle = String(sync.streams['items']?.shapeHandle)
  const query = new URLSearchParams({ table: 'items', handle })
  expect((await fetch(`${running.url}?${query}`, { method: 'DELETE' })).status).toBe(202)
  await db.query("delete from items where id < 3; insert into items values (9, 'new')")
  await converged()
  await db.query("truncate items; insert into items values (10, 'after'); insert into notes values (2, 2, 'b')")
  await converged()
  expect(sync.streams['items']?.shapeHandle).not.toBe(handle)
  sync.unsubscribe()
})
