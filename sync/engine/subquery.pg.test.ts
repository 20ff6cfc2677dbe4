// Subqueries on the wire: tags, moves, what is refused, and what a restart keeps.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import pg from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, until } from '#server/testing/postgres.ts'
import { type BedDatabase, makeBed } from '../testing/bed.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { ask, changesOf, type Message, readToEnd } from '../testing/http.ts'
import { compareRows, compareWithSql, followStrictly, type ShapeQuery } from '../testing/oracle.ts'
import { below, randomFrom, seeds } from '../testing/random.ts'
import { subqueryWorkload } from '../testing/subquery-workload.ts'
import { openSubsetReader } from '../testing/subset-reader.ts'

const { engines, open, settle, start } = makeBed(emptyDatabase)
let database: BedDatabase
let db: pg.Client

beforeEach(async () => {
  ;({ database, db } = await open(`
    create table tasks (id int primary key, project int, title text, owner int);
    create table members (project int, person int);
    create table projects (id int primary key, team int, open bool not null default true);
    create table teams (team int, person int, primary key (team, person))`))
})

const mine = { table: 'tasks', where: 'project IN (SELECT project FROM members WHERE person = 7)' }

interface Followed {
  readonly next: () => Promise<readonly Message[]>
  readonly first: readonly Message[]
  readonly handle: string
}

/** Reads the shape to its end, and then, call by call, what has come since and is complete. */
const follow = async (running: TestEngine, params: Record<string, string>): Promise<Followed> => {
  let at = await readToEnd(running.url, params)
  const { handle } = at
  const first = at.messages
  return {
    first,
    handle,
    next: async () => {
      await settle(running)
      const { rows } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
      const messages: Message[] = []
      // Rows may still be on their way in: then the promise stays behind.
      await until('the shape has caught up', async () => {
        await db.query("select pg_logical_emit_message(false, 'test', '')")
        at = await readToEnd(running.url, params, at)
        messages.push(...at.messages.filter(({ headers }) => headers['control'] !== 'up-to-date'))
        const promised = BigInt(String(at.messages.at(-1)?.headers['global_last_seen_lsn']))
        return promised + 1n >= BigInt(rows[0]?.lsn ?? 0)
      })
      return messages
    },
  }
}

const kinds = (messages: readonly Message[]) =>
  messages.map(({ key, headers }) =>
    key === undefined
      ? String(headers['event'] ?? headers['control'])
      : `${headers['is_move_in'] === true ? 'moved ' : ''}${String(headers['operation'])} ${key.split('"').at(-2) ?? ''}`,
  )

