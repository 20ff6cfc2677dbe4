// The stream's questions to Postgres: what a row filter cannot compute by itself (shapes/where/asked.ts). On a connection
// of its own, because the stream waits for the answers and must not queue behind snapshots.
import pg from 'pg'
import type { Log } from '#server/kernel/log.ts'
import type { Question } from '../shapes/where/where.ts'
import { withDisplaySettings } from './connection.ts'

const answerMs = 10_000

/** Puts questions; rejects when Postgres cannot be reached, which ends the stream until it can. */
export interface Asker {
  ask(question: Question): Promise<void>
  close(): Promise<void>
}

/** An asker for a database; it connects at the first question. */
export const createAsker = (databaseUrl: string, log: Log): Asker => {
  const pool = new pg.Pool({
    connectionString: withDisplaySettings(databaseUrl),
    max: 1,
    application_name: 'skerry-sync',
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    keepAlive: true,
  })
  pool.on('connect', client => client.on('error', () => undefined))
  pool.on('error', error => log.warn('an idle database connection failed', { error }))
  return {
    ask: async ({ sql, values, settle }) => {
      try {
        const { rows } = await pool.query<(string | null)[]>({ text: sql, values: [...values], rowMode: 'array' })
        settle(rows[0]?.[0] ?? null)
      } catch (error) {
        // Data exceptions and what the catalogs do not have: the value is an error for this row and every time.
        if (!/^(22|42)/.test((error as { code?: string }).code ?? '')) throw error
        settle(undefined)
      }
    },
    close: () => pool.end(),
  }
}
