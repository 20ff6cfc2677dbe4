// What must fit together: folders and the list of features, shapes and tables, errors and their documentation.
import { get } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { catalogue, issueCodes } from '#server/kernel/errors.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const here = fileURLToPath(new URL('.', import.meta.url))
const sources = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.includes('.test.'))
    .map(entry => join(entry.parentPath, entry.name))
    .filter(path => !path.includes('/testing/') && !path.endsWith('kernel/errors.ts'))
    .map(path => readFileSync(path, 'utf8'))
    .join('\n')

test('every folder of features is a feature of the list, and the other way round', () => {
  const folders = readdirSync(join(here, 'features'), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
  expect(server.app.features.map(feature => feature.name).toSorted()).toEqual(folders.toSorted())
})

/** ⊘ in the domain rules, and what the server counts for itself: never in any shape. */
const secret = [
  'password_hash',
  'password_changed_at',
  'avatar_key',
  'disabled_at',
  'token_hash',
  'next_task_number',
  'dedupe_key',
  'body_bytes',
]

test('D123 every shape reads columns that exist, of a published table, and no secret one', async () => {
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select p.tablename as table, array_agg(a.attname::text order by a.attnum) as columns
       from pg_publication_tables p join pg_class c on c.relname = p.tablename and c.relnamespace = 'public'::regnamespace
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where p.pubname = 'electric_publication_default' group by 1`,
  )
  const columnsOf = new Map((rows as { table: string; columns: string[] }[]).map(row => [row.table, row.columns]))
  const shapes = server.app.features.flatMap(feature => feature.shapes)
  expect(new Set(shapes.map(shape => shape.name)).size).toBe(shapes.length)
  for (const shape of shapes) {
    const columns = columnsOf.get(shape.table) ?? []
    const allowed = columns.filter(column => !secret.includes(column))
    // all columns without ⊘: a new column is synced or named secret, never forgotten
    expect([shape.name, shape.columns.toSorted()]).toEqual([shape.name, allowed.toSorted()])
  }
})

test('the columns of every shape are pinned', () => {
  const shapes = server.app.features.flatMap(feature => feature.shapes)
  expect(Object.fromEntries(shapes.map(shape => [shape.name, shape.columns.join(' ')]))).toMatchSnapshot()
})

test('every command belongs to a route or to transactions, and every route says who may call it', () => {
  const routed = new Set(server.app.routes.flatMap(route => (route.kind === 'write' ? [route.command.name] : [])))
  for (const command of server.app.features.flatMap(feature => feature.commands)) {
    expect([command.name, routed.has(command.name) || command.inTransactions]).toEqual([command.name, true])
  }
  for (const route of server.app.routes) expect([route.path, route.access]).toEqual([route.path, expect.any(String)])
})

test('every error code is used somewhere and stands in the API reference', async () => {
  const code = sources(here) + sources(join(here, '../sync'))
  for (const name of [...Object.keys(catalogue), ...issueCodes]) {
    expect([name, code.includes(`'${name}'`)]).toEqual([name, true])
  }
  const answer = await server.anonymous.get('/api/openapi.json')
  for (const name of Object.keys(catalogue)) expect([name, answer.text.includes(name)]).toEqual([name, true])
})

test('every write of the API reference says what it gives back', async () => {
  for (const command of server.app.features.flatMap(feature => feature.commands)) {
    expect([command.name, command.output]).toEqual([command.name, expect.anything()])
  }
  const { paths } = await reference()
  const answerOf = (path: string, status: string) =>
    JSON.stringify(paths[path]?.post?.responses[status]?.content?.['application/json']?.schema)
  expect(answerOf('/auth/tokens', '201')).toContain('"token":{')
  expect(answerOf('/api/projects/{id}/tasks', '201')).toContain('#/components/schemas/Task"')
  expect(answerOf('/api/tasks/{id}/move', '200')).toContain('#/components/schemas/Task"')
  expect(paths['/api/documents/{id}/content']?.get?.parameters?.map(({ name }) => name)).toEqual(['id', 'format'])
  expect(JSON.stringify(paths['/api/documents/{id}/updates']?.post)).toContain('"application/octet-stream"')
})

interface Operation {
  readonly description: string
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly description?: string }[]
  readonly responses: Readonly<Record<string, { readonly content?: Record<string, { readonly schema: object }> }>>
}

const reference = async () =>
  (await server.anonymous.get('/api/openapi.json')).body as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }

const inReference = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}')

test('the API reference names every route, every alias and every door, and nothing else', async () => {
  const { paths } = await reference()
  for (const { path, method, aliases = [] } of server.app.routes) {
    const described = paths[inReference(path)]?.[method.toLowerCase()]
    expect([path, described]).toEqual([path, expect.anything()])
    for (const alias of aliases) expect(described?.description).toContain(inReference(alias))
  }
  const doors = ['/api/shapes/{name}', '/collab', '/collab/{room}', '/sync']
  const service = ['/api/time', '/health', '/metrics', '/ready']
  const known = [...server.app.routes.map(route => inReference(route.path)), ...doors, ...service]
  expect(Object.keys(paths).toSorted()).toEqual([...new Set(known)].toSorted())
  expect(Object.keys(paths['/api/shapes/{name}'] ?? {})).toEqual(['get', 'post'])
})

test('every parameter of a query is described, and swagger-ui finds a format or an example where there is a pattern', async () => {
  const document = await reference()
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, { parameters = [] }] of Object.entries(methods))
      for (const { name, description, in: where } of parameters)
        if (where === 'query')
          expect([method, path, name, description]).toEqual([method, path, name, expect.any(String)])
  const patterns: unknown[] = []
  JSON.stringify(document, (_key, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'pattern' in value && !('example' in value)) patterns.push(value)
    return value
  })
  expect(patterns).toEqual([])
})

test('the reference says how somebody is mentioned, where Markdown with mentions is taken', async () => {
  const { paths } = await reference()
  for (const [path, method] of [
    ['/api/tasks/{id}/comments', 'post'],
    ['/api/documents/{id}/comments', 'post'],
    ['/api/documents', 'post'],
    ['/api/documents/{id}/content', 'patch'],
  ] as const)
    expect(JSON.stringify(paths[path]?.[method])).toContain('[@Eve](skerry-user:<user_id>)')
})

test('the doors of the reference are open: sockets switch, shapes ask who is there', async () => {
  const upgrade = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
      const asked = get(`${server.url}${path}`, {
        headers: { ...headers, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
      })
      asked.on('upgrade', (answer, socket) => {
        socket.destroy()
        resolve(answer.statusCode)
      })
      asked.on('response', answer => resolve(answer.statusCode))
      asked.on('error', reject)
    })
  expect(await Promise.all(['/sync', '/collab', '/collab/x', '/elsewhere'].map(upgrade))).toEqual([101, 101, 101, 404])
  expect((await server.anonymous.get('/api/shapes/tasks')).code).toBe('unauthenticated')
})

test('every parameter that the gate takes stands in the reference of shapes, and what stands there is taken', async () => {
  const { paths } = await reference()
  const ann = await server.signUp('ann')
  const asked = paths['/api/shapes/{name}']?.get
  const names = (asked?.parameters ?? []).map(parameter => parameter.name).filter(name => name !== 'name')
  expect(names).toEqual(expect.arrayContaining(['application_id', 'offset', 'handle', 'live', 'cursor', 'replica']))
  const scoped = ['application_id', 'project_id', 'archived']
  const query = new URLSearchParams(names.filter(name => !scoped.includes(name)).map(name => [name, '-1']))
  expect((await ann.get(`/api/shapes/me?${query}`)).status).toBe(200)
  for (const name of scoped) expect((await ann.get(`/api/shapes/me?${name}=x`)).text).not.toContain('is not taken here')
  expect(Object.keys(asked?.responses ?? {})).toEqual(['200', '304', '400', '401', '403', '404', '409', '429', '503'])
})