describe('E149 E150 §18 moves', () => {
  beforeEach(async () => {
    await db.query(`
      insert into tasks values (1, 1, 'a', 1), (2, 2, 'b', 1), (3, 2, 'c', 2), (4, null, 'd', 1);
      insert into members values (1, 7)`)
  })

  test('E150 S-50 rows carry tags; a value that comes brings its rows, one that goes takes them by event alone', async () => {
    const running = await start()
    const shape = await follow(running, mine)
    expect(kinds(shape.first)).toEqual(['insert 1', 'snapshot-end', 'up-to-date'])
    const [row] = changesOf(shape.first)
    expect(Object.keys(row?.headers ?? {}).sort()).toEqual(['active_conditions', 'operation', 'relation', 'tags'])
    expect(row?.headers['active_conditions']).toEqual([true])
    const tag = must((row?.headers['tags'] as string[] | undefined)?.[0])
    expect(tag).toMatch(/^[0-9a-f]{32}$/)

    const { rows } = await db.query<{ xid: string }>(
      'with w as (insert into members values (2, 7)) select pg_current_xact_id()::xid::text as xid',
    )
    const moved = await shape.next()
    expect(kinds(moved)).toEqual(['move-in', 'moved insert 2', 'moved insert 3', 'snapshot-end'])
    expect(moved[0]?.headers['txids']).toEqual([Number(rows[0]?.xid)])
    const pattern = must((moved[0]?.headers['patterns'] as { pos: number; value: string }[] | undefined)?.[0])
    expect(pattern.pos).toBe(0)
    expect(moved[1]?.headers['tags']).toEqual([pattern.value])
    expect(Object.keys(moved[1]?.headers ?? {}).sort()).toEqual([
      'active_conditions',
      'is_move_in',
      'operation',
      'relation',
      'tags',
    ])
    expect(moved[1]?.value).toEqual({ id: '2', project: '2', title: 'b', owner: '1' })

    await db.query("update tasks set title = 'B' where id = 2")
    const [updated] = await shape.next()
    expect(updated?.headers).toMatchObject({
      tags: [pattern.value],
      removed_tags: [],
      active_conditions: [true],
      last: true,
    })
    await db.query('update tasks set project = 1 where id = 2')
    const [across] = await shape.next()
    expect(across?.headers).toMatchObject({ operation: 'update', tags: [tag], removed_tags: [pattern.value] })

    await db.query('delete from members where project = 1')
    const out = await shape.next()
    expect(kinds(out)).toEqual(['move-out'])
    expect(out[0]?.headers['patterns']).toEqual([{ pos: 0, value: tag }])
    await db.query('update tasks set project = 1 where id = 3')
    const left = await shape.next()
    expect(kinds(left)).toEqual(['delete 3'])
    expect(left[0]?.headers).toMatchObject({ tags: [pattern.value], active_conditions: [true] })
  })

  test('S-50 only the first and the last row with a value make it come and go', async () => {
    const running = await start()
    const shape = await follow(running, mine)
    await db.query('insert into members values (1, 7)')
    expect(await shape.next()).toEqual([])
    await db.query('delete from members where ctid = (select min(ctid) from members)')
    expect(await shape.next()).toEqual([])
    await db.query('delete from members')
    expect(kinds(await shape.next())).toEqual(['move-out'])
    await db.query('insert into members values (9, 7)')
    expect(kinds(await shape.next())).toEqual(['move-in'])
  })

  test('S-51 a cascade that deletes both sides in one transaction deletes the row', async () => {
    const running = await start()
    const shape = await follow(running, mine)
    await db.query('begin; delete from members where project = 1; delete from tasks where id = 1; commit')
    expect(kinds(await shape.next())).toEqual(['delete 1', 'move-out'])
    await db.query("begin; insert into tasks values (9, 5, 'n', 1); insert into members values (5, 7); commit")
    expect(kinds(await shape.next())).toEqual(['insert 9', 'move-in'])
  })

  test('S-51 a row that is written twice in a transaction that moves it is told once', async () => {
    const running = await start()
    const shape = await follow(running, mine)
    await db.query(`begin; insert into members values (2, 7); update tasks set title = 'x' where id = 2;
      update tasks set title = 'y' where id = 2; update tasks set project = 3 where id = 2; commit`)
    expect(kinds(await shape.next())).toEqual([
      'insert 2',
      'update 2',
      'delete 2',
      'move-in',
      'moved insert 3',
      'snapshot-end',
    ])
  })

  test('§18.2 every occurrence of a literal has a position; tags say which take part', async () => {
    const running = await start()
    const where = "project IN (SELECT project FROM members WHERE person = 7) OR title = 'b'"
    const shape = await follow(running, { table: 'tasks', where })
    const rows = changesOf(shape.first)
    expect(rows.map(row => row.headers['active_conditions'])).toEqual([
      [true, false],
      [false, true],
    ])
    expect(rows.map(row => (row.headers['tags'] as string[])[1])).toEqual(['/1', '/1'])
    expect(rows.map(row => (row.headers['tags'] as string[])[0])).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}\/$/),
      expect.stringMatching(/^[0-9a-f]{32}\/$/),
    ])
    // Row 2 is there already: its condition is switched on by the event, and only row 3 comes.
    await db.query('insert into members values (2, 7)')
    expect(kinds(await shape.next())).toEqual(['move-in', 'moved insert 3', 'snapshot-end'])
    await db.query("update tasks set title = 'q' where id = 2")
    const [kept] = await shape.next()
    expect(kept?.headers).toMatchObject({ operation: 'update', active_conditions: [true, false] })
    const both = { table: 'tasks', where: `${mine.where} AND owner IN (SELECT person FROM members) AND title <> 'z'` }
    await db.query('insert into members values (50, 1)')
    const [row] = changesOf((await follow(running, both)).first)
    expect(row?.headers['tags']).toEqual([expect.stringMatching(/^[0-9a-f]{32}\/[0-9a-f]{32}\/1$/)])
  })

  test('§18.4 NOT IN is the other way round, and NULL counts as in SQL', async () => {
    await db.query('delete from members')
    const running = await start()
    const shape = await follow(running, { table: 'tasks', where: 'project NOT IN (SELECT project FROM members)' })
    expect(kinds(shape.first)).toEqual(['insert 1', 'insert 2', 'insert 3', 'insert 4', 'snapshot-end', 'up-to-date'])
    await db.query('insert into members values (1, 1)')
    const out = await shape.next()
    // NULL NOT IN (nothing) holds, NULL NOT IN (1) does not.
    expect(kinds(out)).toEqual(['move-out'])
    expect(out[0]?.headers['patterns']).toHaveLength(2)
    await db.query('delete from members')
    expect(kinds(await shape.next())).toEqual(['move-in', 'moved insert 1', 'moved insert 4', 'snapshot-end'])
    await db.query('insert into members values (null, 1)')
    await settle(running)
    const refused = await ask(running.url, {
      table: 'tasks',
      where: 'project NOT IN (SELECT project FROM members)',
      offset: '0_inf',
      handle: shape.handle,
    })
    expect(refused.status).toBe(409)
    const again = await follow(running, { table: 'tasks', where: 'project NOT IN (SELECT project FROM members)' })
    expect(changesOf(again.first)).toEqual([])
    await db.query('insert into members values (2, 1); delete from members where project = 2')
    expect(await again.next()).toEqual([])
  })

  test('nested subqueries, rows of columns and shared parameters', async () => {
    await db.query(
      'insert into projects values (1, 10, true), (2, 20, true), (3, 20, false); insert into teams values (10, 7)',
    )
    const running = await start()
    const nested = await follow(running, {
      table: 'tasks',
      where:
        'project IN (SELECT id FROM projects p WHERE p.open AND p.team IN (SELECT team FROM teams WHERE person = $1)) AND owner <> $1',
      'params[1]': '7',
    })
    expect(kinds(nested.first)).toEqual(['insert 1', 'snapshot-end', 'up-to-date'])
    await db.query('insert into teams values (20, 7)')
    expect(kinds(await nested.next())).toEqual(['move-in', 'moved insert 2', 'moved insert 3', 'snapshot-end'])
    await db.query('update projects set open = false where id = 1')
    expect(kinds(await nested.next())).toEqual(['move-out'])
    await db.query('delete from teams where team = 20')
    expect(kinds(await nested.next())).toEqual(['move-out'])
    const pairs = await follow(running, {
      table: 'tasks',
      where: '(project, owner) IN (SELECT project, person FROM members)',
    })
    expect(changesOf(pairs.first)).toEqual([])
    await db.query('insert into members values (2, 2)')
    expect(kinds(await pairs.next())).toEqual(['move-in', 'moved insert 3', 'snapshot-end'])
  })

  test('the same table inside and outside', async () => {
    const running = await start()
    const params = { table: 'tasks', where: 'project IN (SELECT project FROM tasks WHERE owner = 2)' }
    const shape = await follow(running, params)
    expect(kinds(shape.first)).toEqual(['insert 2', 'insert 3', 'snapshot-end', 'up-to-date'])
    await db.query('update tasks set owner = 2 where id = 1')
    expect(kinds(await shape.next())).toEqual(['insert 1', 'move-in'])
    await db.query('delete from tasks where id = 3')
    expect(kinds(await shape.next())).toEqual(['delete 3', 'move-out'])
  })
})

