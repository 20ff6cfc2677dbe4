// The stack on a listening socket, without a database: sessions, reads and writes are stand-ins.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { UserActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { loadConfig } from '#server/kernel/config.ts'
import type { Reader } from '#server/kernel/database.ts'
import { AppError, catalogue } from '#server/kernel/errors.ts'
import { createLog, silentLog } from '#server/kernel/log.ts'
import { rawRoute, readRoute, type Route, type WriteRequest, writeRoute } from '#server/kernel/route.ts'
import { parseInput } from '#server/kernel/validation.ts'
import { createClient } from '#server/testing/client.ts'
import { until } from '#server/testing/postgres.ts'
import { testClock } from '#server/testing/clock.ts'
import type { Checks } from './health.ts'
import { HttpServer } from './server.ts'
import { createHttp, type HttpOptions } from './stack.ts'

const id = '01890000-0000-7000-8000-000000000001'
const actorOf = (userId: string, isAdmin = false): UserActor => ({
  kind: 'user',
  userId,
  displayName: userId,
  sessionPublicId: id,
  isAdmin,
})

const rename = defineCommand({
  name: 'thing.rename',
  summary: 'Renames.',
  access: 'USER',
  input: z.strictObject({
    id: z.guid(),
    name: z.string().min(1).max(5),
    size: z.int().max(9),
    kind: z.enum(['a', 'b']),
  }),
  inTransactions: false,
  run: async () => ({ data: {} }),
})

const echo = (path: string, answer: string, more: Partial<Route> = {}): Route =>
  ({
    ...rawRoute({
      method: 'GET',
      path,
      access: 'USER',
      summary: 'Says which route it is.',
      response: z.unknown(),
      run: async ({ params }) => ({ status: 200, body: { answer, params } }),
    }),
    ...more,
  }) as Route

const things: Route[] = [
  echo('/api/things/:id', 'param'),
  echo('/api/things/search', 'literal', { aliases: ['/api/things/find'] }),
  echo('/api/admin/thing', 'admin', { access: 'ADMIN' }),
  echo('/open', 'open', { access: 'PUBLIC' }),
  writeRoute({ method: 'PATCH', path: '/api/things/:id', access: 'USER', summary: 'Renames.', command: rename }),
  readRoute({
    path: '/api/list',
    access: 'USER',
    summary: 'Lists.',
    query: z.strictObject({ limit: z.coerce.number().int().max(5).default(3), tag: z.array(z.string()).optional() }),
    response: z.object({ data: z.unknown() }),
    run: async (_context, _params, query) => ({ data: query }),
  }),
  rawRoute({
    method: 'POST',
    path: '/sign-in',
    access: 'PUBLIC',
    summary: 'Takes a form too.',
    accepts: 'json-or-form',
    body: z.strictObject({ kind: z.string() }),
    response: z.unknown(),
    run: async ({ body }) => ({ status: 200, body }),
  }),
  rawRoute({
    method: 'POST',
    path: '/boom',
    access: 'PUBLIC',
    summary: 'Throws.',
    body: z.object({ kind: z.string() }),
    bodyLimit: 1000,
    response: z.unknown(),
    run: async ({ body }) => {
      const { kind } = body as { kind: string }
      if (kind === 'secret') throw new Error('password of the database is hunter2')
      if (kind === 'down') throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
      if (kind === 'uuid') throw Object.assign(new Error('invalid input syntax for type uuid'), { code: '22P02' })
      return { status: 200, body: { kind } }
    },
  }),
]

const open: HttpServer[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(server => server.stop()))
})

