// Shape requests and the server's stop, on a listening socket.
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Actor, UserActor } from '#server/kernel/actor.ts'
import { loadConfig } from '#server/kernel/config.ts'
import type { Reader } from '#server/kernel/database.ts'
import { AppError } from '#server/kernel/errors.ts'
import { silentLog } from '#server/kernel/log.ts'
import { rawRoute, type Route } from '#server/kernel/route.ts'
import { createClient } from '#server/testing/client.ts'
import { until } from '#server/testing/postgres.ts'
import { HttpServer } from './server.ts'
import type { ShapeAnswer, ShapeCall, ShapeHandler } from './shapes.ts'
import { createHttp } from './stack.ts'

const servers: HttpServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.stop()))
})

const ann: UserActor = { kind: 'user', userId: 'ann', displayName: 'Ann', sessionPublicId: 's', isAdmin: false }
const signedIn = { authorization: 'Bearer ann' }

const start = async (shapes: ShapeHandler, options: { routes?: Route[]; limits?: string; drainMs?: number } = {}) => {
  const http = createHttp({
    routes: options.routes ?? [],
    runWrite: async () => ({ status: 200, body: '{}', replayed: false }),
    database: { read: work => work({} as Reader) },
    sessions: {
      cookieName: 'skerry_session',
      validate: async token => (token === 'ann' ? { actor: ann, extended: true } : undefined),
      cookie: token => `skerry_session=${token}`,
    },
    config: loadConfig({ PUBLIC_URL: 'http://app.test', RATE_LIMITS: options.limits ?? 'off' }),
    log: silentLog,
    checks: {},
    shapes,
  })
  const server = new HttpServer({
    ...http,
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    drainMs: options.drainMs ?? 5000,
  })
  await server.start()
  servers.push(server)
  return {
    server,
    url: `http://127.0.0.1:${server.port}`,
    client: createClient(`http://127.0.0.1:${server.port}`, signedIn),
  }
}

const text = (body: string | null, status = 200, headers: Record<string, string> = {}): ShapeAnswer => ({
  status,
  headers,
  body: body === null ? null : Buffer.from(body),
})

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

