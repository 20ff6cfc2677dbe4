// The one query helper that global setups and tests share (global setups run outside vitest's test context).
import pg from 'pg'

/** One query on a connection of its own. */
export const queryOnce = async (url: string, sql: string, values: unknown[] = []): Promise<pg.QueryResult> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(sql, values)
  } finally {
    await client.end()
  }
}