const start = async (options: Partial<HttpOptions> & { env?: Record<string, string>; drainMs?: number } = {}) => {
  const writes: WriteRequest[] = []
  const config = loadConfig({ PUBLIC_URL: 'http://app.test', RATE_LIMITS: 'off', ...options.env })
  const http = createHttp({
    routes: things,
    runWrite: async request => {
      parseInput(request.command.input, request.args)
      writes.push(request)
      return { status: 200, body: JSON.stringify({ data: request.args, txid: 7 }), replayed: false }
    },
    database: { read: work => work({} as Reader) },
    sessions: {
      cookieName: 'skerry_session',
      validate: async token =>
        ['ann', 'bo', 'root'].includes(token)
          ? { actor: actorOf(token, token === 'root'), extended: false }
          : undefined,
      cookie: token => `skerry_session=${token}`,
    },
    config,
    log: silentLog,
    checks: {},
    ...options,
  })
  const server = new HttpServer({
    ...http,
    upgrade: (request, socket) => {
      const say = (text: string) => socket.end(`HTTP/1.1 400 ${text}\r\n\r\n`)
      http.authenticate(request).then(
        ({ actor }) => say(actor.kind === 'user' ? actor.userId : actor.kind),
        (error: unknown) => say(error instanceof AppError ? error.code : String(error)),
      )
    },
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    ...(options.drainMs === undefined ? {} : { drainMs: options.drainMs }),
  })
  await server.start()
  open.push(server)
  const url = `http://127.0.0.1:${server.port}`
  return {
    url,
    server,
    writes,
    anonymous: createClient(url),
    ann: createClient(url, { authorization: 'Bearer ann' }),
    bo: createClient(url, { authorization: 'Bearer bo' }),
    root: createClient(url, { authorization: 'Bearer root' }),
  }
}

describe('every answer', () => {
  test('D15 carries X-Request-Id and Skerry-Time; errors repeat the request id', async () => {
    const clock = testClock()
    const { ann, anonymous } = await start({ clock })
    const answers = [
      await ann.get('/api/things/search'),
      await anonymous.get('/nowhere'),
      await anonymous.get('/api/list'),
      await anonymous.post('/boom', { kind: 'secret' }),
      await anonymous.request('OPTIONS', '/api/list', null, { 'access-control-request-method': 'GET' }),
    ]
    const ids = answers.map(answer => answer.headers.get('x-request-id'))
    expect(new Set(ids).size).toBe(5)
    for (const answer of answers) expect(answer.headers.get('skerry-time')).toBe(String(clock.now().getTime()))
    for (const answer of answers.slice(1, 4)) {
      expect(answer.body).toMatchObject({ error: { request_id: answer.headers.get('x-request-id') } })
    }
  })

  test('an unforeseen error is 500 internal, logged whole and told to nobody', async () => {
    const lines: string[] = []
    const { anonymous } = await start({ log: createLog('warn', line => lines.push(line)) })
    const answer = await anonymous.post('/boom', { kind: 'secret' })
    expect([answer.status, answer.code]).toEqual([500, 'internal'])
    expect(answer.text).not.toContain('hunter2')
    expect(lines.join('')).toContain('hunter2')
    expect(lines.join('')).toContain(String(answer.headers.get('x-request-id')))
  })

  test('trouble with the database is 503 with Retry-After, a malformed uuid 400', async () => {
    const { anonymous } = await start()
    const down = await anonymous.post('/boom', { kind: 'down' })
    expect([down.status, down.code, down.headers.get('retry-after')]).toEqual([503, 'unavailable', '1'])
    expect((await anonymous.post('/boom', { kind: 'uuid' })).code).toBe('bad_request')
  })

  test('CORS: listed origins may read with credentials, others get no permission', async () => {
    const { anonymous } = await start({ env: { CORS_ORIGINS: 'https://desk.test' } })
    const allowed = await anonymous.get('/open', { origin: 'https://desk.test' })
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://desk.test')
    expect(allowed.headers.get('access-control-expose-headers')).toContain('electric-offset')
    const other = await anonymous.get('/open', { origin: 'https://evil.test' })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    const preflight = await anonymous.request('OPTIONS', '/api/things/x', null, {
      origin: 'https://desk.test',
      'access-control-request-method': 'PATCH',
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, HEAD, POST, PUT, PATCH, DELETE',
    ])
  })

  test('the access log names pattern and person, never the query', async () => {
    const lines: string[] = []
    const { ann } = await start({ log: createLog('info', line => lines.push(line)) })
    await ann.get(`/api/things/${id}?q=whale`)
    const entry = lines.map(line => JSON.parse(line) as Record<string, unknown>).find(line => line['route'])
    expect(entry).toMatchObject({ method: 'GET', route: '/api/things/:id', status: 200, user_id: 'ann' })
    expect(lines.join('')).not.toContain('whale')
  })
})

