// One transaction on one connection, with as few waits for Postgres as its statements allow: `begin` goes out together
// with the first statement, and what nobody waits for together with the next one, or with `commit`.
import { type Compilable, Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import type { DB } from './database.gen.ts'

/**
 * Sends a statement whose result nobody reads, without waiting for it. It takes effect in order; if it fails, the
 * transaction fails with its error.
 */
export type Later = (query: Compilable) => void

/** What a transaction can do besides queries. */
export interface Wire {
  readonly later: Later
  /** Calls `work` when everything else has been sent, for locks that many transactions want: they are held shortest. */
  readonly last: (work: () => void) => void
  /** The transaction's 32-bit id; asked once, however often it is wanted. */
  readonly xid: () => Promise<number>
}

/** "Current transaction is aborted": says only that an earlier statement failed. */
const aborted = '25P02'

const bound = new WeakMap<pg.PoolClient, Kysely<DB>>()

/** The query builder on this one connection; made once for it. */
const builderOn = (client: pg.PoolClient): Kysely<DB> => {
  const known = bound.get(client)
  if (known) return known
  const connection = { query: client.query.bind(client), release: () => undefined } as unknown as pg.PoolClient
  const made = new Kysely<DB>({
    dialect: new PostgresDialect({
      pool: { connect: async () => connection, end: async () => undefined, options: {} },
    }),
  })
  bound.set(client, made)
  return made
}

const codeOf = (error: unknown): unknown => {
  const cause = error instanceof Error && error.cause !== undefined && !('code' in error) ? error.cause : error
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

/** What really went wrong: the first failure that is not the echo of another. */
const originOf = async (error: unknown, sent: readonly Promise<unknown>[]): Promise<unknown> => {
  if (codeOf(error) !== aborted) return error
  const settled = await Promise.allSettled(sent)
  const failures = settled.flatMap(one => (one.status === 'rejected' ? [one.reason as unknown] : []))
  return failures.find(failure => codeOf(failure) !== aborted) ?? error
}

/**
 * Runs `work` between `begin` and commit on `client`, and gives the client back to its pool. Rejects with the error of
 * `work`, or of the statement that made it fail; then nothing is left of the transaction, unless the connection broke
 * during the commit itself.
 */
export const runTransaction = async <T>(
  client: pg.PoolClient,
  begin: string,
  work: (builder: Kysely<DB>, wire: Wire) => Promise<T>,
): Promise<T> => {
  const sent: Promise<pg.QueryResult>[] = []
  const send = (text: string, values: readonly unknown[] = []): Promise<pg.QueryResult> => {
    const answer = client.query(text, [...values])
    answer.catch(() => undefined)
    sent.push(answer)
    return answer
  }
  let broken: Error | undefined
  try {
    void send(begin)
    let id: Promise<number> | undefined
    const lasts: (() => void)[] = []
    const result = await work(builderOn(client), {
      later: query => {
        const { sql, parameters } = query.compile()
        void send(sql, parameters)
      },
      last: one => void lasts.push(one),
      xid: () => {
        id ??= send('select pg_current_xact_id()::xid::text as id').then(({ rows }) =>
          Number((rows[0] as { id: string }).id),
        )
        id.catch(() => undefined)
        return id
      },
    })
    for (const one of lasts) one()
    const commit = send('commit')
    await Promise.all(sent)
    // Postgres answers a commit of a failed transaction so, and without an error
    if ((await commit).command === 'ROLLBACK') throw new Error('The transaction had failed before its commit.')
    return result
  } catch (error) {
    const origin = await originOf(error, sent)
    await client.query('rollback', []).catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error(String(failure))
    })
    throw origin
  } finally {
    client.release(broken)
  }
}
