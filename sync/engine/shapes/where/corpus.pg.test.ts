// The recorded corpus of clauses with PostgreSQL's own answers (where-dev.jsonl), replayed against a real server: each
// clause is refused, or its SQL and its predicate both select what PostgreSQL selected, before, after and along the way.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { emptyDatabaseInC, type TestDatabase } from '#server/testing/postgres.ts'
import { corpusLines, corpusReason, corpusText } from '../../../testing/corpus.ts'
import { readTable } from '../tables.ts'
import { connectAsText, decide, decideAll, readRows, selectIds, type TextRow } from './test-table.ts'
import { compileWhere, WhereError, type CompiledWhere } from './where.ts'

const reason = corpusReason()

interface Operation {
  readonly op: string
  readonly id: number | null
}

interface Line {
  readonly id: string
  readonly where: string
  readonly params?: readonly string[]
  readonly status: number
  readonly agrees: boolean | null
  readonly pg_ids: { readonly before?: readonly number[]; readonly after?: readonly number[]; readonly error?: string }
  readonly pg_stream?: readonly Operation[]
}

interface Change {
  readonly before: TextRow | null
  readonly after: TextRow | null
  readonly from: number | null
  readonly to: number | null
}

interface Accepted {
  readonly line: Line
  readonly where: CompiledWhere
  readonly matches: (row: TextRow) => boolean
  readonly sql: (number[] | string)[]
}

let database: TestDatabase
let client: pg.Client
let order: string[] = []
const lines: Line[] = []
const refused: Line[] = []
const accepted: Accepted[] = []
const states: ReadonlyMap<number, TextRow>[] = []
const changes: Change[] = []

const query = async (statements: readonly string[]): Promise<void> => {
  for (const statement of statements) await client.query(statement)
}

const snapshot = async (): Promise<void> => {
  states.push(await readRows(client, 'corpus_where'))
  for (const entry of accepted) entry.sql.push(await selectIds(client, 'corpus_where', entry.where.sql))
}

// What a shape's stream says about the changes; one that leaves the row as it was says nothing.
const streamOf = async (matches: (row: TextRow) => boolean): Promise<readonly Operation[]> => {
  const operations: Operation[] = []
  for (const { before, after, from, to } of changes) {
    const was = before !== null && (await decide(client, matches, before))
    const is = after !== null && (await decide(client, matches, after))
    if (was && is && from === to) {
      if (before.join('\0') !== after.join('\0')) operations.push({ op: 'update', id: to })
      continue
    }
    if (was) operations.push({ op: 'delete', id: from })
    if (is) operations.push({ op: 'insert', id: to })
  }
  return operations
}

describe.skipIf(reason !== '')(`where corpus${reason}`, () => {
  beforeAll(async () => {
    database = await emptyDatabaseInC()
    client = await connectAsText(database.url)
    const setup = JSON.parse(corpusText('where-setup.json')) as {
      preamble: string[]
      create: string
      rows: string[]
      sub: { ddl: string[]; rows: string[] }
      changes: { sql: string[]; touch: [number | null, number | null][] }[]
    }
    await query([...setup.preamble, setup.create, ...setup.rows, ...setup.sub.ddl, ...setup.sub.rows])
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    const table = must(await readTable(pool, { schema: 'public', name: 'corpus_where' }, 'none'))
    await pool.end()
    const { columns } = table
    order = columns.map(column => column.name)
    for (const line of corpusLines<Line>('where-dev.jsonl')) {
      lines.push(line)
      const params = Object.fromEntries((line.params ?? []).map((value, i) => [String(i + 1), value]))
      try {
        const where = await compileWhere(line.where, params, columns, table.defaults)
        accepted.push({ line, where, matches: where.compile(order), sql: [] })
      } catch (error) {
        if (!(error instanceof WhereError)) throw new Error(`${line.id} ${line.where}`, { cause: error })
        refused.push(line)
      }
    }
    await snapshot()
    for (const { sql, touch } of setup.changes) {
      const before = await readRows(client, 'corpus_where')
      await query(['begin', ...sql, 'commit'])
      const after = await readRows(client, 'corpus_where')
      for (const [from, to] of touch) {
        const row = (rows: ReadonlyMap<number, TextRow>, id: number | null) =>
          id === null ? null : (rows.get(id) ?? null)
        changes.push({ before: row(before, from), after: row(after, to), from, to })
      }
    }
    await snapshot()
  })

  afterAll(async () => {
    await client.end()
    await database.drop()
  })

  test('E133 every clause is refused, or selects what PostgreSQL selected', async () => {
    const wrong: string[] = []
    for (const { line, where, matches, sql } of accepted) {
      if (line.pg_ids.error !== undefined) {
        if (typeof sql[0] !== 'string') wrong.push(`${line.where}: PostgreSQL raises`)
        continue
      }
      const chosen: number[][] = []
      for (const rows of states) chosen.push(await decideAll(client, matches, rows))
      const said = [sql[0], chosen[0], chosen[1], await streamOf(matches)]
      const truth = [line.pg_ids.before, line.pg_ids.before, line.pg_ids.after ?? sql[1], line.pg_stream ?? said[3]]
      const agrees = JSON.stringify([said, sql[1]]) === JSON.stringify([truth, chosen[1]])
      if (!agrees) wrong.push(`${line.where} → ${where.sql}`)
    }
    expect(wrong).toEqual([])
  })

  test('E133 what Electric answers rightly is accepted, but for subqueries', () => {
    const lost = refused.filter(line => line.status === 200 && line.agrees === true && !/\bselect\b/i.test(line.where))
    expect(lost.map(line => line.where)).toEqual([])
    expect(accepted.length).toBeGreaterThan(lines.length * 0.75)
  })

  test('E148 the equalities of a clause hold for every row that it selects', async () => {
    const unsound: string[] = []
    for (const { line, where, matches } of accepted.filter(entry => entry.where.equalities.length > 0))
      for (const rows of states)
        for (const row of rows.values()) {
          if (!(await decide(client, matches, row))) continue
          for (const { column, values } of where.equalities)
            if (!values.includes(must(row[order.indexOf(column)]))) unsound.push(`${line.where}: ${column}`)
        }
    expect(unsound).toEqual([])
  })
})