const sub = (where: string, params: Record<string, string> = {}) => ({ table: 'tasks', where, ...params })

describe('E118 E149 what is refused', () => {
  const refusals: readonly (readonly [where: string, field: string, message: string])[] = [
    [
      'EXISTS (SELECT 1 FROM members)',
      'where',
      'At location 0: only `value IN (SELECT ...)` sublinks are supported right now',
    ],
    [
      'project = (SELECT project FROM members)',
      'where',
      'At location 10: only `value IN (SELECT ...)` sublinks are supported right now',
    ],
    [
      'project = ANY (SELECT project FROM members)',
      'where',
      'At location 8: only `value IN (SELECT ...)` sublinks are supported right now',
    ],
    [
      'project + 1 IN (SELECT project FROM members)',
      'where',
      'At location 12: currently, left side of `IN (SELECT ...)` can only be a column reference or a list of column references',
    ],
    [
      'title IN (SELECT project FROM members)',
      'where',
      'At location 6: left side of `IN (SELECT ...)` has type text but subquery returns int4[]',
    ],
    [
      'project IN (SELECT project, person FROM members)',
      'where',
      'At location 8: left side of `IN (SELECT ...)` has type int4 but subquery returns row of (int4, int4)[]',
    ],
    ['project IN (SELECT * FROM members)', 'where', 'At location 19: Expected a plain column reference'],
    ['project IN (SELECT project + 1 FROM members)', 'where', 'At location 19: Expected a plain column reference'],
    ['project IN (SELECT DISTINCT project FROM members)', 'where', 'SELECT statement must not contain any clauses'],
    ['project IN (SELECT project FROM members LIMIT 1)', 'where', 'SELECT statement must not contain any clauses'],
    ['project IN (SELECT project FROM members ORDER BY 1)', 'where', 'SELECT statement must not contain any clauses'],
    ['project IN (SELECT project FROM members FOR UPDATE)', 'where', 'SELECT statement must not contain any clauses'],
    [
      'project IN (SELECT project FROM members UNION SELECT 1)',
      'where',
      'SELECT statement must not contain any clauses',
    ],
    ['project IN (SELECT project FROM members, teams)', 'where', 'Expected a single table reference'],
    ['project IN (SELECT project FROM ONLY members)', 'where', 'Expected a single table reference'],
    ['project IN (SELECT x FROM (SELECT 1 AS x) y)', 'where', 'Expected a single table reference'],
    [
      'project IN (SELECT project FROM nope)',
      'table',
      'Table "public"."nope" does not exist. If the table name contains capitals or special characters you must quote it.',
    ],
    ['project IN (SELECT nope FROM members)', 'columns', 'The following columns are not found on the table: nope'],
    ['project IN (SELECT project FROM members WHERE title = $1)', 'where', 'At location 46: unknown reference title'],
    [
      'project IN (SELECT project FROM members) AND id ^ 3.5 > 1',
      'where',
      'the clause has an operation that cannot be combined with subqueries',
    ],
    [
      'project IN (SELECT id FROM parts)',
      'where',
      'At location 8: a subquery over a partitioned table is not supported',
    ],
    [
      '(project IN (SELECT project FROM members)) IS NOT TRUE',
      'where',
      'a subquery may only stand under AND, OR and NOT',
    ],
    [
      'coalesce(project IN (SELECT project FROM members), true)',
      'where',
      'a subquery may only stand under AND, OR and NOT',
    ],
    [
      'project IN (SELECT project FROM members) OR owner NOT IN (SELECT project FROM members)',
      'where',
      'a subquery dependency cannot be used with both positive and negative polarity in the same filter',
    ],
    [
      '(project, owner) NOT IN (SELECT project, person FROM members)',
      'where',
      'NOT IN over several columns is supported only when all of them are NOT NULL',
    ],
    ['title IN (SELECT name FROM folded)', 'where', 'the columns title and name have different collations'],
    [
      Array.from(
        { length: 7 },
        (_, n) => `(id = ${n} OR project IN (SELECT project FROM members WHERE person = ${n}))`,
      ).join(' AND '),
      'where',
      'the clause expands to more than 100 alternatives around its subqueries',
    ],
  ]
  test('each with its text', async () => {
    await db.query(
      `create table parts (id int) partition by range (id); create table folded (name text collate "POSIX")`,
    )
    const running = await start()
    for (const [where, field, message] of refusals) {
      const reply = await ask(running.url, {
        ...sub(where),
        offset: -1,
        ...(where.includes('$1') ? { 'params[1]': 'x' } : {}),
      })
      expect([where, reply.status, reply.json]).toEqual([
        where,
        400,
        { message: 'Invalid request', errors: { [field]: [message] } },
      ])
    }
    const conflict = await ask(running.url, {
      ...sub('title = $1 AND project IN (SELECT project FROM members WHERE person = $1)'),
      offset: -1,
      'params[1]': '1',
    })
    expect(conflict.text).toContain('type conflict for $1')
    expect(running.engine.valueSetCount()).toBe(0)
  })

  test('E118 a subset has no subqueries of its own', async () => {
    const running = await start()
    const reply = await ask(running.url, {
      ...mine,
      offset: -1,
      subset__where: 'project IN (SELECT project FROM members)',
    })
    expect(reply.status).toBe(400)
    expect(reply.text).toContain('subqueries are not supported in this context')
  })
})

