import { expect, test } from 'vitest'
import { migrate } from '#migrations/run.ts'
import { must } from '#server/kernel/must.ts'
import { startCluster } from '#server/testing/postgres.ts'
import { startTestServer } from '#server/testing/server.ts'

test('D17 /ready is 503 with the database stopped and comes back by itself; /health stays 200', async () => {
  const cluster = await startCluster()
  await migrate(cluster.url)
  const server = await startTestServer({ databaseUrl: cluster.url })
  try {
    const ann = await server.signUp('ann')
    const ready = async () => {
      const answer = await server.anonymous.get('/ready')
      const { status, checks } = answer.body as { status: string; checks: Record<string, { status: string }> }
      return [answer.status, status, must(checks['database']).status]
    }
    expect(await ready()).toEqual([200, 'ok', 'ok'])
    await cluster.restart()
    expect(await ready()).toEqual([200, 'ok', 'ok'])
    expect((await ann.get('/api/me')).status).toBe(200)
    await cluster.stop()
    expect(await ready()).toEqual([503, 'down', 'down'])
    expect((await server.anonymous.get('/health')).status).toBe(200)
    const refused = await ann.get('/api/me')
    expect([refused.status, refused.code, refused.headers.get('retry-after')]).toEqual([503, 'unavailable', '1'])
  } finally {
    await server.close()
  }
})
