// Shape requests over one socket, against a listening server with a handler of the test's own.
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Actor, UserActor } from '#server/kernel/actor.ts'
import { loadConfig } from '#server/kernel/config.ts'
import type { Reader } from '#server/kernel/database.ts'
import { silentLog } from '#server/kernel/log.ts'
import { until } from '#server/testing/postgres.ts'
import { HttpServer } from './server.ts'
import type { ShapeAnswer, ShapeCall, ShapeHandler } from './shapes.ts'
import { createHttp } from './stack.ts'

interface Frame {
  readonly id: number
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: string
  readonly more?: true
}

const servers: HttpServer[] = []
const sockets: WebSocket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  await Promise.all(servers.splice(0).map(server => server.stop()))
})

const ann: UserActor = { kind: 'user', userId: 'ann', displayName: 'Ann', sessionPublicId: 's', isAdmin: false }

const start = async (shapes: ShapeHandler, options: { limits?: string } = {}) => {
  const http = createHttp({
    routes: [],
    runWrite: async () => ({ status: 200, body: '{}', replayed: false }),
    database: { read: work => work({} as Reader) },
    sessions: {
      cookieName: 'skerry_session',
      validate: async token => (token === 'ann' ? { actor: ann, extended: false } : undefined),
      cookie: token => `skerry_session=${token}`,
    },
    config: loadConfig({ PUBLIC_URL: 'http://app.test', RATE_LIMITS: options.limits ?? 'off' }),
    log: silentLog,
    checks: {},
    shapes,
  })
  const server = new HttpServer({ ...http, host: '127.0.0.1', port: 0, log: silentLog, drainMs: 5000 })
  await server.start()
  servers.push(server)
  return server
}

const connect = async (server: HttpServer, headers: Record<string, string> = {}, path = '/sync') => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers })
  sockets.push(socket)
  const frames: Frame[] = []
  socket.on('message', data => frames.push(JSON.parse((data as Buffer).toString()) as Frame))
  const refused = once(socket, 'unexpected-response').then(
    ([, response]) => (response as { statusCode: number }).statusCode,
  )
  const opened = once(socket, 'open').then(() => 101)
  socket.on('error', () => undefined)
  refused.catch(() => undefined)
  opened.catch(() => undefined)
  const status = await Promise.race([opened, refused])
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)])
  closed.catch(() => undefined)
  return {
    socket,
    status,
    frames,
    of: (id: number) => frames.filter(frame => frame.id === id),
    send: (frame: unknown) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    closed,
  }
}

const text = (body: string, status = 200, headers: Record<string, string> = {}): ShapeAnswer => ({
  status,
  headers,
  body: Buffer.from(body),
})
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
const bearer = { authorization: 'Bearer ann' }