describe('routes', () => {
  const mount = (...routes: Route[]) => start({ routes })

  test('a route without access, mounted twice, or with a public read stops the start', async () => {
    await expect(mount(echo('/a', 'a', { access: undefined } as never))).rejects.toThrow(/GET \/a does not say who may/)
    await expect(mount(echo('/a/:id', 'a'), echo('/a/:other', 'b'))).rejects.toThrow(/twice/)
    const list = things.find(route => route.path === '/api/list') as Route
    await expect(mount({ ...list, access: 'PUBLIC' })).rejects.toThrow(/only raw routes/)
  })

  test('literal segments win over parameters, aliases answer the same', async () => {
    const { ann } = await start()
    expect((await ann.get('/api/things/search')).body).toMatchObject({ answer: 'literal' })
    expect((await ann.get('/api/things/find')).body).toMatchObject({ answer: 'literal' })
    expect((await ann.get(`/api/things/${id}`)).body).toEqual({ answer: 'param', params: { id } })
  })

  test.each([
    '/api/things/search/',
    '/api//things/search',
    '/API/things/search',
    '/api/things/Search',
    '/api/things/%73earch',
    `/api/things/${id.replace('0', '%30')}`,
    '/api/things/not-an-id',
    `/api/things/${id.replaceAll('8', 'A')}`,
  ])('another spelling is 404: %s', async path => {
    const { ann } = await start()
    expect((await ann.get(path)).code).toBe('not_found')
  })

  test('PUBLIC answers anybody, USER the signed-in, ADMIN administrators alone', async () => {
    const { anonymous, ann, root } = await start()
    expect((await anonymous.get('/open')).status).toBe(200)
    const refused = await anonymous.get('/api/things/search')
    expect([refused.status, refused.code]).toEqual([401, 'unauthenticated'])
    expect((await anonymous.get('/api/admin/thing')).status).toBe(401)
    expect((await ann.get('/api/admin/thing')).code).toBe('forbidden')
    expect((await root.get('/api/admin/thing')).status).toBe(200)
  })

  test('queries are strict', async () => {
    const { ann } = await start()
    expect((await ann.get('/api/list?limit=4&tag=a&tag=b')).body).toEqual({ data: { limit: 4, tag: ['a', 'b'] } })
    expect((await ann.get('/api/list?limit=6&what=1')).issues).toEqual(['limit out_of_range', 'what unknown_field'])
  })

  test('HEAD answers like GET without a body', async () => {
    const { ann } = await start()
    const answer = await ann.request('HEAD', '/api/list')
    expect([answer.status, answer.text]).toEqual([200, ''])
  })
})

describe('credentials', () => {
  const write = { name: 'n', size: 1, kind: 'a' }
  const json = { 'content-type': 'application/json' }
  const patch = (url: string, headers: Record<string, string>) =>
    createClient(url, { ...headers, ...json }).request('PATCH', `/api/things/${id}`, JSON.stringify(write))

  test('D16 a write by cookie needs an allowed Origin, by bearer it does not', async () => {
    const { url } = await start()
    const cookie = 'skerry_session=ann'
    expect((await patch(url, { cookie })).code).toBe('csrf_failed')
    expect((await patch(url, { cookie, origin: 'http://evil.test' })).code).toBe('csrf_failed')
    expect((await patch(url, { cookie, origin: 'null' })).code).toBe('csrf_failed')
    expect((await patch(url, { cookie, origin: 'http://app.test' })).status).toBe(200)
    expect((await patch(url, { authorization: 'bearer ann' })).status).toBe(200)
    expect((await patch(url, { authorization: 'Bearer ann', origin: 'http://evil.test' })).status).toBe(200)
  })

  test('a foreign page cannot sign a browser in', async () => {
    const { anonymous } = await start()
    expect((await anonymous.post('/boom', { kind: 'x' }, { origin: 'http://evil.test' })).code).toBe('csrf_failed')
    expect((await anonymous.post('/boom', { kind: 'x' })).status).toBe(200)
  })

  test.each([
    ['an unknown token', { authorization: 'Bearer nobody' }],
    ['two tokens', { authorization: 'Bearer ann bo' }],
    ['no token', { authorization: 'Bearer' }],
    ['another scheme', { authorization: 'Basic ann' }],
    ['an unknown cookie', { cookie: 'skerry_session=nobody' }],
    ['a cookie of a longer name', { cookie: 'xskerry_session=ann' }],
  ])('%s is nobody', async (_what, headers) => {
    const { url } = await start()
    expect((await createClient(url, headers).get('/api/list')).code).toBe('unauthenticated')
    expect((await createClient(url).get('/api/list?access_token=ann')).code).toBe('unauthenticated')
  })
})

