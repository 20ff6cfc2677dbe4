// /metrics on a listening server.
import { afterEach, expect, test } from 'vitest'
import { loadConfig } from '#server/kernel/config.ts'
import type { Reader } from '#server/kernel/database.ts'
import { silentLog } from '#server/kernel/log.ts'
import { HttpServer } from './server.ts'
import { createHttp } from './stack.ts'

const servers: HttpServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.stop()))
})

const token = 'a-token-of-some-length'

const start = async (env: Record<string, string>) => {
  const http = createHttp({
    routes: [],
    runWrite: async () => ({ status: 200, body: '{}', replayed: false }),
    database: { read: work => work({} as Reader) },
    sessions: { cookieName: 's', validate: async () => undefined, cookie: () => '' },
    config: loadConfig({ PUBLIC_URL: 'http://app.test', ...env }),
    log: silentLog,
    checks: {},
  })
  const server = new HttpServer({ ...http, host: '127.0.0.1', port: 0, log: silentLog })
  await server.start()
  servers.push(server)
  const url = `http://127.0.0.1:${server.port}`
  return {
    url,
    metrics: (shown?: string) =>
      fetch(`${url}/metrics`, shown === undefined ? {} : { headers: { authorization: `Bearer ${shown}` } }),
  }
}

test('without a token in the settings there are no metrics', async () => {
  const { metrics } = await start({})
  expect([(await metrics()).status, (await metrics('')).status, (await metrics(token)).status]).toEqual([404, 404, 404])
})

test('only the token opens them', async () => {
  const { metrics } = await start({ METRICS_TOKEN: token })
  expect([(await metrics()).status, (await metrics(`${token}x`)).status]).toEqual([401, 401])
  const answer = await metrics(token)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

test('requests are counted by the pattern of their route, never by their path', async () => {
  const { url, metrics } = await start({ METRICS_TOKEN: token })
  await fetch(`${url}/health`)
  await fetch(`${url}/health`)
  await fetch(`${url}/no/such/secret-path`)
  const text = await (await metrics(token)).text()
  expect(text).toContain('skerry_http_request_duration_seconds_count{method="GET",route="/health",status="200"} 2')
  expect(text).toContain('route="none",status="404"} 1')
  expect(text).not.toContain('secret-path')
  expect(text).toMatch(/^skerry_open_shape_requests 0$/m)
  expect(text).toMatch(/^skerry_sync_sockets 0$/m)
  expect(text).toMatch(/^process_resident_memory_bytes \d+/m)
})
