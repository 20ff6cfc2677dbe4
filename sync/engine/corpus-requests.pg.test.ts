// Electric's recorded answers to odd requests and to whole conversations, asked of this engine: the same status, the
// same headers and words. What differs on purpose is named with its reason.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { corpusLines, corpusReason, corpusTables, transcript } from '../testing/corpus.ts'
import { startEngine, type TestEngine } from '../testing/engine.ts'
import { ask, askRaw, type RawReply } from '../testing/http.ts'

interface Recorded {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly request_headers?: Readonly<Record<string, string>>
  readonly request_body?: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly scenario?: string
  readonly sql_before?: readonly string[]
  readonly sql_during?: string
}

const reason = corpusReason()

let database: TestDatabase
let db: pg.Client
let running: TestEngine

const open = async (): Promise<void> => {
  database = await emptyDatabase()
  db = new pg.Client({ connectionString: database.url })
  await db.connect()
  await db.query(corpusTables)
  running = await startEngine(database.url, { longPollMs: 1500, sseMs: 1200, allowDelete: false })
}

const close = async (): Promise<void> => {
  await running.stop()
  await db.end()
  await database.drop()
}

/** Sends what was recorded, with the handles and offsets of this run in their places. */
const replay = (line: Recorded, places: ReadonlyMap<string, string>): Promise<RawReply> => {
  const fill = (text: string) => text.replace(/\{([A-Z0-9]+)\}/g, (all, name: string) => places.get(name) ?? all)
  const headers = Object.entries(line.request_headers ?? {}).map(([name, value]) => [name, fill(value)])
  // the recording says only how long this body was
  const body = line.request_body?.replace(/xxx… \((\d+) x\)/, (_all, n: string) => 'x'.repeat(Number(n)))
  return askRaw(running.origin, {
    method: line.method,
    path: fill(line.path),
    headers: Object.fromEntries(headers),
    ...(body === undefined ? {} : { body }),
  })
}