describe('a request over the socket', () => {
  test('arrives as one over HTTP does, and its answer comes back in one frame', async () => {
    const calls: [ShapeCall, Actor][] = []
    const server = await start(async (call, actor) => {
      calls.push([call, actor])
      return text('[{"a":"ü"}]', 200, { 'electric-handle': 'h-1', 'content-type': 'application/json' })
    })
    const client = await connect(server)
    client.send({
      id: 7,
      url: '/api/shapes/tasks?offset=0_0&live=true&a=%20x',
      headers: { ...bearer, 'If-None-Match': '"e"' },
    })
    await until('it is answered', () => client.frames.length === 1)
    expect(client.frames[0]).toMatchObject({ id: 7, status: 200, body: '[{"a":"ü"}]' })
    expect(client.frames[0]?.headers).toMatchObject({ 'electric-handle': 'h-1' })
    const [call, actor] = calls[0] ?? []
    expect(actor).toEqual(ann)
    expect(call).toMatchObject({ method: 'GET', name: 'tasks', requestId: client.frames[0]?.headers?.['x-request-id'] })
    expect([...(call?.query ?? [])]).toEqual([
      ['offset', '0_0'],
      ['live', 'true'],
      ['a', ' x'],
    ])
    expect(call?.headers['if-none-match']).toBe('"e"')
  })

  test('many are open at once and answered in any order; a large answer lets others pass', async () => {
    const waiting = new Map<string, () => void>()
    const server = await start(async call => {
      if (call.name === 'large') return text('x'.repeat(3_000_000))
      await new Promise<void>(resolve => waiting.set(call.name, resolve))
      return text(call.name)
    })
    const client = await connect(server, bearer)
    for (let id = 0; id < 34; id += 1) client.send({ id, url: `/api/shapes/s${id}?live=true` })
    await until('all are open', () => waiting.size === 34)
    client.send({ id: 99, url: '/api/shapes/large' })
    waiting.get('s33')?.()
    await until('the large one is there', () => client.of(99).some(frame => frame.more === undefined))
    expect(
      client
        .of(99)
        .map(frame => frame.body)
        .join(''),
    ).toBe('x'.repeat(3_000_000))
    expect(client.of(99).length).toBeGreaterThan(10)
    expect(client.frames.indexOf(client.of(33)[0] as Frame)).toBeLessThan(client.frames.length - 1)
    for (const answer of waiting.values()) answer()
    await until('all are answered', () => client.frames.filter(frame => frame.id < 34).length === 34)
    for (let id = 0; id < 34; id += 1) expect(client.of(id)[0]?.body).toBe(`s${id}`)
  })

  test('a stream opens at once and carries each event in a frame of its own', async () => {
    const events: (() => void)[] = []
    const server = await start(async () => ({
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: (async function* () {
        for (const event of ['data: ä\n\n', 'data: 2\n\n']) {
          await new Promise<void>(resolve => void events.push(resolve))
          yield Buffer.from(event)
        }
      })(),
    }))
    const client = await connect(server, bearer)
    client.send({ id: 1, url: '/api/shapes/tasks?live=true&live_sse=true' })
    await until('the head is there', () => client.frames.length === 1)
    expect(client.frames[0]).toMatchObject({ status: 200, body: '', more: true })
    await until('it waits', () => events.length === 1)
    events[0]?.()
    await until('the first event is there', () => client.frames.length === 2)
    expect(client.frames[1]).toEqual({ id: 1, body: 'data: ä\n\n', more: true })
    await until('it waits again', () => events.length === 2)
    events[1]?.()
    await until('it has ended', () => client.frames.at(-1)?.more === undefined)
    expect(client.frames.map(frame => frame.body).join('')).toBe('data: ä\n\ndata: 2\n\n')
  })

  test('is given up by an abort, and by the end of the socket', async () => {
    const gone: string[] = []
    const server = await start(async call => {
      await aborted(call.signal)
      gone.push(call.name)
      return text('late')
    })
    const client = await connect(server, bearer)
    client.send({ id: 1, url: '/api/shapes/one' })
    client.send({ id: 1, abort: true })
    await until('the first is gone', () => gone.length === 1)
    client.send({ id: 2, url: '/api/shapes/two' })
    client.send({ id: 3, url: '/api/shapes/three' })
    client.socket.terminate()
    await until('all are gone', () => gone.length === 3)
    expect(gone.toSorted()).toEqual(['one', 'three', 'two'])
  })
})

describe('the caller of the socket', () => {
  const nameOf: ShapeHandler = async (_call, actor) => text(actor.kind === 'user' ? actor.userId : 'nobody')

  test('is asked anew for each request: the frame’s token, else what the upgrade showed', async () => {
    const server = await start(nameOf)
    const client = await connect(server, { cookie: 'skerry_session=ann', origin: 'http://app.test' })
    client.send({ id: 1, url: '/api/shapes/tasks' })
    client.send({ id: 2, url: '/api/shapes/tasks', headers: { authorization: 'Bearer other' } })
    await until('both are answered', () => client.frames.length === 2)
    expect(client.frames.map(frame => frame.body).toSorted()).toEqual(['ann', 'nobody'])
  })

  test('a foreign page cannot open it, with or without somebody’s cookie', async () => {
    const server = await start(nameOf)
    expect((await connect(server, { cookie: 'skerry_session=ann', origin: 'http://evil.test' })).status).toBe(403)
    expect((await connect(server, { cookie: 'skerry_session=ann' })).status).toBe(403)
    expect((await connect(server, { origin: 'http://evil.test' })).status).toBe(403)
    expect((await connect(server)).status).toBe(101)
  })

  test('other paths know no socket', async () => {
    const server = await start(nameOf)
    expect((await connect(server, {}, '/api/shapes/tasks')).status).toBe(404)
    expect((await connect(server, {}, '/sync/')).status).toBe(404)
    expect((await connect(server, {}, '/sync?x=1')).status).toBe(101)
  })
})

