import { expect, test } from 'vitest'
import { openDatabase } from '#server/kernel/database.ts'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { startCluster } from '#server/testing/postgres.ts'
import { startTestServer } from '#server/testing/server.ts'
import { type Check, databaseCheck } from './health.ts'

test('D17 /ready is 503 with the database stopped and comes back by itself; /health stays 200', async () => {
  const cluster = await startCluster()
  const database = openDatabase(cluster.url, 2, silentLog)
  const search: Check = { probe: () => Promise.reject(new Error('stopped')), whenDown: 'degraded' }
  const server = await startTestServer({ checks: { database: databaseCheck(database), search } })
  try {
    const ready = async () => {
      const answer = await server.anonymous.get('/ready')
      const { status, checks } = answer.body as { status: string; checks: Record<string, { status: string }> }
      return [answer.status, status, must(checks['database']).status, must(checks['search']).status]
    }
    expect(await ready()).toEqual([200, 'degraded', 'ok', 'degraded'])
    await cluster.restart()
    expect(await ready()).toEqual([200, 'degraded', 'ok', 'degraded'])
    await cluster.stop()
    expect(await ready()).toEqual([503, 'down', 'down', 'degraded'])
    expect((await server.anonymous.get('/health')).status).toBe(200)
  } finally {
    await server.close()
    await database.close()
  }
})