describe('S-56 the inner table', () => {
  const gone = async (running: TestEngine, handle: string) => {
    await until('the shape has ended', async () => {
      await db.query("select pg_logical_emit_message(false, 'test', '')")
      return (await ask(running.url, { ...mine, offset: '0_inf', handle })).status !== 200
    })
    return ask(running.url, { ...mine, offset: '0_inf', handle })
  }
  const endings: readonly (readonly [name: string, sql: string, after: number])[] = [
    ['TRUNCATE', 'truncate members', 409],
    [
      'another type and a write',
      'alter table members alter project type bigint; insert into members values (3, 7)',
      409,
    ],
    ['another name and a write', 'alter table members rename to people; insert into people values (3, 7)', 400],
    [
      'a lost REPLICA IDENTITY',
      'alter table members add primary key (project, person), replica identity default; delete from members',
      409,
    ],
  ]
  for (const [name, sql, after] of endings)
    test(`${name} ends the shape`, async () => {
      await db.query('insert into tasks values (1, 1); insert into members values (1, 7)')
      const running = await start()
      const { handle } = await readToEnd(running.url, mine)
      await db.query(sql)
      const reply = await gone(running, handle)
      expect(reply.status).toBe(after)
      if (after === 409) expect(reply.handle).not.toBe(handle)
    })

  test('a column that no subquery looks at may change', async () => {
    await db.query('insert into tasks values (1, 1); insert into members values (1, 7)')
    const running = await start()
    const shape = await follow(running, mine)
    await db.query('alter table members add column note text')
    await db.query('insert into tasks values (2, 2)')
    await db.query('insert into members values (2, 7)')
    expect(kinds(await shape.next())).toEqual(['move-in', 'moved insert 2', 'snapshot-end'])
  })

  test('DROP is noticed by the reconciler', async () => {
    const running = await start()
    const { handle } = await readToEnd(running.url, mine)
    await db.query('drop table members')
    await running.engine.reconcile()
    const reply = await gone(running, handle)
    expect([reply.status, reply.json]).toEqual([
      400,
      { message: 'Invalid request', errors: { table: [expect.stringContaining('"public"."members" does not exist')] } },
    ])
  })

  test('it is published like the outer one; in manual mode its absence is said', async () => {
    const running = await start()
    await readToEnd(running.url, mine)
    const { rows } = await db.query('select tablename from pg_publication_tables order by 1')
    expect(rows).toEqual([{ tablename: 'members' }, { tablename: 'tasks' }])
    await db.query('create publication half for table tasks; alter table tasks replica identity full')
    const manual = await start({ publication: 'manual', publicationName: 'half' })
    const reply = await ask(manual.url, { ...mine, offset: -1 })
    expect(reply.status).toBe(503)
    expect(reply.text).toContain('public.members\\" is missing from the publication')
  })

  test('a role that may not read it is told so', async () => {
    const role = `reader_${running()}`
    await db.query(`create role ${role} login replication password 'secret'`)
    try {
      const url = new URL(database.url)
      const engine = await start()
      await readToEnd(engine.url, { table: 'tasks' })
      await readToEnd(engine.url, { table: 'members' })
      await db.query(`grant select on tasks to ${role}`)
      url.username = role
      url.password = 'secret'
      const publication = `electric_publication_${engine.replicationId}`
      const restricted = await startEngine(url.href, { publication: 'manual', publicationName: publication })
      engines.push(restricted)
      const reply = await ask(restricted.url, { ...mine, offset: -1 })
      expect([reply.status, reply.text]).toEqual([503, expect.stringContaining('permission denied for table members')])
      await restricted.stop()
      engines.splice(engines.indexOf(restricted), 1)
    } finally {
      await db.query(`drop owned by ${role}; drop role ${role}`)
    }
  })
})