describe('a shape request', () => {
  test('arrives as data, with the actor; the answer goes back as it is', async () => {
    const calls: [ShapeCall, Actor][] = []
    const { client } = await start(async (call, actor) => {
      calls.push([call, actor])
      return text('[]', 200, { 'content-type': 'application/json', 'electric-handle': 'h-1', vary: 'Authorization' })
    })
    const answer = await client.request('POST', '/api/shapes/tasks?offset=-1&a=1&a=%20x', '{"subset":1}', {
      'content-type': 'text/plain',
      'if-none-match': '"e"',
    })
    expect([answer.status, answer.text]).toEqual([200, '[]'])
    expect(answer.headers.get('electric-handle')).toBe('h-1')
    expect(answer.headers.get('vary')).toBe('Origin, Authorization')
    expect(answer.headers.get('x-request-id')).toBe(calls[0]?.[0].requestId)
    expect(answer.headers.get('skerry-time')).toMatch(/^\d+$/)
    const [call, actor] = calls[0] ?? []
    expect(actor).toEqual(ann)
    expect(call).toMatchObject({ method: 'POST', name: 'tasks' })
    expect([...(call?.query ?? [])]).toEqual([
      ['offset', '-1'],
      ['a', '1'],
      ['a', ' x'],
    ])
    expect(call?.headers['if-none-match']).toBe('"e"')
    expect(Buffer.from(call?.body ?? []).toString()).toBe('{"subset":1}')
  })

  test('of nobody is passed on as such: the gate answers', async () => {
    const { url } = await start(async (_call, actor) => text(null, actor.kind === 'anonymous' ? 401 : 200))
    expect((await fetch(`${url}/api/shapes/tasks`)).status).toBe(401)
  })

  test('never gets a cookie, other answers get it again when the session was prolonged', async () => {
    const routes = [
      rawRoute({
        method: 'GET',
        path: '/plain',
        access: 'USER',
        summary: 'Plain.',
        response: z.unknown(),
        run: async () => ({ status: 200, body: {} }),
      }),
    ]
    const { url } = await start(async () => text('[]'), { routes })
    const cookie = createClient(url, { cookie: 'skerry_session=ann' })
    expect((await cookie.get('/api/shapes/tasks')).headers.getSetCookie()).toEqual([])
    expect((await cookie.get('/plain')).headers.getSetCookie()).toEqual(['skerry_session=ann'])
  })

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('%s with %i has no body', async (method, status) => {
    const { client } = await start(async () => text('[1,2]', status, { etag: '"e"' }))
    const answer = await client.request(method, '/api/shapes/tasks')
    expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([status, '', '"e"'])
  })

  test('refusals of the handler become error answers', async () => {
    const { client } = await start(async () => {
      throw new AppError('not_found')
    })
    expect((await client.get('/api/shapes/tasks')).code).toBe('not_found')
  })

  test('a body over 8 MiB is 413', async () => {
    const { client } = await start(async call => text(String(call.body.byteLength)))
    const limit = 8 * 1024 * 1024
    expect((await client.request('POST', '/api/shapes/tasks', Buffer.alloc(limit))).text).toBe(String(limit))
    expect((await client.request('POST', '/api/shapes/tasks', Buffer.alloc(limit + 1))).code).toBe('body_too_large')
  })

  test('a wrong spelling is no shape', async () => {
    const { client } = await start(async () => text('[]'))
    for (const path of ['/api/shapes/Tasks', '/api/shapes/tasks/', '/api/shapes/%74asks', '/api/shapes/']) {
      expect((await client.get(path)).code).toBe('not_found')
    }
  })
})

describe('a stream', () => {
  test('opens before its first event and carries each event at once', async () => {
    let say: (event: string) => void = () => undefined
    const next = () => new Promise<string>(resolve => (say = resolve))
    const { url } = await start(async () => ({
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: (async function* () {
        for (;;) {
          const event = await next()
          if (event === 'end') return
          yield Buffer.from(`data: ${event}\n\n`)
        }
      })(),
    }))
    const response = await fetch(`${url}/api/shapes/tasks`, { headers: signedIn })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body?.getReader()
    say('one')
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: one\n\n')
    say('two')
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: two\n\n')
    say('end')
    expect((await reader?.read())?.done).toBe(true)
  })

  test('ends with its client: the signal fires and the iterator is closed', async () => {
    let fired = false
    let closed = false
    const { url } = await start(async ({ signal }) => ({
      status: 200,
      headers: {},
      body: (async function* () {
        try {
          yield Buffer.from('first')
          await aborted(signal)
          fired = true
          yield Buffer.from('nobody reads this')
          throw new Error('the stream was not closed')
        } finally {
          closed = true
        }
      })(),
    }))
    const leave = new AbortController()
    const response = await fetch(`${url}/api/shapes/tasks`, { headers: signedIn, signal: leave.signal })
    await response.body?.getReader().read()
    leave.abort()
    await until('the stream is closed', () => fired && closed)
  })

  test('waits for a slow reader instead of filling memory', async () => {
    const chunk = Buffer.alloc(64 * 1024, 46)
    const chunks = 1024
    let made = 0
    const { server } = await start(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        for (; made < chunks; made += 1) yield chunk
      })(),
    }))
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    socket.write('GET /api/shapes/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\nConnection: close\r\n\r\n')
    let before = -1
    let still = 0
    await until('production stalls', () => {
      still = made > 0 && made === before ? still + 1 : 0
      before = made
      return still > 20
    })
    // what fits into the buffers of both sockets, of 64 MiB
    expect(made).toBeLessThan(chunks / 4)
    let received = 0
    socket.on('data', (data: Buffer) => {
      received += data.length
    })
    socket.resume()
    await until('everything has arrived', () => socket.destroyed || socket.readableEnded)
    expect(made).toBe(chunks)
    expect(received).toBeGreaterThan(chunk.length * chunks)
  })

  test('that breaks is cut off visibly', async () => {
    const { url } = await start(async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield Buffer.from('[{"half":')
        throw new Error('disk')
      })(),
    }))
    const response = await fetch(`${url}/api/shapes/tasks`, { headers: signedIn })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })
})