test('an upgrade shows who asks; by cookie only from an allowed origin', async () => {
  const { server } = await start()
  const upgrade = async (headers: Record<string, string>) => {
    const socket = connect(server.port, '127.0.0.1')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(
      `GET /collab HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join('')}\r\n`,
    )
    const [data] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return /^HTTP\/1.1 400 (\S+)/.exec(data.toString())?.[1]
  }
  const cookie = 'skerry_session=ann'
  expect(await upgrade({ authorization: 'Bearer bo', origin: 'http://evil.test' })).toBe('bo')
  expect(await upgrade({ cookie, origin: 'http://app.test' })).toBe('ann')
  expect(await upgrade({ cookie, origin: 'http://evil.test' })).toBe('csrf_failed')
  expect(await upgrade({ cookie })).toBe('csrf_failed')
  expect(await upgrade({ origin: 'app://desktop' })).toBe('anonymous')
})

describe('writes', () => {
  const target = `/api/things/${id}`
  const good = { name: 'n', size: 1, kind: 'a' }

  test('path and body become the arguments, headers come along parsed', async () => {
    const { ann, writes } = await start()
    const answer = await ann.patch(target, good, {
      'if-match': '"12"',
      'idempotency-key': 'k-1',
      'skerry-edited-at': '2026-01-02T03:04:05.678+01:00',
      'skerry-client': 'Skerry-Desktop/1.2',
    })
    expect(answer.text).toBe(JSON.stringify({ data: { ...good, id }, txid: 7 }))
    expect(writes[0]).toMatchObject({
      args: { ...good, id },
      expectedVersion: 12,
      editedAt: new Date('2026-01-02T02:04:05.678Z'),
      idempotency: { key: 'k-1', requestHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      via: 'desktop',
      requestId: answer.headers.get('x-request-id'),
    })
    await ann.patch(target, good)
    expect(writes[1]).toMatchObject({
      expectedVersion: undefined,
      editedAt: undefined,
      idempotency: undefined,
      via: 'api',
    })
  })

  test('the digest of a request covers method, path and body', async () => {
    const { ann, writes } = await start()
    const other = target.replace(/1$/, '2')
    const key = { 'idempotency-key': 'k' }
    await ann.patch(target, good, key)
    await ann.patch(target, good, key)
    await ann.patch(other, good, key)
    await ann.patch(target, { ...good, size: 2 }, key)
    const hashes = writes.map(write => write.idempotency?.requestHash)
    expect(hashes[1]).toBe(hashes[0])
    expect(new Set(hashes).size).toBe(3)
  })

  test.each([
    ['if-match', 'abc'],
    ['if-match', '"0"'],
    ['if-match', '99999999999'],
    ['skerry-edited-at', 'yesterday'],
    ['skerry-edited-at', '2026-01-02T03:04:05'],
    ['idempotency-key', 'x'.repeat(256)],
    ['skerry-client', 'desktop'],
  ])('a bad %s is 400 invalid_header: %s', async (name, value) => {
    const { ann, writes } = await start()
    const answer = await ann.patch(target, good, { [name]: value })
    expect([answer.status, answer.code]).toEqual([400, 'invalid_header'])
    expect(answer.text.toLowerCase()).toContain(name)
    expect(writes).toEqual([])
  })

  test('D7 D8 unknown fields, the id of the path, and everything else wrong are told at once', async () => {
    const { ann, writes } = await start()
    const answer = await ann.patch(`${target}?dry=1`, { id, name: 'too long', size: 10, color: 'red' })
    expect(answer.status).toBe(422)
    expect(answer.issues).toEqual([
      'color unknown_field',
      'dry unknown_field',
      'id unknown_field',
      'kind required',
      'name too_long',
      'size out_of_range',
    ])
    expect(writes).toEqual([])
  })

  test('a body that is no object is 422', async () => {
    const { ann } = await start()
    expect((await ann.patch(target, [1])).issues).toEqual([' bad_format'])
  })
})

describe('bodies', () => {
  const json = { 'content-type': 'application/json' }

  test('broken JSON is 400, broken UTF-8 too, another type 415, a compressed one 415', async () => {
    const { anonymous } = await start()
    expect((await anonymous.request('POST', '/boom', '{"kind":', json)).code).toBe('invalid_json')
    const latin = Buffer.from([...Buffer.from('{"kind":"'), 0xe9, ...Buffer.from('"}')])
    expect((await anonymous.request('POST', '/boom', latin, json)).code).toBe('invalid_json')
    const text = await anonymous.request('POST', '/boom', '{"kind":"x"}', { 'content-type': 'text/plain' })
    expect([text.status, text.code]).toEqual([415, 'unsupported_media_type'])
    const form = await anonymous.request('POST', '/boom', new URLSearchParams({ kind: 'x' }))
    expect(form.status).toBe(415)
    const asForm = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await anonymous.request('POST', '/sign-in', 'kind=x', asForm)).body).toEqual({ kind: 'x' })
    const mislabelled = await anonymous.request('POST', '/sign-in', ' {"kind":"a secret"}', asForm)
    expect([mislabelled.status, mislabelled.code]).toEqual([415, 'unsupported_media_type'])
    for (const body of ['%7B"password":"geheim"}', 'email%3Da%40b.c%26password%3Dgeheim']) {
      const odd = await anonymous.request('POST', '/sign-in', body, asForm)
      expect([odd.status, odd.text.includes('geheim')]).toEqual([415, false])
    }
    expect(mislabelled.text).toContain('Content-Type: application/json')
    expect(mislabelled.text).not.toContain('secret')
    const gzip = await anonymous.request('POST', '/boom', '{"kind":"x"}', { ...json, 'content-encoding': 'gzip' })
    expect(gzip.status).toBe(415)
    expect((await anonymous.post('/boom')).issues).toEqual(['kind required'])
  })

  test('a body over the limit is 413, declared or streamed, and the connection answers on', async () => {
    const { anonymous, url } = await start()
    const declared = await anonymous.post('/boom', { kind: 'x'.repeat(1000) })
    expect([declared.status, declared.code]).toEqual([413, 'body_too_large'])
    // a client that is still sending gets the answer, and may go on with the same connection
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let received = ''
    socket.on('data', (data: Buffer) => {
      received += data.toString()
    })
    const head = 'POST /boom HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n7d0\r\n${' '.repeat(2000)}\r\n`)
    await until('the answer is 413', () => received.startsWith('HTTP/1.1 413 ') && received.includes('body_too_large'))
    socket.write(`0\r\n\r\n${head}Content-Length: 12\r\n\r\n{"kind":"x"}`)
    await until('the next request is answered', () => received.includes('HTTP/1.1 200 OK'))
    socket.destroy()
    expect((await anonymous.post('/boom', { kind: 'x' })).status).toBe(200)
  })
})