const parsed = (text: string): unknown => (/^[[{]/.test(text) ? JSON.parse(text) : text)

describe.skipIf(reason !== '')(`odd requests${reason}`, () => {
  beforeAll(open)
  afterAll(close)

  const outOfBounds = 'a new handle instead of an error that clients take for the end (protocol.md §26.3)'
  const notServed = 'Electric fails with 500'

  /** Requests that get another status, which one, and why. */
  const statuses: Readonly<Record<string, readonly [number, string]>> = {
    e0045: [400, notServed],
    e0056: [200, 'the recording contradicts e0465 and the other escapes: the name is the same without its escape'],
    e0110: [409, outOfBounds],
    e0302: [400, notServed],
    e0360: [400, notServed],
    e0424: [200, 'a body cannot change the shape (protocol.md §26.3)'],
  }

  /** Requests that are refused with other words, and why. */
  const words: Readonly<Record<string, string>> = {
    e0359: 'says what is wrong: division by zero',
    e0426: 'details are those of this JSON parser',
    e0427: 'details are those of this JSON parser',
  }

  test('E2 E4 E7 E12 E18 E20 E21 E23 E24 E26 E27 E29 E145 each gets the recorded status, caching and words', async () => {
    const places = new Map<string, string>()
    const look = async () => {
      const shape = { table: 'corpus_items', offset: -1 }
      const first = await ask(running.url, shape)
      const tail = await ask(running.url, { ...shape, offset: '0_0', handle: first.handle })
      places.set('H', first.handle)
      places.set('TAIL', tail.offset)
      places.set('ETAG', first.headers.get('etag') ?? '')
      places.set('HW', (await ask(running.url, { ...shape, where: 'n>1' })).handle)
      places.set('HF', (await ask(running.url, { ...shape, replica: 'full' })).handle)
      places.set('HC', (await ask(running.url, { ...shape, columns: 'id,title' })).handle)
    }
    await look()
    const differences: string[] = []
    for (const line of corpusLines<Recorded>('errors-dev.jsonl')) {
      const reply = await replay(line, places)
      const [status] = statuses[line.id] ?? [line.status]
      const report = (what: string, was: unknown, is: unknown) =>
        differences.push(`${line.id} ${line.method} ${line.path}: ${what} was ${String(was)}, is ${String(is)}`)
      if (reply.status !== status) report('status', line.status, `${reply.status} ${reply.text}`)
      if (status >= 500) report('status', 'expected', 'an internal error')
      if (reply.status === 409 && line.status !== 409) await look()
      if (statuses[line.id] !== undefined) continue
      if (status >= 400 && words[line.id] === undefined) {
        const [was, is] = [parsed(line.body), parsed(reply.text)]
        try {
          expect(is).toEqual(was)
        } catch {
          report('body', line.body, reply.text)
        }
      }
      for (const name of ['electric-has-data', 'electric-offset', 'electric-up-to-date', 'electric-snapshot'])
        if (line.headers[name] !== reply.headers[name]) report(name, line.headers[name], reply.headers[name])
      // A POST is never cached, also when its body is refused.
      const caching = line.method === 'POST' && status >= 400 ? 'no-cache' : line.headers['cache-control']
      const isRoute = reply.headers['access-control-allow-methods'] !== 'GET, HEAD'
      if (reply.headers['cache-control'] !== (isRoute ? caching : line.headers['cache-control']))
        report('cache-control', caching, reply.headers['cache-control'])
    }
    expect(differences).toEqual([])
  })

  test('E145 bytes that no text may have are refused, wherever they stand', async () => {
    const bad = ['%00', '%ff', '%c3%28', '%ed%a0%80']
    for (const byte of bad)
      for (const query of [
        `table=%22a${byte}%22&offset=-1`,
        `table=corpus_items&offset=-1&where=title='${byte}'`,
        `table=corpus_items&offset=-1&columns=id,%22x${byte}%22`,
        `table=corpus_items&offset=-1&where=title=$1&params[1]=${byte}`,
        `table=corpus_items&offset=-1&subset__where=title='${byte}'`,
        `table=corpus_items&offset=-1&subset__where=title=$1&subset__params={"1":"${byte === '%00' ? '\\u0000' : byte}"}`,
        `table=corpus_items&offset=${byte}`,
      ]) {
        const { status, text } = await askRaw(running.origin, {
          method: 'GET',
          path: `/v1/shape?${encodeSpaces(query)}`,
        })
        expect([query, status, text]).toEqual([query, 400, expect.not.stringContaining('Internal')])
      }
  })
})

const encodeSpaces = (text: string) => text.replaceAll(' ', '%20').replaceAll('"', '%22').replaceAll('\\', '%5C')

describe.skipIf(reason !== '')(`conversations${reason}`, () => {
  beforeAll(open)
  afterAll(close)

  // Subqueries and compression have tests of their own.
  const elsewhere = new Set(['subquery', 'compression'])

  /** Steps that differ in the named respects, and why. */
  const deviations: Readonly<Record<string, readonly [string, ...string[]]>> = {
    h031: ['streams are short in this test', 'cache-control'],
    h032: [
      'the stream stays open, so it starts where the reader was (protocol.md §26.3)',
      'offset',
      'etag',
      'cache-control',
    ],
    h033: ['the same', 'offset', 'etag', 'cache-control'],
    h049: ['out of bounds gets a new handle (protocol.md §26.3)', 'all'],
    h050: ['the same', 'all'],
    h065: ['caching of a refused POST', 'cache-control', 'body'],
    h081: ['dots of names are doubled in every key (E43); Electric does so in the stream only', 'body'],
    h093: ['the replacement is named at once', 'all'],
  }

  const normalised = (text: string): string =>
    text
      .replace(/\d+-\d{16}/g, '<H>')
      .replace(/<H\d*>/g, '<H>')
      .replace(/(now|\d+_\w+|<lsn>_\d+)"?:-?\d{17,}"/g, '$1')
      .replace(/<H>:(now|[\w<>]+):([\w<>]+):(<clock>|-?\d+)/g, '<H>:$1:$2:<clock>')
      .replace(/\b[1-9]\d{6,}_/g, '<lsn>_')
      .replace(/"(lsn|global_last_seen_lsn|database_lsn)":"\d+"/g, '"$1":"<lsn>"')
      .replace(/"(xmin|xmax)":"\d+"/g, '"$1":"<xid>"')
      .replace(/"(txids|xip_list)":\[[^\]]*\]/g, '"$1":["<xid>"]')
      .replace(/"snapshot_mark":(\d+|"<mark>")/g, '"snapshot_mark":"<mark>"')

  const events = (text: string): unknown[] =>
    text
      .split('\n\n')
      .filter(part => part.startsWith('data: '))
      .map(part => JSON.parse(part.slice(6)) as unknown)

  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, item]) => [key, sorted(item)]),
          )
        : value

  const bodyOf = (text: string): unknown => {
    const plain = normalised(text)
    return sorted(plain.startsWith('data: ') ? events(plain) : parsed(plain))
  }

  const compared = ['cache-control', 'electric-has-data', 'electric-up-to-date', 'electric-snapshot', 'retry-after']

  const shownOf = (line: { status: number; headers: Readonly<Record<string, string>> }, text: string) => {
    const cursor = line.headers['electric-cursor'] === undefined ? 'no cursor' : 'a cursor'
    const schema = line.headers['electric-schema']
    return {
      status: line.status,
      type: line.headers['content-type'],
      offset: normalised(line.headers['electric-offset'] ?? 'none'),
      etag: normalised(line.headers['etag'] ?? 'none'),
      handle: line.headers['electric-handle'] === undefined ? 'none' : 'known',
      schema: schema === undefined ? 'none' : (JSON.parse(schema) as unknown),
      cursor,
      body: bodyOf(text),
      ...Object.fromEntries(compared.map(name => [name, line.headers[name] ?? 'none'])),
    }
  }

  test('E33 E34 E36 E55 E56 E62 E80 E82 E88 E94 E98 E99 E104 E106 E108 E109 E114 as recorded, step by step', async () => {
    const places = new Map<string, string>()
    let scenario: string | undefined
    const handles = new Map<string, string>()
    for (const line of corpusLines<Recorded>('http.jsonl')) {
      if (elsewhere.has(line.scenario ?? '')) continue
      if (line.scenario !== scenario) {
        scenario = line.scenario
        places.clear()
        handles.clear()
      }
      for (const sql of line.sql_before ?? []) await db.query(sql)
      if (line.sql_before !== undefined) await settle()
      const asked = replay(line, places)
      if (line.sql_during !== undefined) {
        await until('the request waits', () => running.engine.waiting() > 0)
        await db.query(line.sql_during)
      }
      const reply = await asked
      if (reply.status === 200 || reply.status === 409) {
        const [, name] = /<(H\d)>/.exec(line.headers['electric-handle'] ?? '') ?? []
        const handle = reply.headers['electric-handle']
        if (name !== undefined && handle !== undefined) {
          // the same name stands for the same handle all through a conversation, unless the shape was rotated on purpose
          if (deviations[line.id] === undefined && scenario !== 'out of bounds')
            expect([line.id, name, places.get(name) ?? handle]).toEqual([line.id, name, handle])
          places.set(name, handle)
        }
        if (reply.status === 200) {
          if (reply.headers['electric-offset'] !== undefined) places.set('OFF', reply.headers['electric-offset'])
          if (reply.headers['electric-cursor'] !== undefined) places.set('CUR', reply.headers['electric-cursor'])
          if (reply.headers['etag'] !== undefined) places.set('ETAG', reply.headers['etag'])
        }
      }
      const was: Record<string, unknown> = { ...shownOf(line, line.body) }
      const is: Record<string, unknown> = { ...shownOf(reply, reply.text) }
      const [, ...parts] = deviations[line.id] ?? ['']
      for (const part of parts.includes('all') ? Object.keys(was) : parts) {
        delete was[part]
        delete is[part]
      }
      expect([line.id, line.method, line.path, is]).toEqual([line.id, line.method, line.path, was])
    }
  })

  const settle = async () => {
    const { rows } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
    await db.query("select pg_logical_emit_message(false, 'test', '')")
    await running.engine.advance(BigInt(must(rows[0]).lsn))
  }
})

