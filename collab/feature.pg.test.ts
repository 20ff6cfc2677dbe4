// The sockets on the real documents feature: who comes in, what REST does to open editors, and how rights end.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Board, dataOf, makeBoard, type People, signUpPeople } from '#server/testing/board.ts'
import { asMarkdown, atHome, inApplication, inProject, makeDocument, readContent } from '#server/testing/library.ts'
import { until } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import { closings } from './closing.ts'
import { documentName } from './document-name.ts'
import { type Replica, textsOf, transports, type } from './testing/clients.ts'

const kinds = ['hocuspocus', 'y-websocket'] as const
const second = 1000

let server: TestServer
let people: People
let board: Board
const replicas: Replica[] = []

beforeAll(async () => {
  server = await startTestServer({ env: { COLLAB_DEBOUNCE_MS: '50', COLLAB_MAX_DEBOUNCE_MS: '200' } })
  people = await signUpPeople(server)
  board = await makeBoard(server, people)
})
afterAll(async () => {
  for (const replica of replicas) replica.destroy()
  await server.close()
})

const open = (who: keyof People, id: string, kind: Replica['kind'] = 'hocuspocus'): Replica => {
  const room = id.includes(':') ? id : documentName(id)
  const replica = transports[kind]({ url: () => server.url, room, token: people[who].token })
  replicas.push(replica)
  return replica
}

const synced = (...all: readonly Replica[]) => until('all are in', () => all.every(replica => replica.synced()))

for (const kind of kinds) {
  test(`C-13 over ${kind}: who may read comes in, who may edit is heard, everybody else is refused`, async () => {
    const names = Object.keys(people) as (keyof People)[]
    const places = {
      application: [inApplication(board), ['owner', 'admin', 'member', 'editor'], ['viewer']],
      project: [inProject(board), ['owner', 'admin', 'member'], ['editor', 'viewer']],
      personal: [atHome, ['owner'], []],
    } as const
    for (const [place, [at, editors, readers]] of Object.entries(places)) {
      const { id } = await makeDocument(people.owner, at)
      const witness = open('owner', id)
      await synced(witness)
      for (const name of names) {
        const replica = open(name, id, kind)
        const writes = (editors as readonly string[]).includes(name)
        if (!writes && !(readers as readonly string[]).includes(name)) {
          await until(`${name} is refused`, () => replica.refusals.length + replica.closes.length > 0)
          expect(replica.synced(), `${name} in ${place}`).toBe(false)
          continue
        }
        await synced(replica)
        type(replica.doc, name)
        if (writes) await until(`${name} is heard`, () => textsOf(witness.doc).includes(name))
      }
      type(witness.doc, 'end')
      await until('it is stored', async () => (await readContent(people.owner, id, 'text')).value.endsWith('end'))
      const text = (await readContent(people.owner, id, 'text')).value.split('\n').filter(line => line !== '')
      expect(text, place).toEqual([...editors, 'end'])
    }
  })
}

test('D98 C-9 a replace over REST keeps what is typed elsewhere and shows in open editors', async () => {
  const { id } = await makeDocument(people.editor, inApplication(board), asMarkdown('one\n\ntwo\n\nthree'))
  const all = kinds.map(kind => open('member', id, kind))
  await synced(...all)
  const [offline] = all
  // not known to the server when the replace is worked out: that is what makes it concurrent
  offline?.goOffline()
  await until('one is out', () => offline?.synced() === false)
  if (offline) type(offline.doc, 'typed', 0)
  const answer = await people.editor.put(`/api/documents/${id}/content`, {
    format: 'markdown',
    value: 'one\n\ntwo changed\n\nthree',
  })
  expect(answer.status).toBe(200)
  await until('the open one shows it', () => all.some(({ doc }) => textsOf(doc).join() === 'one,two changed,three'))
  offline?.goOnline()
  const expected = 'typed,one,two changed,three'
  await until('all have both', () => all.every(({ doc }) => textsOf(doc).join() === expected))
  await until('and the store', async () => (await readContent(people.editor, id, 'text')).value.includes('typed'))
})

test("D103 C-15 while Ann holds the lock Bo's typing is not accepted; her own devices write; then his arrives", async () => {
  const { id } = await makeDocument(people.owner, inApplication(board))
  const ann = open('owner', id)
  const annsOther = open('owner', id, 'y-websocket')
  const bo = open('editor', id)
  await synced(ann, annsOther, bo)
  expect((await people.owner.post(`/api/documents/${id}/lock`)).status).toBeLessThan(300)
  await until('Bo is told', () => bo.scope() === 'readonly', second)
  type(bo.doc, 'by Bo')
  type(annsOther.doc, 'by Ann')
  await until('he reads on', () => textsOf(bo.doc).includes('by Ann'))
  expect(textsOf(ann.doc)).not.toContain('by Bo')
  expect((await people.owner.delete(`/api/documents/${id}/lock`)).status).toBeLessThan(300)
  await until('his arrives', () => textsOf(ann.doc).includes('by Bo'), second)
})

