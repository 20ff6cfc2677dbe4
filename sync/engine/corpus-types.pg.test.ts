// Every recorded column type: the schema header, the text of values in snapshot, insert and update, and keys, which are
// the same bytes wherever a row is named.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase } from '#server/testing/postgres.ts'
import { corpusLines, corpusReason } from '../testing/corpus.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { ask, changesOf, readToEnd } from '../testing/http.ts'

interface RecordedType {
  readonly id: string
  readonly type: string
  readonly column: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly values: readonly { readonly sql: string; readonly insert: string | null }[]
  readonly updates_in_order: readonly (string | null)[]
  readonly null_error?: string
  readonly pk_error?: string
  readonly pk_schema?: Readonly<Record<string, unknown>>
  readonly keys?: readonly { readonly sql: string; readonly insert?: string }[]
}

const reason = corpusReason()

// Values that are given by Postgres differ from row to row.
const isGiven = (sql: string) => sql === 'DEFAULT'

/** The recorded header, but with negative scales as what they are (E52): eleven bits with a sign. */
const signed = (schema: Readonly<Record<string, unknown>> | undefined) =>
  typeof schema?.['scale'] === 'number' && schema['scale'] > 1023
    ? { ...schema, scale: schema['scale'] - 2048 }
    : schema

/** Refused: a virtual generated column is not in the stream, so no shape can have it. */
const virtual = 'y151'

describe.skipIf(reason !== '')(`types${reason}`, () => {
  let database: TestDatabase
  let db: pg.Client
  let running: TestEngine
  const lines = reason === '' ? corpusLines<RecordedType>('types.jsonl') : []

  const settle = async () => {
    const { rows } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
    await db.query("select pg_logical_emit_message(false, 'test', '')")
    await running.engine.advance(BigInt(must(rows[0]).lsn))
  }

  beforeAll(async () => {
    database = await emptyDatabase()
    db = new pg.Client({ connectionString: database.url })
    await db.connect()
    for (const name of ['citext', 'hstore', 'ltree', 'cube', 'isn', 'seg']) await db.query(`create extension ${name}`)
    await db.query(`create type corpus_frange as range (subtype = float8);
      create type corpus_mood as enum ('sad', 'ok', 'happy');
      create type corpus_colour as enum ('red', 'Green', 'light blue');
      create domain corpus_pos as int4 check (value > 0);
      create domain corpus_email as text check (value like '%@%');
      create domain corpus_dnum as numeric(8, 3);
      create domain corpus_darr as int4[];
      create type corpus_pair as (a int4, b text)`)
    running = await startEngine(database.url)
  })

  afterAll(async () => {
    await running.stop()
    await db.end()
    await database.drop()
  })

  test('E38 E40 E41 E50 E51 E52 E53 schema and values, in snapshot, insert and update', async () => {
    for (const line of lines) {
      const table = `ty_${line.id}`
      await db.query(`create table ${table} (id int4 primary key, ${line.column})`)
      const insert = (first: number) =>
        db.query(
          line.values.map(({ sql }, i) => `insert into ${table} (id, v) values (${first + i}, ${sql});`).join('\n'),
        )
      await insert(1)
      const reply = await ask(running.url, { table, offset: -1 })
      if (line.id === virtual) {
        expect([reply.status, reply.text]).toEqual([400, expect.stringContaining('are generated and cannot be')])
        continue
      }
      expect([line.type, reply.status]).toEqual([line.type, 200])
      const schema = JSON.parse(reply.headers.get('electric-schema') ?? '') as Record<string, unknown>
      expect([line.type, schema['v']]).toEqual([line.type, signed(line.schema)])
      const texts = line.values.filter(({ sql }) => !isGiven(sql)).map(value => value.insert)
      const ofInserts = (messages: typeof reply.messages) =>
        changesOf(messages)
          .filter(message => message.headers['operation'] === 'insert')
          .slice(0, texts.length)
          .map(message => message.value?.['v'])
      expect([line.type, ofInserts(reply.messages)]).toEqual([line.type, texts])
      const at = await readToEnd(running.url, { table })
      await insert(101)
      const isPlain = line.null_error === undefined && !line.values.some(({ sql }) => isGiven(sql))
      if (isPlain) {
        await db.query(`insert into ${table} (id, v) values (900, null)`)
        for (const { sql } of [...line.values, { sql: 'null' }])
          await db.query(`update ${table} set v = ${sql} where id = 900`)
      }
      await settle()
      const { messages } = await readToEnd(running.url, { table }, at)
      expect([line.type, ofInserts(messages)]).toEqual([line.type, texts])
      const updates = messages.filter(message => message.headers['operation'] === 'update')
      if (isPlain)
        expect([line.type, updates.map(({ value }) => value?.['v'])]).toEqual([line.type, line.updates_in_order])
    }
  })

  test('E42 E45 the key is the same in snapshot, update, delete and insert', async () => {
    for (const line of lines.filter(({ pk_error: refused }) => refused === undefined)) {
      const table = `ky_${line.id}`
      await db.query(`create table ${table} (${line.column} primary key, n int4)`)
      const rows = must(line.keys).filter(key => key.insert !== undefined)
      const insert = async () => {
        for (const { sql } of rows) await db.query(`insert into ${table} (v, n) values (${sql}, 1)`)
      }
      await insert()
      const at = await readToEnd(running.url, { table })
      const schema = JSON.parse(must(at.replies[0]).headers.get('electric-schema') ?? '') as Record<string, unknown>
      expect([line.type, schema['v']]).toEqual([line.type, signed(line.pk_schema)])
      const keys = changesOf(at.messages).map(({ key }) => key)
      const recorded = rows.map(({ insert: key }) => key?.replace('"K"', `"${table}"`))
      if (!rows.some(({ sql }) => isGiven(sql))) expect([line.type, keys]).toEqual([line.type, recorded])
      await db.query(`update ${table} set n = 2; delete from ${table}`)
      await settle()
      const gone = await readToEnd(running.url, { table }, at)
      expect([line.type, changesOf(gone.messages).map(({ key }) => key)]).toEqual([line.type, [...keys, ...keys]])
      if (rows.some(({ sql }) => isGiven(sql))) continue
      await insert()
      await settle()
      const back = await readToEnd(running.url, { table }, gone)
      expect([line.type, changesOf(back.messages).map(({ key }) => key)]).toEqual([line.type, keys])
    }
  })
})
