// API tokens and collaboration tokens at the sockets of documents.
import { afterAll, expect, test } from 'vitest'
import { dataOf, makeBoard, written } from '#server/testing/board.ts'
import { inApplication, makeDocument } from '#server/testing/library.ts'
import { until } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'
import { closings } from './closing.ts'
import { documentName } from './document-name.ts'
import { type Replica, textsOf, transports, type } from './testing/clients.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
const other = await makeBoard(server, people)
const replicas: Replica[] = []
afterAll(() => replicas.forEach(replica => replica.destroy()))

const open = (token: string, room: string, kind: Replica['kind']): Replica => {
  const replica = transports[kind]({ url: () => server.url, room, token })
  replicas.push(replica)
  return replica
}

const apiToken = async (scopes: readonly string[], more: object = {}) =>
  dataOf<{ id: string; token: string }>(await people.owner.post('/auth/tokens', { name: 'robot', scopes, ...more }))

const isRefused = (replica: Replica): boolean => replica.refusals.length + replica.closes.length > 0

for (const kind of ['hocuspocus', 'y-websocket'] as const) {
  test(`C-26 over ${kind}: an API token with scope collab edits as its person; its end closes the socket`, async () => {
    const { id } = await makeDocument(people.owner, inApplication(board))
    const { token, id: tokenId } = await apiToken(['collab'])
    const witness = open(people.owner.token, documentName(id), 'hocuspocus')
    const robot = open(token, documentName(id), kind)
    await until('both are in', () => witness.synced() && robot.synced())
    type(robot.doc, 'beep')
    await until('it is heard', () => textsOf(witness.doc).includes('beep'))
    written(await people.owner.delete(`/auth/tokens/${tokenId}`))
    await until('its socket is closed', () => robot.closes.length > 0)
    expect(robot.closes[0]).toBe(closings.sessionEnded.code)
    expect(witness.closes).toEqual([])
  })

  test(`C-26 over ${kind}: without the scope, and beyond its applications, an API token is refused`, async () => {
    const { id } = await makeDocument(people.owner, inApplication(board))
    const { token: reader } = await apiToken(['read', 'write', 'files', 'admin'])
    const { token: foreign } = await apiToken(['collab'], { application_ids: [other.applicationId] })
    const tries = [
      open(reader, documentName(id), kind),
      open(foreign, documentName(id), kind),
      open(foreign, `presence:${board.applicationId}`, kind),
    ]
    await until('all are refused', () => tries.every(isRefused))
    const told = tries.map(({ refusals, closes }) => refusals[0] ?? closes[0])
    expect(told).toEqual(kind === 'hocuspocus' ? ['scope_missing', 'not_found', 'not_found'] : [4403, 4403, 4403])
    expect(tries.some(replica => replica.synced())).toBe(false)
    const allowed = open(foreign, `presence:${other.applicationId}`, kind)
    await until('its own presence room lets it in', () => allowed.synced())
  })

  test(`C-27 over ${kind}: a collaboration token opens one room once, and the socket ends with the session`, async () => {
    const { id } = await makeDocument(people.owner, inApplication(board))
    const visitor = await server.signUp(`visitor-${kind}`)
    await server.database.pool.query(
      `insert into application_members (id, application_id, user_id, role, display_name)
       values (gen_random_uuid(), $1, $2, 'editor', '')`,
      [board.applicationId, visitor.userId],
    )
    const { token } = (await visitor.post('/auth/collab-token')).body as { token: string }
    const first = open(token, documentName(id), kind)
    await until('the first is in', () => first.synced())
    const second = open(token, documentName(id), kind)
    await until('the second is refused', () => isRefused(second))
    await visitor.post('/auth/logout')
    await until('the first is closed', () => first.closes.length > 0)
    expect(first.closes[0]).toBe(closings.sessionEnded.code)
  })
}