describe('bad input', () => {
  test('what is no request ends the socket and says how one looks', async () => {
    const server = await start(async () => text('[]'))
    for (const frame of [
      '{',
      '[]',
      { id: 'x', url: '/' },
      { id: 1 },
      { id: 1, url: '/x', method: 'DELETE' },
      { id: 1, url: '/x', extra: 1 },
    ]) {
      const client = await connect(server, bearer)
      client.send(frame)
      expect(await client.closed).toEqual([1008, 'Send {id, url, headers} or {id, abort: true} as JSON.'])
    }
    const twice = await connect(server, bearer)
    twice.send({ id: 1, url: '/api/shapes/tasks' })
    twice.send({ id: 1, url: '/api/shapes/tasks' })
    expect((await twice.closed)[0]).toBe(1008)
  })

  test('a path that is no shape is 404, whatever its spelling', async () => {
    const server = await start(async () => text('reached'))
    const client = await connect(server, bearer)
    const urls = [
      '/api/me',
      '/api//shapes/tasks',
      '/api/shapes/tasks/',
      '/api/shapes/%74asks',
      'http://127.0.0.1/api/shapes/tasks',
      '/api/shapes/Tasks',
      '',
    ]
    urls.forEach((url, id) => client.send({ id, url }))
    await until('all are answered', () => client.frames.length === urls.length)
    for (const { status, body } of client.frames) {
      expect([status, (JSON.parse(body) as { error: { code: string } }).error.code]).toEqual([404, 'not_found'])
    }
  })

  test('a failing handler answers 500 with a request id and nothing of the cause', async () => {
    const server = await start(async () => {
      throw new Error('secret detail')
    })
    const client = await connect(server, bearer)
    client.send({ id: 1, url: '/api/shapes/tasks' })
    await until('it is answered', () => client.frames.length === 1)
    expect(client.frames[0]?.status).toBe(500)
    expect(client.frames[0]?.body).not.toContain('secret detail')
    expect(client.frames[0]?.body).toContain('request_id')
  })

  test('a person has 200 open requests, over sockets and HTTP together', async () => {
    let open = 0
    const server = await start(
      async call => {
        open += 1
        await aborted(call.signal)
        return text('[]')
      },
      { limits: 'on' },
    )
    const [one, two] = [await connect(server, bearer), await connect(server, bearer)]
    for (let id = 0; id < 120; id += 1) one.send({ id, url: '/api/shapes/tasks' })
    await until('they are open', () => open === 120)
    for (let id = 0; id < 80; id += 1) two.send({ id, url: '/api/shapes/tasks' })
    await until('they are open', () => open === 200)
    two.send({ id: 80, url: '/api/shapes/tasks' })
    await until('it is refused', () => two.frames.length === 1)
    expect(two.frames[0]).toMatchObject({ id: 80, status: 429, headers: { 'retry-after': '1' } })
    const http = await fetch(`http://127.0.0.1:${server.port}/api/shapes/tasks`, { headers: bearer })
    expect(http.status).toBe(429)
  })
})

test('the server’s stop answers what is open and says goodbye', async () => {
  let open = 0
  const server = await start(async call => {
    open += 1
    await aborted(call.signal)
    return text('[{"headers":{"control":"up-to-date"}}]')
  })
  const client = await connect(server, bearer)
  const quiet = await connect(server, bearer)
  client.send({ id: 1, url: '/api/shapes/tasks?live=true' })
  client.send({ id: 2, url: '/api/shapes/tasks?live=true' })
  await until('both are open', () => open === 2)
  await server.stop()
  expect(client.frames.map(frame => [frame.id, frame.status])).toEqual([
    [1, 200],
    [2, 200],
  ])
  expect((await client.closed)[0]).toBe(1001)
  expect((await quiet.closed)[0]).toBe(1001)
})
