// Mentions in documents (domain rules, section 11): whoever is named for the first time hears of it, by whichever way the
// text came.
import { beforeEach, expect, test } from 'vitest'
import { appendUpdate } from '#server/content/document-state.ts'
import { commandMap } from '#server/features.ts'
import { must } from '#server/kernel/must.ts'
import { mutateOnce } from '#server/kernel/mutation.ts'
import { makeBoard, type People, type Row, written } from '#server/testing/board.ts'
import { atHome, inApplication, inProject, makeDocument } from '#server/testing/library.ts'
import { countersOf, forgetAll, naming, toldTo } from '#server/testing/notices.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
let paper: Row
beforeEach(async () => {
  paper = await makeDocument(people.editor, inApplication(board), { title: `Plan ${Math.random()}` })
  await forgetAll({ ...people })
})

const id = (name: keyof People) => people[name].userId
const write = async (names: readonly (keyof People)[], mode: 'replace' | 'append' = 'replace') =>
  written(
    await people.editor.patch(`/api/documents/${paper.id}/content`, {
      format: 'json',
      value: naming(...names.map(id)),
      mode,
    }),
  )

/** What somebody types in the open document: into the log, as the sockets do. */
const type = async (...names: (keyof People)[]): Promise<void> => {
  const answer = await fetch(`${server.url}/api/documents/${paper.id}/content?format=yjs`, {
    headers: { authorization: `Bearer ${people.editor.token}` },
  })
  const update = appendUpdate(new Uint8Array(await answer.arrayBuffer()), naming(...names.map(id)))
  await server.database.pool.query('insert into document_updates (document_id, update) values ($1, $2)', [
    paper.id,
    Buffer.from(update),
  ])
}
const fold = (...by: (keyof People)[]) => server.app.documents.store(paper.id, by.map(id))

/** Person → by whom he was named, oldest first. */
const heard = async (): Promise<Record<string, (string | null)[]>> => {
  const all: Record<string, (string | null)[]> = {}
  for (const [name, person] of Object.entries(people)) {
    const told = await toldTo(person)
    for (const one of told) expect(one).toMatchObject({ type: 'mention', entity_type: 'document', task_id: null })
    if (told.length > 0) all[name] = told.map(one => one.actor_name).toReversed()
  }
  return all
}

test('a first content and a write tell those named for the first time; strangers and the writer hear nothing', async () => {
  const content = { format: 'json', value: naming(id('viewer'), id('stranger'), id('editor')) }
  paper = await makeDocument(people.owner, inProject(board), { title: 'Quay plan', content })
  expect(await heard()).toEqual({ viewer: ['owner'], editor: ['owner'] })
  expect(must((await toldTo(people.viewer))[0])).toMatchObject({
    title: 'Quay plan',
    entity_id: paper.id,
    application_id: board.applicationId,
    project_id: board.projectId,
    actor_id: id('owner'),
  })
})

test('a write tells who is new in it, not who was there before, nor who comes back', async () => {
  await write(['viewer'])
  await write(['viewer', 'admin'])
  expect(await heard()).toEqual({ viewer: ['editor'], admin: ['editor'] })
  await write([])
  await write(['viewer'], 'append')
  expect(await heard()).toEqual({ viewer: ['editor'], admin: ['editor'] })
  expect((await countersOf(people.viewer)).unread_notifications).toBe(1)
})

test('what is typed tells when it is stored, by the one who typed it', async () => {
  await type('viewer', 'member')
  expect(await heard()).toEqual({})
  await fold('member')
  expect(await heard()).toEqual({ viewer: ['member'] })
  await type('viewer', 'admin')
  await fold('owner')
  expect(await heard()).toEqual({ viewer: ['member'], admin: ['owner'] })
})

test('where several typed, the last one is named and none of them told; where it is not known who, everybody is', async () => {
  await type('viewer', 'admin', 'owner')
  await fold('owner', 'admin')
  expect(await heard()).toEqual({ viewer: ['admin'] })
  await type('member')
  await fold()
  expect(await heard()).toEqual({ viewer: ['admin'], member: [null] })
})

test('copies, restored versions and imports tell nobody; a personal document has nobody to tell', async () => {
  await write(['viewer'])
  const snapshot = written(await people.editor.post(`/api/documents/${paper.id}/snapshots`, { name: 'Kept' })).data.id
  await write([])
  await forgetAll({ ...people })
  written(await people.editor.post(`/api/snapshots/${snapshot}/restore`))
  written(await people.editor.post(`/api/documents/${paper.id}/duplicate`, {}))
  const content = { format: 'json', value: naming(id('viewer')) }
  await makeDocument(people.editor, atHome, { content })
  await mutateOnce(server.app.mutation, {
    actor: { kind: 'import', reason: 'test', userId: id('editor'), displayName: 'editor' },
    mutations: [
      {
        command: must(commandMap(server.app.features).get('document.create')),
        input: { ...inApplication(board), title: 'Imported', content },
      },
    ],
    editedAt: undefined,
    expectedVersion: undefined,
    via: 'import',
    requestId: undefined,
  })
  expect(await heard()).toEqual({})
})
