// Random writers and random shapes over two invented tables.
import pg from 'pg'
import { pause } from '#server/kernel/lifecycle.ts'
import type { ShapeQuery } from './oracle.ts'
import { below, pick } from './random.ts'

const workloadTables = `
  create table notes (id int primary key, grp int not null, title text, done bool, big text);
  alter table notes alter big set storage external;
  create table pairs (a int, b bool, c char(3), t timestamptz, n numeric, primary key (a, b, c));`

const groups = 4
const ids = 60

/** A shape of the workload and the SELECT that says what is in it. */
const randomShape = (random: () => number): ShapeQuery => {
  const where = pick(random, [
    null,
    `grp = ${below(random, groups)}`,
    `grp in (${below(random, groups)}, ${below(random, groups)})`,
    `grp = ${below(random, groups)} and done is not true`,
    `done`,
    `title like 'a%'`,
    `title is null or grp > ${below(random, groups)}`,
  ])
  const replica = pick(random, ['default', 'full'])
  if (random() < 0.25) {
    const pairWhere = pick(random, [null, 'b', `n > ${below(random, 50)}`, `c = 'ab' and a < 5`])
    return {
      params: { table: 'pairs', replica, ...(pairWhere === null ? {} : { where: pairWhere }) },
      sql: `select * from pairs${pairWhere === null ? '' : ` where ${pairWhere}`}`,
    }
  }
  const columns = random() < 0.3 ? 'id,title,done' : null
  return {
    params: {
      table: 'notes',
      replica,
      ...(where === null ? {} : { where }),
      ...(columns === null ? {} : { columns }),
    },
    sql: `select ${columns ?? '*'} from notes${where === null ? '' : ` where ${where}`}`,
  }
}

const titles = ['null', "'a'", "'ab\"\\'", "'b/ü\n'", "'a😀'"]

/** One statement. */
const statement = (random: () => number): string => {
  const id = below(random, ids)
  const title = pick(random, titles)
  const done = pick(random, ['true', 'false', 'null'])
  switch (below(random, 12)) {
    case 0:
    case 1:
    case 2:
      return `insert into notes values (${id}, ${below(random, groups)}, ${title}, ${done}, repeat('x', ${pick(random, [1, 5000])})) on conflict (id) do update set title = excluded.title`
    case 3:
      return `update notes set grp = ${below(random, groups)} where id = ${id}`
    case 4:
      return `update notes set title = ${title}, done = ${done} where id % 7 = ${below(random, 7)}`
    case 5:
      return `delete from notes where id = ${id}`
    case 6:
      return `update notes set id = ${below(random, ids)} where id = ${id} and not exists (select 1 from notes where id = ${below(random, ids)})`
    case 7:
      return `delete from notes where grp = ${below(random, groups)} and id > ${ids - 10}`
    case 8:
    case 9:
      return `insert into pairs values (${below(random, 8)}, ${pick(random, ['true', 'false'])}, ${pick(random, ["'ab'", "'abc'", "''"])}, '2024-01-01 00:00+0${below(random, 9)}', ${below(random, 100)}.50) on conflict (a, b, c) do update set n = excluded.n`
    case 10:
      return `update pairs set b = not b where a = ${below(random, 8)} and not exists (select 1 from pairs p where p.a = pairs.a and p.c = pairs.c and p.b <> pairs.b)`
    default:
      return `delete from pairs where a = ${below(random, 8)}`
  }
}

const retryable = new Set(['40001', '40P01', '23505'])

/** Tables, shapes of them, and statements that change them. */
export interface Workload {
  readonly tables: string
  readonly randomShape: (random: () => number) => ShapeQuery
  readonly statement: (random: () => number) => string
  /** Milliseconds between two transactions of a writer; absent: as fast as Postgres takes them. */
  readonly paceMs?: number
}

/** Two tables and shapes of one table each. */
export const plainWorkload: Workload = { tables: workloadTables, randomShape, statement }

export interface WriterOptions {
  readonly workload: Workload
  readonly signal: AbortSignal
  /** Told of every transaction that ended. */
  readonly onCommit?: () => void
  /** While it says so, nothing is written. */
  readonly isHeld?: () => boolean
}

/** Runs random transactions until `signal`; survives a database that goes away. */
export const writeRandomly = async (
  url: string,
  random: () => number,
  { workload: { statement, paceMs = 0 }, signal, onCommit, isHeld = () => false }: WriterOptions,
): Promise<void> => {
  while (!signal.aborted) {
    // a server that is killed while it lets us in, or while it answers, would keep the driver waiting for ever
    const db = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000, query_timeout: 10_000 })
    db.on('error', () => {})
    try {
      await db.connect()
      await db.query('set statement_timeout = 5000')
      while (!signal.aborted) {
        try {
          await db.query('begin')
          for (let count = 1 + below(random, 6); count > 0; count--) {
            if (random() < 0.2) {
              await db.query('savepoint s')
              await db.query(statement(random))
              await db.query(random() < 0.5 ? 'rollback to s' : 'release s')
            } else await db.query(statement(random))
          }
          await db.query(random() < 0.15 ? 'rollback' : 'commit')
          onCommit?.()
        } catch (error) {
          if (!retryable.has(String((error as { code?: unknown }).code))) throw error
          await db.query('rollback')
        }
        if (random() < 0.2) await pause(below(random, 8), signal)
        if (paceMs > 0) await pause(paceMs, signal)
        while (isHeld() && !signal.aborted) await pause(20, signal)
      }
      await db.end()
    } catch {
      void db.end().catch(() => {})
      await pause(20, signal)
    }
  }
}