test('D104 C-29 who loses the lock to an owner is told on each of his devices, and becomes read-only', async () => {
  const { id } = await makeDocument(people.owner, inApplication(board))
  const owner = open('owner', id)
  const holder = [open('editor', id), open('editor', id), open('editor', id, 'y-websocket')]
  const other = open('member', id)
  await synced(owner, ...holder, other)
  expect((await people.editor.post(`/api/documents/${id}/lock`)).status).toBeLessThan(300)
  await until('the owner is told', () => owner.scope() === 'readonly', second)
  expect((await people.owner.post(`/api/documents/${id}/lock/force-take`)).status).toBeLessThan(300)
  const told = holder.slice(0, 2)
  await until('he is told', () => told.every(({ stateless }) => stateless.includes('lock.taken')), second)
  await until('he only reads', () => told.every(replica => replica.scope() === 'readonly'), second)
  // once more changes nothing for anybody
  expect((await people.owner.post(`/api/documents/${id}/lock/force-take`)).status).toBeLessThan(300)
  for (const { doc } of holder) type(doc, 'too late')
  await until('the owner writes', () => owner.scope() === 'read-write')
  type(owner.doc, 'by the owner')
  await until('all read it', () => holder.every(({ doc }) => textsOf(doc).includes('by the owner')))
  expect(textsOf(owner.doc)).not.toContain('too late')
  expect([...holder, other, owner].map(({ stateless }) => stateless.length)).toEqual([1, 1, 0, 0, 0])
})

test('C-30 members read who is where, as long as they are there', async () => {
  const { applicationId, projectId } = await makeBoard(server, people)
  const room = `presence:${applicationId}`
  const route = `/api/applications/${applicationId}/presence`
  const all = kinds.map(kind => open('editor', room, kind))
  await synced(...all)
  const [first, second] = all
  const where = {
    project_id: projectId,
    typing: { task_id: projectId },
    idle: false,
    since: '2026-01-01T00:00:00.000Z',
  }
  first?.awareness?.setLocalState({ ...where, user: { name: 'Somebody else' } })
  second?.awareness?.setLocalState({ document_id: projectId })
  interface State {
    readonly user: { readonly id: string; readonly name: string }
    readonly document_id?: string
  }
  const read = async () => dataOf<State[]>(await people.viewer.get(route))
  await until('both are there', async () => (await read()).length === 2)
  const [board = {}, paper] = (await read()).toSorted(a => (a.document_id === undefined ? -1 : 1))
  expect(board).toMatchObject({
    ...where,
    user: { id: people.editor.userId, name: 'editor', color: expect.any(String) },
  })
  expect(paper?.user).toEqual((board as State).user)
  expect((await people.stranger.get(route)).code).toBe('not_found')
  for (const replica of all) replica.destroy()
  await until('nobody is there', async () => (await read()).length === 0)
})

test('D25 C-14 a removed member hears 4403 within a second, over both protocols and in the presence room', async () => {
  const { id } = await makeDocument(people.owner, inApplication(board))
  const all = [...kinds.map(kind => open('viewer', id, kind)), open('viewer', `presence:${board.applicationId}`)]
  await synced(...all)
  const gone = await people.owner.delete(`/api/applications/${board.applicationId}/members/${people.viewer.userId}`)
  expect(gone.status).toBe(200)
  await until('all are closed', () => all.every(({ closes }) => closes.includes(closings.accessLost.code)), second)
})

test('C-14 a document that goes to the trash closes with 4404, and opens again when it is back', async () => {
  const { id } = await makeDocument(people.owner, inApplication(board), asMarkdown('kept'))
  const all = kinds.map(kind => open('editor', id, kind))
  await synced(...all)
  expect((await people.owner.delete(`/api/documents/${id}`)).status).toBe(200)
  await until('all are closed', () => all.every(({ closes }) => closes.includes(closings.documentGone.code)), second)
  expect((await people.owner.post(`/api/documents/${id}/restore`)).status).toBeLessThan(300)
  const again = open('editor', id)
  await synced(again)
  expect(textsOf(again.doc)).toEqual(['kept'])
})
