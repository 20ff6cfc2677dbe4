// The forbidden matrix: every route × every role. What is expected follows from the route's declared access and the
// permission table of the domain rules, section 3.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import type { Route } from '#server/kernel/route.ts'
import { type People, signUpPeople } from '#server/testing/board.ts'
import type { Answer, Client } from '#server/testing/client.ts'
import { allowedFor, cases, makeFixture } from '#server/testing/forbidden.ts'
import { type Case, type Fixture, type Role, roles } from '#server/testing/forbidden-case.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'

let server: TestServer
let people: People
/** For calls that change nothing: reads, and writes that must be refused. */
let shared: Fixture

beforeAll(async () => {
  server = await startTestServer()
  people = await signUpPeople(server)
  shared = await makeFixture(server, people)
})
afterAll(() => server.close())

const keyOf = (route: Route): string => `${route.method} ${route.path}`

const state = async (): Promise<unknown> => {
  const tables = [
    'applications',
    'application_members',
    'invitations',
    'projects',
    'project_members',
    'task_statuses',
    'tasks',
    'comments',
    'checklists',
    'checklist_items',
    'document_folders',
    'documents',
    'document_tags',
    'document_templates',
    'document_locks',
    'notifications',
  ]
  const sums = tables.map(name => {
    const column = name === 'applications' ? 'id' : 'application_id'
    return `select '${name}' as name, count(*)::int, coalesce(sum(version), 0)::int as versions from ${name} where ${column} = $1`
  })
  const library = `select 'library', count(*)::int, coalesce(sum(s.content_version + documents.content_version), 0)::int
    from documents left join document_snapshots s on s.document_id = documents.id where documents.application_id = $1`
  return (await server.database.pool.query([...sums, library].join(' union all '), [shared.applicationId])).rows
}

let throwaway = 0
const callerOf = async (role: Role, one: Case) => {
  if (role === 'anonymous') return undefined
  throwaway += 1
  return one.ownPerson ? server.signUp(`throwaway-${throwaway}`) : people[role]
}

const send = async (route: Route, one: Case, role: Role, f: Fixture): Promise<Answer> => {
  const me = await callerOf(role, one)
  const { params, query, body } = await one.call({ f, role, people, me })
  const path = route.path.replace(/:([a-z_]+)/g, (_all, name: string) => must(params?.[name], `${route.path} :${name}`))
  const client: Client = me ?? server.anonymous
  const bytes = body instanceof Uint8Array
  const text = body === undefined ? null : bytes ? Buffer.from(body) : JSON.stringify(body)
  const type = bytes ? 'application/octet-stream' : 'application/json'
  const headers: Record<string, string> = text === null ? {} : { 'content-type': type }
  return client.request(route.method, `${path}${query === undefined ? '' : `?${query}`}`, text, headers)
}

type Expected =
  | { readonly role: Role; readonly status: 401 | 403 | 404 }
  | { readonly role: Role; readonly code: string }

const expectation = (route: Route, one: Case, role: Role): Expected => {
  if (allowedFor(route.access, one).includes(role)) return { role, code: one.proof?.[role] ?? 'ok' }
  if (role === 'anonymous') return { role, status: 401 }
  return { role, status: role === 'stranger' || one.hides ? 404 : 403 }
}

const observed = (answer: Answer, expected: Expected): Expected & { readonly said?: string } => {
  const { role } = expected
  if ('status' in expected) {
    // the catalogue has more than one code for some: the one for rights it has to be
    const code = { 401: 'unauthenticated', 403: 'forbidden', 404: 'not_found' }[expected.status]
    if (answer.status === expected.status && answer.code === code) return { role, status: expected.status }
  } else if (answer.status < 300 && answer.code === undefined) return { role, code: 'ok' }
  return { role, code: answer.code ?? 'ok', ...(answer.code === undefined ? {} : { said: answer.text }) }
}

const withoutSaid = ({ said: _said, ...rest }: ReturnType<typeof observed>): Expected => rest

test('the matrix knows every mounted route, and no others', async () => {
  const known = Object.keys(cases)
  const mounted = server.app.routes.map(keyOf)
  expect(known.filter(key => !mounted.includes(key))).toEqual([])
  expect(mounted.filter(key => !known.includes(key))).toEqual([])
  // what the HTTP layer adds by itself is public and named here
  const reference = (await server.anonymous.get('/api/openapi.json')).body as { paths: Record<string, object> }
  const documented = Object.entries(reference.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )
  const services = ['GET /api/time', 'GET /health', 'GET /metrics', 'GET /ready']
  // no routes: the gate and the sockets have a matrix of their own (parity, collab/rights.pg.test.ts)
  const doors = ['GET /api/shapes/:name', 'GET /collab', 'GET /collab/:room', 'GET /sync', 'POST /api/shapes/:name']
  expect(documented.filter(key => !known.includes(key)).toSorted()).toEqual([...services, ...doors].toSorted())
  expect((await server.anonymous.get('/api/shapes/tasks')).status).toBe(401)
  for (const key of [...services, 'GET /api/docs', 'GET /api/openapi.json']) {
    // without METRICS_TOKEN there are no metrics for anybody
    const status = key === 'GET /metrics' ? 404 : 200
    expect([key, (await server.anonymous.get(key.slice(4))).status]).toEqual([key, status])
  }
})

// the table is read from a server that is not there yet when tests are named: the cases name them
describe.each(Object.entries(cases))('%s', (key, list) => {
  test.each(list.map((one, index) => [one.name ?? `call ${index + 1}`, one] as const))('%s', async (_name, one) => {
    const route = must(
      server.app.routes.find(candidate => keyOf(candidate) === key),
      key,
    )
    const expected: Expected[] = []
    const found: Expected[] = []
    const before = await state()
    for (const role of roles) {
      const wanted = expectation(route, one, role)
      const fresh = !('status' in wanted) && route.method !== 'GET' && !one.ownPerson
      const answer = await send(route, one, role, fresh ? await makeFixture(server, people) : shared)
      expected.push(wanted)
      const seen = observed(answer, wanted)
      found.push('code' in wanted && wanted.code !== 'ok' ? withoutSaid(seen) : seen)
    }
    expect(found).toEqual(expected)
    expect(await state()).toEqual(before)
  })
})

test('the same routes under their other names', async () => {
  const aliased = server.app.routes.flatMap(route => (route.aliases ?? []).map((path): Route => ({ ...route, path })))
  expect(aliased.map(keyOf)).toEqual([
    'GET /auth/me',
    'PATCH /api/projects/:id/members/:user_id/role',
    'GET /api/projects/:id/board',
  ])
  for (const route of aliased) {
    const key = must(server.app.routes.find(one => one.aliases?.includes(route.path)))
    const one = must(cases[keyOf(key)]?.[0])
    for (const role of roles) {
      const wanted = expectation(route, one, role)
      if ('status' in wanted)
        expect([route.path, role, (await send(route, one, role, shared)).status]).toEqual([
          route.path,
          role,
          wanted.status,
        ])
    }
  }
})