let runs = 0
const running = () => `${process.pid}_${(runs += 1)}`

describe('S-53 sets are shared, and kept as long as a shape needs them', () => {
  test('the same SELECT is one set, whatever the shape', async () => {
    const running = await start()
    const one = await readToEnd(running.url, mine)
    const two = await readToEnd(running.url, { ...mine, replica: 'full' })
    await readToEnd(running.url, sub('owner IN (select project from members where person=7)'))
    expect(running.engine.valueSetCount()).toBe(1)
    const nested = 'project IN (SELECT id FROM projects WHERE team IN (SELECT project FROM members WHERE person = 7))'
    const three = await readToEnd(running.url, sub(nested))
    expect(running.engine.valueSetCount()).toBe(2)
    for (const { handle } of [one, two]) await ask(running.url, { handle }, { method: 'DELETE' })
    expect(running.engine.valueSetCount()).toBe(2)
    await ask(running.url, { handle: three.handle }, { method: 'DELETE' })
    expect(running.engine.valueSetCount()).toBe(1)
    await ask(running.url, sub('owner IN (select project from members where person=7)'), { method: 'DELETE' })
    expect(running.engine.valueSetCount()).toBe(0)
  })
})

describe('S-54 restarts and bounds', () => {
  test('E135 a shape with subqueries survives a restart, with what happened meanwhile', async () => {
    await db.query(
      "insert into tasks values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'); insert into members values (1, 7), (2, 7), (2, 7)",
    )
    const first = await startEngine(database.url, { longPollMs: 500 })
    const at = await readToEnd(first.url, mine)
    await settle(first)
    await first.stop({ keep: true })
    await db.query('delete from members where project = 1')
    await db.query('insert into members values (3, 7)')
    await db.query("update tasks set title = 'C' where id = 3")
    await db.query('delete from members where ctid = (select min(ctid) from members where project = 2)')
    await db.query('insert into members values (1, 7)')
    await db.query('delete from members where project = 1')
    const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
    await settle(second)
    let messages: readonly Message[] = []
    await until('everything has moved', async () => {
      const read = await readToEnd(second.url, mine, at)
      expect(read.handle).toBe(at.handle)
      messages = read.messages
      return messages.filter(({ headers }) => headers['event'] === 'move-out').length === 2
    })
    // Each at its place: row 3 comes as it was when it came.
    expect(kinds(messages)).toEqual([
      'move-out',
      'move-in',
      'moved insert 3',
      'snapshot-end',
      'update 3',
      'move-in',
      'moved insert 1',
      'snapshot-end',
      'move-out',
      'up-to-date',
    ])
    expect(messages[2]?.value?.['title']).toBe('c')
  })

  test('S-54 a shape that was stored before columns had numbers goes on after an upgrade', async () => {
    await db.query("insert into tasks values (1, 1, 'a'); insert into members values (1, 7)")
    const first = await startEngine(database.url)
    const { handle, offset } = await readToEnd(first.url, mine)
    await settle(first)
    await first.stop({ keep: true })
    const path = join(first.folder, 'shapes.jsonl')
    const older = readFileSync(path, 'utf8')
      .split('\n')
      .filter(line => line !== '')
      .map(line => line.slice(line.indexOf(' ') + 1).replaceAll(/,"(number|collationOid)":\d+/g, ''))
    expect(older).toHaveLength(1)
    writeFileSync(path, older.map(json => `${crc32(json).toString(16)} ${json}\n`).join(''))
    await db.query("insert into tasks values (2, 1, 'b')")
    const second = await start({ storageDir: first.folder, replicationId: first.replicationId })
    let ids: unknown[] = []
    // a shape with subqueries works off what it has missed in turns of its own
    await until('what happened meanwhile is there', async () => {
      const read = await readToEnd(second.url, mine, { handle, offset })
      expect(read.handle).toBe(handle)
      ids = changesOf(read.messages).map(message => message.value?.['id'])
      return ids.length > 0
    })
    expect(ids).toEqual(['2'])
  })

  test('E142 too many transactions behind a question that Postgres does not answer end the shape', async () => {
    const running = await start({ moveTransactions: 5 })
    const { handle } = await readToEnd(running.url, mine)
    const locker = new pg.Client({ connectionString: database.url })
    await locker.connect()
    await locker.query('begin; lock table tasks in access exclusive mode')
    for (let n = 0; n < 5; n++) await db.query('insert into members values ($1, 7)', [n])
    await settle(running)
    const held = await ask(running.url, { ...mine, offset: '0_inf', handle })
    expect([held.status, kinds(held.messages)]).toEqual([200, ['up-to-date']])
    expect(BigInt(String(held.messages[0]?.headers['global_last_seen_lsn']))).toBeLessThan(
      running.engine.lastProcessedLsn(),
    )
    await db.query('insert into members values (5, 7)')
    await settle(running)
    await locker.query('rollback')
    await locker.end()
    const reply = await ask(running.url, { ...mine, offset: '0_inf', handle })
    expect(reply.status).toBe(409)
    expect(reply.handle).not.toBe(handle)
  })

  test('S-52 what is promised does not run ahead of rows that are on their way, and the slot waits for them', async () => {
    await db.query("insert into tasks values (1, 1, 'a')")
    const running = await start()
    const at = await readToEnd(running.url, mine)
    const locker = new pg.Client({ connectionString: database.url })
    await locker.connect()
    await locker.query('begin; lock table tasks in access exclusive mode')
    await db.query('insert into members values (1, 7)')
    await settle(running)
    const processed = running.engine.lastProcessedLsn()
    const live = await ask(running.url, { ...mine, handle: at.handle, offset: at.offset, live: true })
    expect(kinds(live.messages)).toEqual(['up-to-date'])
    expect(BigInt(String(live.messages[0]?.headers['global_last_seen_lsn']))).toBeLessThan(processed)
    expect(running.engine.confirmedLsn()).toBeLessThan(processed)
    const waiting = ask(running.url, { ...mine, handle: at.handle, offset: at.offset, live: true })
    await locker.query('rollback')
    await locker.end()
    expect(kinds((await waiting).messages)).toEqual(['move-in', 'moved insert 1', 'snapshot-end', 'up-to-date'])
    await until('the slot hears of it', () => running.engine.confirmedLsn() > processed)
  })
})

