// The gate in front of the real engine, over HTTP (domain rules, section 12): D25, D123.
import { type IncomingMessage, request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import {
  type Board,
  makeBoard,
  makeTask,
  type People,
  type Person,
  signUpPeople,
  written,
} from '#server/testing/board.ts'
import { until } from '#server/testing/postgres.ts'
import { readShape, type ShapeServer, startShapeServer } from '#server/testing/shapes.ts'
import { testPassword } from '#server/testing/server.ts'

let server: ShapeServer
let people: People
let board: Board

beforeAll(async () => {
  server = await startShapeServer()
  people = await signUpPeople(server)
})
afterAll(() => server.close())
beforeEach(async () => {
  board = await makeBoard(server, people)
})

const shapeUrl = (name: string, query = '') => `/api/shapes/${name}?application_id=${board.applicationId}&${query}`
const withoutId = (text: string) => text.replace(/"request_id":"[^"]+"/, '')

interface Open {
  readonly status: Promise<number>
  /** The whole body, when the answer has ended. */
  readonly ended: Promise<string>
  readonly isOpen: () => boolean
}

/** A live request at the end of what there is, registered at the gate. */
const openLive = async (person: Person, name: string, sse: boolean): Promise<Open> => {
  await server.caughtUp()
  let at = new URLSearchParams({ application_id: board.applicationId, offset: '-1' })
  for (let upToDate = false; !upToDate; ) {
    const answer = await person.get(`/api/shapes/${name}?${at}`)
    expect(answer.status).toBe(200)
    upToDate = answer.headers.has('electric-up-to-date')
    at = new URLSearchParams({
      application_id: board.applicationId,
      offset: must(answer.headers.get('electric-offset')),
      handle: must(answer.headers.get('electric-handle')),
    })
  }
  const query = `${at}&live=true${sse ? '&live_sse=true' : ''}`
  const before = server.app.gate.revocations.size()
  let open = true
  const response = fetch(`${server.url}/api/shapes/${name}?${query}`, {
    headers: { authorization: `Bearer ${person.token}` },
  })
  const ended = response.then(async answer => {
    const text = await answer.text()
    open = false
    return text
  })
  await until('the request is open', () => server.app.gate.revocations.size() > before, 3000)
  return { status: response.then(answer => answer.status), ended, isOpen: () => open }
}

/** How long `open` takes to end once `act` is done, in ms. */
const timeToEnd = async (open: readonly Open[], act: () => Promise<unknown>): Promise<number> => {
  await act()
  const begun = performance.now()
  await Promise.all(open.map(one => one.ended))
  return performance.now() - begun
}

describe('D25 a right that ends', () => {
  test.each([
    ['removal', () => people.owner.delete(`/api/applications/${board.applicationId}/members/${people.viewer.userId}`)],
    ['leaving', () => people.viewer.post(`/api/applications/${board.applicationId}/members/leave`)],
    ['deletion of the application', () => people.owner.delete(`/api/applications/${board.applicationId}`)],
  ])('%s: long poll and event stream end within a second, the next request is 404', async (_name, act) => {
    const poll = await openLive(people.viewer, 'tasks', false)
    const stream = await openLive(people.viewer, 'comments', true)
    expect(await stream.status).toBe(200)
    const took = await timeToEnd([poll, stream], act)
    expect(took).toBeLessThan(1000)
    expect(await poll.status).toBe(404)
    expect(JSON.parse(await poll.ended)).toMatchObject({ error: { code: 'not_found' } })
    const next = await people.viewer.get(shapeUrl('tasks', 'offset=-1'))
    const unknown = await people.viewer.get(`/api/shapes/tasks?application_id=${uuid7()}&offset=-1`)
    expect([next.status, withoutId(next.text)]).toEqual([404, withoutId(unknown.text)])
    expect(next.headers.get('cache-control')).toBe('no-store')
  })

  test('requests of others, and of that person elsewhere, stay open and see the change', async () => {
    const other = await makeBoard(server, people)
    const elsewhere = board
    board = other
    const kept = await openLive(people.viewer, 'tasks', false)
    board = elsewhere
    const members = await openLive(people.editor, 'application_members', false)
    written(await people.owner.delete(`/api/applications/${board.applicationId}/members/${people.viewer.userId}`))
    expect(await members.status).toBe(200)
    expect(await members.ended).toContain('"operation":"delete"')
    expect(kept.isOpen()).toBe(true)
    await makeTask(people.owner, other.projectId, { title: 'Still here' })
    expect(await kept.ended).toContain('Still here')
  })

  test('loss of role owner ends the shape for owners alone; a demotion ends nothing else', async () => {
    written(
      await people.owner.patch(`/api/applications/${board.applicationId}/members/${people.admin.userId}`, {
        role: 'owner',
      }),
    )
    const invitations = await openLive(people.admin, 'application_invitations', false)
    const tasks = await openLive(people.admin, 'tasks', false)
    const took = await timeToEnd([invitations], () =>
      people.owner.patch(`/api/applications/${board.applicationId}/members/${people.admin.userId}`, { role: 'editor' }),
    )
    expect(took).toBeLessThan(1000)
    expect(await invitations.status).toBe(404)
    expect(tasks.isOpen()).toBe(true)
    await makeTask(people.owner, board.projectId)
    expect(await tasks.status).toBe(200)
  })

  test('a signed-out session: 401, for this session only', async () => {
    const login = await server.anonymous.post('/auth/login', { email: 'viewer@example.com', password: testPassword })
    const token = (login.body as { access_token: string }).access_token
    const second: Person = { ...people.viewer, ...clientWith(token), token }
    const poll = await openLive(second, 'tasks', false)
    const stream = await openLive(second, 'comments', true)
    const other = await openLive(people.viewer, 'projects', false)
    const took = await timeToEnd([poll, stream], () => second.post('/auth/logout'))
    expect(took).toBeLessThan(1000)
    expect(await poll.status).toBe(401)
    expect(JSON.parse(await poll.ended)).toMatchObject({ error: { code: 'unauthenticated' } })
    expect((await second.get(shapeUrl('tasks', 'offset=-1'))).code).toBe('unauthenticated')
    expect(other.isOpen()).toBe(true)
    written(await people.owner.patch(`/api/projects/${board.projectId}`, { name: 'Moved' }))
    expect(await other.status).toBe(200)
  })
})

const clientWith = (token: string) => {
  const get: Person['get'] = (path, headers) =>
    server.anonymous.get(path, { authorization: `Bearer ${token}`, ...headers })
  const post: Person['post'] = (path, json, headers) =>
    server.anonymous.post(path, json, { authorization: `Bearer ${token}`, ...headers })
  return { get, post }
}

describe('what a request may say', () => {
  test.each([
    '/api/shapes//tasks',
    '/api//shapes/tasks',
    '//api/shapes/tasks',
    '/api/shapes/task%73',
    '/api/%73hapes/tasks',
    '/api/shapes/tasks/',
    '/api/shapes/TASKS',
    '/API/shapes/tasks',
    '/api/shapes/tasks/x',
    '/api/shapes/task_',
    '/api/shapes/users',
    '/api/shapes/sessions',
    '/api/shapes/__proto__',
  ])('D123 another spelling is unknown: %s', async path => {
    const answer = await people.viewer.get(`${path}?application_id=${board.applicationId}&offset=-1`)
    expect([path, answer.status, answer.code]).toEqual([path, 404, 'not_found'])
  })

  test.each([
    'table=users',
    'where=1%3D1',
    'columns=id',
    'params%5B1%5D=x',
    'params=%7B%7D',
    'secret=x',
    'api_secret=x',
    'queryable_columns=id',
    'foo=bar',
    'offset=-1&offset=-1',
    'application_id=1',
    'project_id=1&project_id=2',
    'archived=true',
    'log=full&log=full',
    'TABLE=users',
    'subset__foo=1',
  ])('D123 %s is 400', async extra => {
    const known = extra.startsWith('application_id') ? `&application_id=${board.applicationId}` : ''
    const start = extra.startsWith('offset') ? '' : '&offset=-1'
    const answer = await people.viewer.get(
      `/api/shapes/tasks?application_id=${board.applicationId}${known}${start}&${extra}`,
    )
    expect([extra, answer.status, answer.code]).toEqual([extra, 400, 'bad_request'])
  })

  test('DELETE is 405 and takes nothing away; PUT and PATCH are unknown', async () => {
    await makeTask(people.owner, board.projectId)
    const handle = (await people.viewer.get(shapeUrl('tasks', 'offset=-1'))).headers.get('electric-handle')
    const deleted = await people.viewer.request('DELETE', shapeUrl('tasks', `handle=${handle}`))
    expect(deleted.status).toBe(405)
    for (const method of ['PUT', 'PATCH'])
      expect((await people.viewer.request(method, shapeUrl('tasks'))).status).toBe(404)
    expect((await people.viewer.get(shapeUrl('tasks', 'offset=-1'))).headers.get('electric-handle')).toBe(handle)
  })

  test('a scope is needed where there is one, and refused where there is none', async () => {
    expect((await people.viewer.get('/api/shapes/tasks?offset=-1')).code).toBe('bad_request')
    expect((await people.viewer.get(shapeUrl('my_memberships', 'offset=-1'))).code).toBe('bad_request')
    expect((await people.viewer.get('/api/shapes/tasks?application_id=x&offset=-1')).code).toBe('not_found')
    expect((await people.viewer.get(shapeUrl('mentions', `project_id=${board.projectId}&offset=-1`))).code).toBe(
      'bad_request',
    )
  })

  test('D9 a foreign application is the same 404 as an unknown one; nobody is 401', async () => {
    const foreign = await people.stranger.get(shapeUrl('tasks', 'offset=-1'))
    const unknown = await people.stranger.get(`/api/shapes/tasks?application_id=${uuid7()}&offset=-1`)
    expect([foreign.status, withoutId(foreign.text)]).toEqual([404, withoutId(unknown.text)])
    expect((await server.anonymous.get(shapeUrl('tasks', 'offset=-1'))).code).toBe('unauthenticated')
    for (const name of ['viewer', 'editor', 'admin'] as const) {
      expect((await people[name].get(shapeUrl('application_invitations', 'offset=-1'))).code).toBe('not_found')
    }
  })

  test('a POST body takes subset keys only', async () => {
    const post = (body: unknown) =>
      people.viewer.request('POST', shapeUrl('tasks', 'offset=-1&log=changes_only'), JSON.stringify(body), {
        'content-type': 'application/json',
      })
    for (const body of [{ table: 'users' }, { where: '1=1', table: 'users' }, [], { subset: { columns: ['id'] } }]) {
      expect([body, (await post(body)).status]).toEqual([body, 400])
    }
    const hidden = await people.viewer.request(
      'POST',
      shapeUrl('projects', 'offset=-1&log=changes_only'),
      JSON.stringify({ where: 'next_task_number > 1' }),
    )
    expect(hidden.status).toBe(400)
  })

  test('answers are private, never carry a cookie, and a 304 comes only after the check', async () => {
    const first = await people.viewer.get(shapeUrl('tasks', 'offset=-1'))
    expect(first.headers.get('cache-control')).toBe('private, no-cache')
    expect(first.headers.get('set-cookie')).toBeNull()
    const vary = must(first.headers.get('vary'))
    for (const name of ['Authorization', 'Cookie', 'Accept-Encoding']) expect(vary).toContain(name)
    const etag = must(first.headers.get('etag'))
    expect((await people.viewer.get(shapeUrl('tasks', 'offset=-1'), { 'if-none-match': etag })).status).toBe(304)
    expect((await people.stranger.get(shapeUrl('tasks', 'offset=-1'), { 'if-none-match': etag })).status).toBe(404)
  })
})

describe('what a shape holds', () => {
  test('project_id and archived narrow', async () => {
    const visible = await makeTask(people.owner, board.projectId, { title: 'Seen' })
    const [archived, trashed] = [
      await makeTask(people.owner, board.projectId),
      await makeTask(people.owner, board.projectId),
    ]
    written(await people.owner.post(`/api/tasks/${archived.id}/archive`))
    written(await people.owner.delete(`/api/tasks/${trashed.id}`))
    const second = written(
      await people.owner.post(`/api/applications/${board.applicationId}/projects`, { name: 'Two', key: 'TWO' }),
    ).data
    const other = await makeTask(people.owner, second.id)
    await server.caughtUp()
    const ids = async (params: Record<string, string> = {}) => {
      const all = { application_id: board.applicationId, ...params }
      const { rows } = await readShape(server, people.viewer.token, 'tasks', all)
      return rows.map(row => row.id as unknown as string).toSorted()
    }
    expect(await ids()).toEqual([visible.id, archived.id, trashed.id, other.id].toSorted())
    expect(await ids({ archived: 'false' })).toEqual([visible.id, other.id].toSorted())
    expect(await ids({ project_id: second.id })).toEqual([other.id])
    expect(await ids({ project_id: board.projectId, archived: 'false' })).toEqual([visible.id])
  })

  test('D5 the txid of an answer stands in the log of the shapes it names', async () => {
    const answer = written(
      await people.owner.post(`/api/projects/${board.projectId}/tasks`, {
        title: 'x',
        status_id: board.statuses.active,
      }),
    )
    // shapes that exist before the write log it; a second write makes sure of them
    for (const name of must(answer.shapes))
      await readShape(server, people.viewer.token, name, { application_id: board.applicationId })
    const second = written(await people.owner.patch(`/api/tasks/${answer.data.id}`, { status_id: board.statuses.done }))
    expect(second.shapes).toEqual(['project_aggregates', 'projects', 'tasks'])
    await server.caughtUp()
    for (const name of must(second.shapes)) {
      const first = await people.viewer.get(shapeUrl(name, 'offset=-1'))
      const next = new URLSearchParams({
        application_id: board.applicationId,
        offset: must(first.headers.get('electric-offset')),
        handle: must(first.headers.get('electric-handle')),
      })
      const log = first.text + (await people.viewer.get(`/api/shapes/${name}?${next}`)).text
      expect([name, log.includes(`"txids":[${second.txid}]`)]).toEqual([name, true])
    }
  })

  test('D27 D28 names change in the shapes; no shape but that of owners shows another person’s address', async () => {
    written(
      await people.owner.post(`/api/applications/${board.applicationId}/invitations`, {
        email: 'secret@elsewhere.example',
        role: 'viewer',
      }),
    )
    written(await people.member.patch('/api/me', { display_name: 'Renamed' }))
    await server.caughtUp()
    const members = await readShape(server, people.viewer.token, 'application_members', {
      application_id: board.applicationId,
    })
    expect(members.rows.find(row => row.user_id === people.member.userId)).toMatchObject({ display_name: 'Renamed' })
    for (const shape of server.app.features.flatMap(feature => feature.shapes)) {
      const scope: Record<string, string> = shape.scope === 'user' ? {} : { application_id: board.applicationId }
      const person = shape.who === 'OWNER' ? people.owner : people.viewer
      const { status, rows } = await readShape(server, person.token, shape.name, scope)
      expect([shape.name, status]).toEqual([shape.name, 200])
      const addresses = JSON.stringify(rows).match(/[\w-]+@[\w.]+/g) ?? []
      const own = shape.name === 'me' ? ['viewer@example.com'] : []
      expect([shape.name, addresses]).toEqual([shape.name, shape.who === 'OWNER' ? ['secret@elsewhere.example'] : own])
    }
  })
})

test('S-86 a content coding goes through the gate untouched, for those who accept it', async () => {
  for (let n = 0; n < 12; n++)
    await makeTask(people.owner, board.projectId, { title: `A task to be compressed, number ${n}` })
  const read = async (name: string, headers: Record<string, string> = {}) => {
    const url = `${server.url}${shapeUrl(name, 'offset=-1')}`
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      request(url, { headers: { authorization: `Bearer ${people.owner.token}`, ...headers } }, resolve)
        .on('error', reject)
        .end(),
    )
    const pieces: Buffer[] = []
    for await (const piece of answer) pieces.push(piece as Buffer)
    return { headers: answer.headers, body: Buffer.concat(pieces) }
  }
  await server.caughtUp()
  const plain = await read('tasks')
  expect(plain.headers['content-encoding']).toBeUndefined()
  expect(plain.body.length).toBeGreaterThan(4096)
  const coded = await read('tasks', { 'accept-encoding': 'gzip' })
  expect(coded.headers['content-encoding']).toBe('gzip')
  expect(coded.headers.vary).toContain('Authorization, Cookie, Accept-Encoding')
  expect(gunzipSync(coded.body).toString()).toBe(plain.body.toString())
})