describe('limits', () => {
  test('600 requests a minute per person, counted apart for others, off by RATE_LIMITS', async () => {
    const clock = testClock()
    const { ann, bo, anonymous } = await start({ clock, env: { RATE_LIMITS: 'on' } })
    for (let n = 0; n < 600; n += 50) await Promise.all(Array.from({ length: 50 }, () => ann.get('/api/list')))
    const blocked = await ann.get('/api/list')
    expect([blocked.status, blocked.code, blocked.headers.get('retry-after')]).toEqual([429, 'rate_limited', '60'])
    expect((await bo.get('/api/list')).status).toBe(200)
    expect((await anonymous.get('/open')).status).toBe(200)
    expect((await ann.get('/health')).status).toBe(200)
    clock.advance(60_000)
    expect((await ann.get('/api/list')).status).toBe(200)
  })

  test('a route may have a limit of its own', async () => {
    const limits = [{ name: 'rare', count: 1, seconds: 60, per: 'ip' as const }]
    const routes = [echo('/rare', 'rare', { limits })]
    const limited = await start({ routes, env: { RATE_LIMITS: 'on' } })
    expect((await limited.ann.get('/rare')).status).toBe(200)
    expect((await limited.bo.get('/rare')).status).toBe(429)
    const unlimited = await start({ routes })
    expect((await unlimited.ann.get('/rare')).status).toBe(200)
    expect((await unlimited.ann.get('/rare')).status).toBe(200)
  })
})

