import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { createLog } from '#server/kernel/log.ts'
import { electricWatch, lookAtElectric } from './electric-health.ts'

test('nothing there, something else there, Electric on its way, Electric', async () => {
  const gone = await lookAtElectric({ url: 'http://127.0.0.1:9' })
  expect(gone.found).toMatch(/127\.0\.0\.1:9 does not answer \(.+\)/)
  expect(gone.remedy).toContain('ELECTRIC_URL')
  const answers = ['<html>', '{"status":"ok"}', '{"status":"waiting"}', '{"status":"active"}']
  const server = createServer((_request, response) => response.end(answers.shift()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const url = `http://${host}`
  const found: unknown[] = []
  while (answers.length > 0) found.push(await lookAtElectric({ url: `${url}/` }))
  server.close()
  expect(found).toMatchObject([
    { found: `${host} answers 200, but not as Electric does` },
    { found: `${host} answers 200, but not as Electric does` },
    { found: `${host} is waiting`, remedy: expect.stringContaining('log') },
    { found: `${host} is active`, remedy: undefined },
  ])
})

test('a password in the URL is said to nobody', async () => {
  const states = ['active', 'waiting', 'nonsense']
  const fetch = async () => {
    const status = states.shift()
    if (status === undefined) throw new TypeError('fetch failed')
    return Response.json({ status })
  }
  for (let look = 0; look < 4; look += 1) {
    const { found } = await lookAtElectric({ url: 'http://ann:hush-hush@electric:3000/', fetch })
    expect(found).toMatch(/^electric:3000 /)
  }
})

test('an Electric that hangs keeps neither the start nor the stop, and its end is no news', async () => {
  const lines: string[] = []
  let asked = 0
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    asked += 1
    return new Promise((_resolve, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
    })
  }
  const log = createLog('info', line => lines.push(line))
  const watch = electricWatch({ url: 'http://electric', log, fetch })
  const begun = performance.now()
  await watch.start()
  await vi.waitUntil(() => asked === 1, { interval: 1 })
  await watch.stop()
  // a probe alone has 2000
  expect(performance.now() - begun).toBeLessThan(1000)
  expect([asked, lines]).toEqual([1, []])
})

test('the log says it at the start and at each change, and not in between', async () => {
  let state = ''
  let asked = 0
  const fetch = async () => {
    asked += 1
    if (state === '') throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    return Response.json({ status: state })
  }
  const lines: string[] = []
  const log = createLog('info', line => lines.push(line))
  const watch = electricWatch({ url: 'http://electric', log, fetch, everyMs: 1 })
  const twice = async () => {
    const before = asked
    await vi.waitUntil(() => asked > before + 2, { interval: 1 })
  }
  await watch.start()
  await vi.waitUntil(() => lines.length > 0, { interval: 1 })
  expect(lines[0]).toMatch(/"warn".*does not answer \(connect ECONNREFUSED\).*"remedy"/)
  await twice()
  expect(lines).toHaveLength(1)
  state = 'active'
  await twice()
  state = ''
  await twice()
  await watch.stop()
  expect(lines).toHaveLength(3)
  expect(lines[1]).toContain('is active')
})