test('a person holds 200 shape requests open at a time; they do not count as requests', async () => {
  let waiting = 0
  const { url, client } = await start(
    async ({ signal, query }) => {
      if (query.has('live')) {
        waiting += 1
        await aborted(signal)
      }
      return text('[]')
    },
    { limits: 'on' },
  )
  const leave = new AbortController()
  const polls = Array.from({ length: 200 }, () =>
    fetch(`${url}/api/shapes/tasks?live=true`, { headers: signedIn, signal: leave.signal }).catch(() => undefined),
  )
  await until('200 polls are parked', () => waiting === 200)
  const refused = await client.get('/api/shapes/tasks')
  expect([refused.status, refused.code]).toEqual([429, 'rate_limited'])
  leave.abort()
  await Promise.all(polls)
  await until('there is room again', async () => (await client.get('/api/shapes/tasks')).status === 200)
  for (let n = 0; n < 700; n += 100) {
    const statuses = await Promise.all(
      Array.from({ length: 100 }, async () => (await client.get('/api/shapes/tasks')).status),
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
  }
}, 30_000)

describe('stopping', () => {
  const slowRoute = (running: Promise<void>, begun: () => void): Route =>
    rawRoute({
      method: 'GET',
      path: '/slow',
      access: 'PUBLIC',
      summary: 'Slow.',
      response: z.unknown(),
      run: async () => {
        begun()
        await running
        return { status: 200, body: { done: true } }
      },
    })

  test('ends long polls with their answer, lets running requests finish, refuses new ones', async () => {
    let parked = false
    let finish: () => void = () => undefined
    let begun = false
    const slow = slowRoute(new Promise(resolve => (finish = resolve)), () => (begun = true))
    const { server, url } = await start(
      async ({ signal }) => {
        parked = true
        await aborted(signal)
        return text('up-to-date')
      },
      { routes: [slow] },
    )
    const poll = fetch(`${url}/api/shapes/tasks`, { headers: signedIn })
    // a client that would keep its connection for the next request
    const agent = new Agent({ keepAlive: true })
    const running = new Promise<string>((resolve, reject) => {
      get(`${url}/slow`, { agent }, response => {
        response.setEncoding('utf8').on('data', resolve)
      }).on('error', reject)
    })
    await until('both are running', () => parked && begun)
    let stopped = false
    const stopping = server.stop().then(() => (stopped = true))
    expect(await (await poll).text()).toBe('up-to-date')
    await expect(fetch(`${url}/slow`)).rejects.toThrow()
    expect(stopped).toBe(false)
    const finished = performance.now()
    finish()
    expect(await running).toBe('{"done":true}')
    await stopping
    expect(performance.now() - finished).toBeLessThan(4000)
    agent.destroy()
  })

  test('does not wait for connections that were opened in advance and never used', async () => {
    const { server } = await start(async () => text('[]'), { drainMs: 600_000 })
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    const cut = once(socket, 'close')
    socket.on('error', () => undefined)
    await server.stop()
    await cut
  })

  test('cuts off what does not finish by the deadline', async () => {
    let begun = false
    const never = slowRoute(new Promise(() => undefined), () => (begun = true))
    const { server, url } = await start(async () => text('[]'), { routes: [never], drainMs: 50 })
    const running = fetch(`${url}/slow`).then(
      () => 'answered',
      () => 'cut off',
    )
    await until('it is running', () => begun)
    await server.stop()
    expect(await running).toBe('cut off')
  })
})