describe('§9 S-55 subsets of shapes with subqueries', () => {
  interface Subset {
    readonly data: readonly Message[]
  }

  test('rows carry tags, and rows that the log moves in are left to it', async () => {
    await db.query(
      "insert into tasks values (1, 1, 'a', 1), (2, 2, 'b', 1), (3, 2, 'c', 1); insert into members values (1, 7)",
    )
    const running = await start()
    const params = { ...mine, log: 'changes_only' }
    const now = await ask(running.url, { ...params, offset: 'now', subset__where: "title = 'a'" })
    const [row] = (now.json as Subset).data
    expect(row?.headers).toMatchObject({ tags: [expect.stringMatching(/^[0-9a-f]{32}$/)], active_conditions: [true] })
    await db.query('insert into members values (2, 7)')
    await db.query("update tasks set title = 'B' where id = 2")
    await settle(running)
    const behind = await ask(running.url, {
      ...params,
      handle: now.handle,
      offset: now.offset,
      subset__where: 'true = true',
    })
    expect((behind.json as Subset).data.map(({ value }) => value?.['id'])).toEqual(['1'])
    const current = await ask(running.url, { ...params, offset: 'now', subset__where: 'true = true' })
    expect(
      (current.json as Subset).data.map(({ value }) => value?.['title'] ?? '').sort((a, b) => (a < b ? -1 : 1)),
    ).toEqual(['B', 'a', 'c'])
    expect(current.handle).toBe(now.handle)
  })

  for (const seed of seeds(1))
    test(`E122 rows loaded at any time, and what the log says of them, are those of SQL (seed ${seed})`, async () => {
      const random = randomFrom(seed)
      await db.query(subqueryWorkload.tables)
      for (let n = 0; n < 40; n++) await db.query(subqueryWorkload.statement(random)).catch(() => {})
      const running = await start()
      const queries: ShapeQuery[] = []
      while (queries.length < 6) {
        const query = subqueryWorkload.randomShape(random)
        if (query.endsBySelf !== true && query.params['table'] === 'things') queries.push(query)
      }
      const open = async (query: ShapeQuery) => {
        const reader = await openSubsetReader(running.url, query.params)
        await reader.load('true = true')
        return { query, reader }
      }
      const readers = await Promise.all(queries.map(open))
      /** As a client does that is told to start again. */
      const reopen = async () => {
        for (const [index, { query, reader }] of readers.entries()) if (reader.ended) readers[index] = await open(query)
      }
      const write = async () => {
        for (let transactions = 5; transactions > 0; transactions--) {
          await db.query('begin')
          for (let count = 1 + below(random, 3); count > 0; count--) {
            await db.query('savepoint s')
            await db.query(subqueryWorkload.statement(random)).catch(() => db.query('rollback to s'))
          }
          await db.query('commit')
        }
      }
      for (let round = 0; round < 40; round++) {
        await reopen()
        await Promise.all([
          write(),
          ...readers.map(({ reader }) =>
            random() < 0.35 ? reader.read() : reader.load(`id % 3 = ${below(random, 3)} or id < ${below(random, 20)}`),
          ),
        ])
      }
      await reopen()
      const { rows } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
      for (const { query, reader } of readers) {
        await until('the reader has everything', async () => {
          await db.query("select pg_logical_emit_message(false, 'test', '')")
          await reader.read()
          return reader.complete + 1n >= BigInt(rows[0]?.lsn ?? 0)
        })
        expect(reader.ended).toBe(false)
        await compareRows(database.url, reader.rows, query)
      }
    })

  test('AND and OR keep to themselves', async () => {
    await db.query(
      "insert into tasks values (1, 1, 'a', 1), (2, 2, 'b', 1), (3, 3, 'a', 1); insert into members values (1, 7)",
    )
    const running = await start()
    const reply = await ask(running.url, {
      ...sub("project IN (SELECT project FROM members) OR title = 'b'"),
      offset: -1,
      subset__where: "id = 3 OR title = 'a'",
    })
    expect((reply.json as Subset).data.map(({ value }) => value?.['id'])).toEqual(['1'])
  })
})

test('E105 readers over event streams see the same', async () => {
  await db.query("insert into tasks values (1, 1, 'a'), (2, 2, 'b')")
  const running = await start({ sseMs: 1000 })
  const reader = followStrictly(() => running.url, mine)
  try {
    await db.query('insert into members values (2, 7)')
    await db.query('insert into members values (1, 7)')
    await db.query('delete from members where project = 2')
    await compareWithSql(database.url, reader, {
      params: mine,
      sql: 'select * from tasks where project in (select project from members where person = 7)',
    })
    const at = await readToEnd(running.url, mine)
    const controller = new AbortController()
    const response = await fetch(
      `${running.url}?${new URLSearchParams({ ...mine, handle: at.handle, offset: at.offset, live: 'true', live_sse: 'true' })}`,
      { signal: controller.signal },
    )
    await db.query('insert into members values (2, 7)')
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (text.includes('up-to-date')) break
    }
    controller.abort()
    expect(
      text
        .split('\n\n')
        .filter(Boolean)
        .map(line => Object.values(JSON.parse(line.slice(6)).headers)[0]),
    ).toEqual(['move-in', 'insert', 'snapshot-end', 'up-to-date'])
  } finally {
    await reader.stop()
  }
})