describe.skipIf(reason !== '')(`transcripts${reason}`, () => {
  beforeAll(async () => {
    await open()
    await db.query(`
      create table items (id int4 primary key, title text not null, done bool not null default false, n int4, big text);
      insert into items select g, 'item ' || g, g % 2 = 0, g from generate_series(1, 3) g;
      create table misc (id int4 primary key, t text);
      create table nopk (a int4, b text); insert into nopk values (1, 'x'), (1, 'x');
      create table odd (a text, b text, "C d" int4, primary key (a, b)); insert into odd values ('a/b', 'c"d', 1), ('', 'x', 2);
      create view v_items as select * from items;
      create table gen (id int4 primary key, a int4, b int4 generated always as (a * 2) stored); insert into gen values (1, 2)`)
  })
  afterAll(close)

  /** What is answered otherwise, and why. */
  const otherwise: readonly (readonly [RegExp, number])[] = [
    // Electric fails with 500
    [/table=pg_catalog.pg_class/, 400],
  ]

  // Requests that name a handle or an offset of the recorded run cannot be asked again.
  const isRepeatable = (path: string) =>
    !/handle=|offset=\d{3}|live=true$|columns=id,t?,?n/.test(path) || /offset=-1&live/.test(path)

  test.each([
    '01-initial-snapshot.txt',
    '05-bad-requests.txt',
    '06-where.txt',
    '10-changes-only-and-subsets.txt',
    '16-misc.txt',
  ])('E5 E6 E22 E29 E33 E37 E42 E44 E104 E116 %s: the same status, headers and words', async file => {
    let asked = 0
    for (const recorded of transcript(file)) {
      const { line, method, path, headers, body, status, replyHeaders, replyBody } = recorded
      if (!isRepeatable(path) || headers['if-none-match'] !== undefined || /table=(part|droppy)\b/.test(path)) continue
      asked += 1
      const reply = await askRaw(running.origin, { method, path, headers, ...(body === undefined ? {} : { body }) })
      const expected = otherwise.find(([pattern]) => pattern.test(path))?.[1] ?? status
      expect([line, reply.status]).toEqual([line, expected])
      if (expected !== status) continue
      const shown = (from: Readonly<Record<string, string>>) =>
        [
          'content-type',
          'electric-offset',
          'electric-up-to-date',
          'electric-has-data',
          'electric-snapshot',
          'access-control-max-age',
        ]
          .map(name => `${name}: ${(from[name] ?? 'none').replace(/^(\d{5,}_\d+|0_inf)$/, '<tail>')}`)
          .join('\n')
      expect([line, shown(reply.headers)]).toEqual([line, shown(replyHeaders)])
      // a refused POST is not cached, and its details are those of this JSON parser
      if (method !== 'POST' || status < 400) {
        expect([line, reply.headers['cache-control']]).toEqual([line, replyHeaders['cache-control']])
        if (status >= 400) expect([line, parsed(reply.text)]).toEqual([line, parsed(replyBody)])
      }
    }
    expect(asked).toBeGreaterThan(2)
  })
})
