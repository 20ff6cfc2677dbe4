// With a certificate: HTTP/2, HTTP/1.1 for who speaks nothing newer, and WebSockets, on one port.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { request } from 'node:https'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import type { UserActor } from '#server/kernel/actor.ts'
import { loadConfig } from '#server/kernel/config.ts'
import type { Reader } from '#server/kernel/database.ts'
import { silentLog } from '#server/kernel/log.ts'
import { rawRoute } from '#server/kernel/route.ts'
import { until } from '#server/testing/postgres.ts'
import { HttpServer } from './server.ts'
import type { ShapeHandler } from './shapes.ts'
import { createHttp } from './stack.ts'

const pem = (name: string) => readFileSync(new URL(`../testing/tls/${name}.pem`, import.meta.url), 'utf8')
const tls = { cert: pem('cert'), key: pem('key') }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const ann: UserActor = { kind: 'user', userId: 'ann', displayName: 'Ann', sessionPublicId: 's', isAdmin: false }

const start = async (shapes: ShapeHandler, drainMs = 5000) => {
  const echo = rawRoute({
    method: 'POST',
    path: '/echo',
    access: 'PUBLIC',
    summary: 'Echo.',
    response: z.unknown(),
    body: z.unknown(),
    run: async ({ body }) => ({ status: 200, body }),
  })
  const http = createHttp({
    routes: [echo],
    runWrite: async () => ({ status: 200, body: '{}', replayed: false }),
    database: { read: work => work({} as Reader) },
    sessions: {
      cookieName: 'skerry_session',
      validate: async token => (token === 'ann' ? { actor: ann, extended: false } : undefined),
      cookie: token => `skerry_session=${token}`,
    },
    config: loadConfig({ PUBLIC_URL: 'https://localhost', RATE_LIMITS: 'off' }),
    log: silentLog,
    checks: {},
    shapes,
  })
  const server = new HttpServer({ ...http, host: '127.0.0.1', port: 0, log: silentLog, drainMs, tls })
  await server.start()
  ends.push(() => server.stop())
  return server
}

const session = async (server: HttpServer): Promise<ClientHttp2Session> => {
  const made = connect(`https://127.0.0.1:${server.port}`, { ca: tls.cert })
  made.on('error', () => undefined)
  ends.push(() => made.destroy())
  await once(made, 'connect')
  return made
}

const ask = (client: ClientHttp2Session, path: string, body?: string) => {
  const method = body === undefined ? 'GET' : 'POST'
  const headers = { authorization: 'Bearer ann', ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
  const stream = client.request({ ':path': path, ':method': method, ...headers })
  let text = ''
  stream.setEncoding('utf8')
  stream.on('data', (piece: string) => (text += piece))
  stream.on('error', () => undefined)
  stream.end(body)
  const head = once(stream, 'response').then(([given]) => given as Record<string, unknown>)
  head.catch(() => undefined)
  const done = once(stream, 'close').then(() => text)
  return { stream, head, done, text: () => text }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
const answer = (body: string) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(body),
})

test('many long polls share a connection, and a request passes them', async () => {
  const waiting: (() => void)[] = []
  const server = await start(async () => {
    await new Promise<void>(resolve => waiting.push(resolve))
    return answer('[]')
  })
  const client = await session(server)
  expect(client.alpnProtocol).toBe('h2')
  const polls = Array.from({ length: 34 }, (_, n) => ask(client, `/api/shapes/s${n}?live=true`))
  await until('all are open', () => waiting.length === 34)
  const posted = ask(client, '/echo', '{"a":"ü"}')
  expect((await posted.head)[':status']).toBe(200)
  expect(await posted.done).toBe('{"a":"ü"}')
  for (const go of waiting) go()
  expect(await Promise.all(polls.map(poll => poll.done))).toEqual(polls.map(() => '[]'))
  expect((await polls[0]?.head)?.['x-request-id']).toBeTypeOf('string')
})

test('a stream carries each event at once, and ends when its reader goes', async () => {
  const events: (() => void)[] = []
  let closed = false
  const server = await start(async call => ({
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    body: (async function* () {
      try {
        while (!call.signal.aborted) {
          await Promise.race([new Promise<void>(resolve => void events.push(resolve)), aborted(call.signal)])
          if (!call.signal.aborted) yield Buffer.from(`data: ${events.length}\n\n`)
        }
      } finally {
        closed = true
      }
    })(),
  }))
  const stream = ask(await session(server), '/api/shapes/tasks?live=true&live_sse=true')
  expect((await stream.head)[':status']).toBe(200)
  await until('it waits', () => events.length === 1)
  events[0]?.()
  await until('the first event is there', () => stream.text() === 'data: 1\n\n')
  stream.stream.close()
  await until('the source has ended', () => closed)
})

test('HTTP/1.1 and WebSockets live on the same port', async () => {
  const server = await start(async () => answer('["old"]'))
  const old = request(`https://127.0.0.1:${server.port}/api/shapes/tasks`, {
    ca: tls.cert,
    headers: { authorization: 'Bearer ann' },
  })
  old.end()
  const [response] = (await once(old, 'response')) as [NodeJS.ReadableStream & { httpVersion: string }]
  expect(response.httpVersion).toBe('1.1')
  response.resume()
  const socket = new WebSocket(`wss://127.0.0.1:${server.port}/sync`, {
    ca: tls.cert,
    headers: { authorization: 'Bearer ann' },
  })
  ends.push(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ id: 1, url: '/api/shapes/tasks' }))
  const [frame] = (await once(socket, 'message')) as [Buffer]
  expect(JSON.parse(frame.toString())).toMatchObject({ id: 1, status: 200, body: '["old"]' })
})

test('the stop answers long polls, then ends the connections', async () => {
  let open = 0
  const server = await start(async call => {
    open += 1
    await aborted(call.signal)
    return answer('[]')
  }, 600_000)
  const [one, idle] = [await session(server), await session(server)]
  const polls = [ask(one, '/api/shapes/a?live=true'), ask(one, '/api/shapes/b?live=true')]
  await until('both are open', () => open === 2)
  const closed = Promise.all([once(one, 'close'), once(idle, 'close')])
  await server.stop()
  expect(await Promise.all(polls.map(poll => poll.done))).toEqual(['[]', '[]'])
  await closed
})

test('what does not finish by the deadline is cut off', async () => {
  let open = 0
  const server = await start(async () => {
    open += 1
    return new Promise(() => undefined)
  }, 50)
  const client = await session(server)
  const poll = ask(client, '/api/shapes/a?live=true')
  await until('it is open', () => open === 1)
  await server.stop()
  expect(await poll.done).toBe('')
})