describe('service', () => {
  const fine = { probe: async () => undefined, whenDown: 'down' } as const
  const broken = async () => {
    throw new Error('no')
  }

  test('D17 /ready is 503 with the database down, 200 degraded with only search down; /health stays 200', async () => {
    const ask = async (checks: Checks) => {
      const { anonymous } = await start({ checks })
      return [await anonymous.get('/ready'), await anonymous.get('/health')] as const
    }
    const [ok] = await ask({ database: fine })
    expect([ok.status, ok.body]).toEqual([
      200,
      { status: 'ok', checks: { database: { status: 'ok', ms: expect.any(Number) } } },
    ])
    const [degraded] = await ask({ database: fine, search: { probe: broken, whenDown: 'degraded' } })
    expect([degraded.status, degraded.body]).toMatchObject([
      200,
      { status: 'degraded', checks: { search: { status: 'degraded' } } },
    ])
    const [down, health] = await ask({ database: { probe: broken, whenDown: 'down' }, search: fine })
    expect([down.status, down.body]).toMatchObject([503, { status: 'down', checks: { database: { status: 'down' } } }])
    expect([health.status, health.body]).toMatchObject([200, { status: 'ok' }])
  })

  test('a probe that does not answer counts as down after two seconds', async () => {
    vi.useFakeTimers()
    try {
      const { readinessOf } = await import('./health.ts')
      const pending = readinessOf({ database: { probe: () => new Promise(() => undefined), whenDown: 'down' } })
      await vi.advanceTimersByTimeAsync(1999)
      let settled = false
      void pending.then(() => (settled = true))
      await vi.advanceTimersByTimeAsync(0)
      expect(settled).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await pending).toMatchObject({ status: 'down' })
    } finally {
      vi.useRealTimers()
    }
  })

  test('probes do not depend on the session store', async () => {
    const sessions = { cookieName: 'skerry_session', cookie: () => '', validate: broken }
    const { url } = await start({ sessions })
    const cookie = createClient(url, { cookie: 'skerry_session=ann' })
    expect((await cookie.get('/health')).status).toBe(200)
    expect((await cookie.get('/ready')).status).toBe(200)
    expect((await cookie.get('/open')).status).toBe(500)
  })

  test('/api/time tells the server clock', async () => {
    const clock = testClock()
    const { anonymous } = await start({ clock })
    expect((await anonymous.get('/api/time')).body).toEqual({ now: clock.now().toISOString() })
  })

  test('the reference describes every route, with the arguments of the body alone and all error codes', async () => {
    const { anonymous } = await start()
    const answer = await anonymous.get('/api/openapi.json')
    type Operation = {
      requestBody?: { content: Record<string, { schema: { properties: object; required: string[] } }> }
    }
    const document = answer.body as {
      openapi: string
      info: { description: string }
      paths: Record<string, Record<string, Operation>>
    }
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths).sort()).toEqual(
      [
        '/api/admin/thing',
        '/api/list',
        '/api/things/search',
        '/api/things/{id}',
        '/api/time',
        '/boom',
        '/health',
        '/metrics',
        '/open',
        '/ready',
        '/sign-in',
        '/sync',
      ].sort(),
    )
    const body = document.paths['/api/things/{id}']?.['patch']?.requestBody?.content['application/json']?.schema
    expect(Object.keys(body?.properties ?? {}).sort()).toEqual(['kind', 'name', 'size'])
    expect(body?.required.toSorted()).toEqual(['kind', 'name', 'size'])
    for (const code of Object.keys(catalogue)) expect(document.info.description).toContain(`\`${code}\``)
  })

  test('the documentation page needs nothing from another host', async () => {
    const { anonymous, url } = await start()
    const page = await anonymous.get('/api/docs')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1] ?? '')
    expect(parts).toHaveLength(4)
    for (const part of parts) {
      expect(part).toMatch(/^\/api\/docs\//)
      const answer = await fetch(`${url}${part}`)
      expect([part, answer.status, (await answer.arrayBuffer()).byteLength > 100]).toEqual([part, 200, true])
    }
  })
})

test('an AppError keeps its details', async () => {
  const failing = rawRoute({
    method: 'GET',
    path: '/fails',
    access: 'PUBLIC',
    summary: 'Fails.',
    response: z.unknown(),
    run: async () => {
      throw new AppError('name_taken', { details: { existing_id: id } })
    },
  })
  const { anonymous } = await start({ routes: [failing] })
  const answer = await anonymous.get('/fails')
  expect(answer.body).toEqual({
    error: {
      code: 'name_taken',
      message: catalogue.name_taken.message,
      details: { existing_id: id },
      request_id: answer.headers.get('x-request-id'),
    },
  })
})

test('a server on a port in use names the setting', async () => {
  const { server } = await start()
  const second = new HttpServer({ handler: () => undefined, host: '127.0.0.1', port: server.port, log: silentLog })
  await expect(second.start()).rejects.toThrow(/PORT: \d+ is in use already/)
})
