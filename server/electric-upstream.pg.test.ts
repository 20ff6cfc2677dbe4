// ELECTRIC_URL: the same gate in front of a shape service over HTTP (our engine standing alone, with a secret).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '#server/kernel/clock.ts'
import { silentLog } from '#server/kernel/log.ts'
import { makeBoard, makeTask, type People, signUpPeople, written } from '#server/testing/board.ts'
import { migratedDatabase, type TestDatabase, until } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import { readShape } from '#server/testing/shapes.ts'
import { electricUpstream } from '#sync/electric-upstream.ts'
import { createHttpServer, listen } from '#sync/engine/http.ts'
import type { Engine } from '#sync/engine/engine.ts'
import { createEngine } from '#sync/engine/service.ts'
import { createGate } from '#sync/gate.ts'

const secret = 'a-secret-between-services'
let database: TestDatabase
let folder = ''
let engine: Engine
let alone: Server
let server: TestServer
let people: People

beforeAll(async () => {
  database = await migratedDatabase()
  folder = mkdtempSync(join(tmpdir(), 'skerry-upstream-'))
  engine = createEngine({
    databaseUrl: database.url,
    storageDir: folder,
    publication: 'manual',
    publicationName: 'electric_publication_default',
    replicationId: `upstream_${process.pid}`,
    log: silentLog,
  })
  await engine.start()
  alone = createHttpServer({ upstream: engine, secret, log: silentLog })
  const port = await listen(alone, 0, '127.0.0.1')
  const upstream = electricUpstream({ url: `http://127.0.0.1:${port}`, secret })
  server = await startTestServer({ upstream, databaseUrl: database.url })
  await until('the upstream is active', async () => (await upstream.health()) === 'active')
  people = await signUpPeople(server)
})
afterAll(async () => {
  await server.close()
  alone.closeAllConnections()
  await new Promise(done => alone.close(done))
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

test('members read through it, strangers do not, and the secret stays between the services', async () => {
  const board = await makeBoard(server, people)
  const task = await makeTask(people.owner, board.projectId, { title: 'Far away' })
  const scope = { application_id: board.applicationId }
  await until('the task is in the shape', async () =>
    (await readShape(server, people.viewer.token, 'tasks', scope)).rows.some(row => row.id === task.id),
  )
  expect((await readShape(server, people.stranger.token, 'tasks', scope)).status).toBe(404)
  const answer = await people.viewer.get(`/api/shapes/tasks?application_id=${board.applicationId}&offset=-1`)
  expect(answer.headers.get('cache-control')).toBe('private, no-cache')
  expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(secret)
})

test('a live request passes data on, and ends within a second when the right ends', async () => {
  const board = await makeBoard(server, people)
  const at = async () => {
    let query = new URLSearchParams({ application_id: board.applicationId, offset: '-1' })
    for (;;) {
      const answer = await people.viewer.get(`/api/shapes/tasks?${query}`)
      query = new URLSearchParams({
        application_id: board.applicationId,
        offset: answer.headers.get('electric-offset') ?? '',
        handle: answer.headers.get('electric-handle') ?? '',
      })
      if (answer.headers.has('electric-up-to-date')) return `/api/shapes/tasks?${query}&live=true`
    }
  }
  const first = people.viewer.get(await at())
  await until('the request is open', () => server.app.gate.revocations.size() > 0)
  await makeTask(people.owner, board.projectId, { title: 'Live' })
  expect((await first).text).toContain('Live')
  const second = people.viewer.get(await at())
  await until('the request is open', () => server.app.gate.revocations.size() > 0)
  const begun = performance.now()
  written(await people.owner.delete(`/api/applications/${board.applicationId}/members/${people.viewer.userId}`))
  expect((await second).status).toBe(404)
  expect(performance.now() - begun).toBeLessThan(1500)
})

test('a service that does not answer is 503 unavailable with retry-after', async () => {
  const gone = electricUpstream({ url: 'http://127.0.0.1:9', secret })
  const shapes = server.app.features.flatMap(feature => feature.shapes)
  const gate = createGate({ upstream: gone, shapes, roleOf: async () => undefined, clock: systemClock })
  const answer = await gate.handle(
    {
      method: 'GET',
      name: 'me',
      query: new URLSearchParams({ offset: '-1' }),
      headers: {},
      body: new Uint8Array(),
      signal: new AbortController().signal,
      requestId: 'r-1',
    },
    { kind: 'user', userId: people.owner.userId, displayName: '', sessionPublicId: '', isAdmin: false },
  )
  expect([answer.status, answer.headers['retry-after'], Buffer.from(answer.body as Uint8Array).toString()]).toEqual([
    503,
    '5',
    '{"error":{"code":"unavailable","message":"The shape service does not answer.","request_id":"r-1"}}',
  ])
  expect(await gone.health()).toBe('starting')
})
