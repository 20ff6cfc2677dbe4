// A strict reader of one shape and the comparison with SQL. It is stricter than any client: a row inserted twice, or
// changed without ever having come, a position that goes back, a promise of completeness that is broken, a handle that
// comes back after it was refused, are errors at once and not only when they leave a wrong row behind.
import pg from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import { compareOffsets, parseOffset } from '../engine/lsn.ts'
import { withDisplaySettings } from '../engine/replication/connection.ts'
import { ask, type Message } from './http.ts'
import { createMoveState } from './move-state.ts'

type Row = Record<string, string | null>

export interface ShapeQuery {
  readonly params: Readonly<Record<string, string>>
  /** The SELECT that gives the same rows. */
  readonly sql: string
  /** Data alone may end the shape. */
  readonly endsBySelf?: boolean
  /** The clause may be one that the engine refuses, or that Postgres raises for: then there is nothing to compare. */
  readonly refusable?: boolean
}

export interface StrictReader {
  readonly rows: ReadonlyMap<string, Row>
  /** Everything up to here has come; 0 before the first `up-to-date`. */
  readonly complete: bigint
  /** The shape that it follows now; undefined before its first answer. */
  readonly handle: string | undefined
  /** How often it had to start again. */
  readonly restarts: number
  readonly changes: number
  /** The request was refused with 400, which its query allows. */
  readonly refused: boolean
  /** What was wrong; undefined while all is well. */
  readonly failure: Error | undefined
  stop(): Promise<void>
}

/** Follows a shape through crashes and restarts. `live` is 'long-poll' or 'sse'. */
export const followStrictly = (
  url: () => string,
  params: Readonly<Record<string, string>>,
  refusable = false,
): StrictReader => {
  const abort = new AbortController()
  const rows = new Map<string, Row>()
  const moves = createMoveState(rows)
  const refused = new Set<string>()
  const state = { complete: 0n, restarts: 0, changes: 0, refused: false, failure: undefined as Error | undefined }
  let handle: string | undefined
  let offset = '-1'
  let live = false

  const restart = () => {
    if (handle !== undefined) refused.add(handle)
    handle = undefined
    offset = '-1'
    live = false
    rows.clear()
    moves.clear()
    state.complete = 0n
    state.restarts += 1
  }
  const apply = ({ key, value, headers }: Message): void => {
    if (headers['control'] === 'up-to-date') {
      const lsn = BigInt(String(headers['global_last_seen_lsn']))
      if (lsn > state.complete) state.complete = lsn
      return
    }
    if (headers['event'] !== undefined) {
      moves.event(headers)
      state.changes += 1
      return
    }
    if (key === undefined) return
    const { operation } = headers
    const lsn = headers['lsn'] as string | undefined
    const what = `${String(operation)} of ${key} at ${lsn ?? 'the snapshot'}`
    if (lsn !== undefined && BigInt(lsn) <= state.complete)
      throw new Error(`${what} after everything up to ${state.complete} was promised`)
    if (lsn !== undefined) state.changes += 1
    if (operation === 'insert') {
      if (rows.has(key)) throw new Error(`${what}: the row was there`)
      rows.set(key, { ...value })
    } else if (!rows.has(key)) throw new Error(`${what}: the row was not there`)
    else if (operation === 'delete') rows.delete(key)
    else rows.set(key, { ...rows.get(key), ...value })
    moves.change(key, headers)
  }
  const once = async () => {
    const reply = await ask(
      url(),
      { ...params, offset, ...(handle === undefined ? {} : { handle }), ...(live ? { live: true } : {}) },
      { signal: abort.signal },
    )
    if (reply.status === 409) {
      restart()
      return
    }
    if (reply.status >= 500) {
      await pause(20, abort.signal)
      return
    }
    if (reply.status === 400 && refusable) {
      state.refused = true
      abort.abort()
      return
    }
    if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`)
    if (refused.has(reply.handle)) throw new Error(`the refused handle ${reply.handle} came back`)
    const before = parseOffset(offset)
    const after = parseOffset(reply.offset)
    if (before === null || after === null) throw new Error(`offsets ${offset} and ${reply.offset}`)
    const order = compareOffsets(after, before)
    const current = reply.headers.has('electric-up-to-date')
    if (order < 0 || (order === 0 && !current)) throw new Error(`from ${offset} to ${reply.offset}`)
    for (const message of reply.messages) apply(message)
    ;({ handle, offset } = reply)
    live = current
  }
  const run = async () => {
    while (!abort.signal.aborted) {
      try {
        await once()
      } catch (error) {
        if (abort.signal.aborted) return
        // fetch and a body that breaks off throw TypeErrors; a body cut in the middle is no JSON.
        if (error instanceof TypeError) await pause(20, abort.signal)
        else {
          state.failure = new Error(`${JSON.stringify(params)}: ${(error as Error).message}`, { cause: error })
          return
        }
      }
    }
  }
  const done = run()
  return {
    rows,
    get complete() {
      return state.complete
    },
    get handle() {
      return handle
    },
    get restarts() {
      return state.restarts
    },
    get changes() {
      return state.changes
    },
    get refused() {
      return state.refused
    },
    get failure() {
      return state.failure
    },
    stop: async () => {
      abort.abort()
      await done
    },
  }
}

const sorted = (rows: Iterable<Row>): string[] =>
  [...rows].map(row => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort()

const compare = async (db: pg.Client, found: ReadonlyMap<string, Row>, query: ShapeQuery): Promise<void> => {
  const { rows } = await db.query<Row>({
    text: query.sql,
    types: { getTypeParser: () => (value: unknown) => value },
  })
  const expected = sorted(rows)
  const actual = sorted(found.values())
  const missing = expected.filter(row => !actual.includes(row))
  const extra = actual.filter(row => !expected.includes(row))
  if (missing.length > 0 || extra.length > 0 || actual.length !== expected.length)
    throw new Error(
      `${JSON.stringify(query.params)}: ${missing.length} rows missing, ${extra.length} too many, e.g. ${missing[0] ?? '-'} / ${extra[0] ?? '-'}`,
    )
}

/** Compares rows with SQL as it is now. Throws on any difference. */
export const compareRows = async (
  databaseUrl: string,
  found: ReadonlyMap<string, Row>,
  query: ShapeQuery,
): Promise<void> => {
  const db = new pg.Client({ connectionString: withDisplaySettings(databaseUrl) })
  await db.connect()
  try {
    await compare(db, found, query)
  } finally {
    await db.end()
  }
}

/** Waits until the reader has everything that is committed now, and compares it with SQL. Throws on any difference. */
export const compareWithSql = async (
  databaseUrl: string,
  reader: StrictReader,
  query: ShapeQuery,
  deadlineMs = 30_000,
): Promise<void> => {
  const db = new pg.Client({ connectionString: withDisplaySettings(databaseUrl) })
  await db.connect()
  try {
    const { rows: lsn } = await db.query<{ lsn: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as lsn")
    const target = BigInt(lsn[0]?.lsn ?? '0')
    const deadline = Date.now() + deadlineMs
    while (reader.complete + 1n < target && reader.failure === undefined && !reader.refused) {
      if (Date.now() > deadline) throw new Error(`a reader stayed at ${reader.complete}, ${target} was committed`)
      await pause(10)
      // Something to decode, should the database be idle.
      await db.query("select pg_logical_emit_message(false, 'test', '')")
    }
    if (reader.failure !== undefined) throw reader.failure
    if (!reader.refused) await compare(db, reader.rows, query)
  } finally {
    await db.end()
  }
}
