// Locks of documents (domain rules, sections 3, 4 and 8.5).
import { beforeEach, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { dataOf, makeBoard, transact, written } from '#server/testing/board.ts'
import type { Answer } from '#server/testing/client.ts'
import {
  asMarkdown,
  atHome,
  type DocumentRow,
  inApplication,
  inProject,
  makeDocument,
  makeFolder,
  readDocument,
} from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
let paper: DocumentRow
let url: string

beforeEach(async () => {
  paper = await makeDocument(people.editor, inApplication(board), asMarkdown('Text'))
  url = `/api/documents/${paper.id}`
})

interface State {
  readonly is_locked: boolean
  readonly holder: { user_id: string; name: string; acquired_at: string; expires_at: string } | null
}
const lockOf = async (id = paper.id) => dataOf<State>(await people.viewer.get(`/api/documents/${id}/lock`))
const holderIn = (answer: Answer) =>
  (answer.body as { error: { details: { holder: { user_id: string } } } }).error.details.holder.user_id
const locks = async (where: string, value: string): Promise<number> =>
  (
    (await queryOnce(server.databaseUrl, `select count(*)::int as n from document_locks where ${where} = $1`, [value]))
      .rows[0] as { n: number }
  ).n

test('D103 while somebody holds the lock, others’ writes are refused; after its time they are not', async () => {
  const taken = written(await people.editor.post(`${url}/lock`))
  expect(taken).toMatchObject({ shapes: ['document_locks'], data: { holder: { user_id: people.editor.userId } } })
  expect(server.events.at(-1)).toEqual({ type: 'document.lock', documentId: paper.id })
  const snapshot = written(await people.editor.post(`${url}/snapshots`, { name: 'Kept' })).data.id
  written(await people.editor.put(`${url}/content`, { format: 'markdown', value: 'Holder' }))
  const tries = async () => [
    await people.owner.put(`${url}/content`, { format: 'markdown', value: 'Other' }),
    await people.owner.request('POST', `${url}/updates`, Buffer.from([0, 0]), {
      'content-type': 'application/octet-stream',
    }),
    await people.owner.post(`/api/snapshots/${snapshot}/restore`),
    await people.owner.patch(url, { title: 'Renamed' }),
    await people.owner.post(`${url}/move`, { folder_id: (await makeFolder(people.owner, inApplication(board))).id }),
    await people.owner.delete(url),
  ]
  for (const answer of await tries()) expect([answer.status, answer.code]).toEqual([409, 'locked'])
  expect((await people.owner.post(`${url}/lock`)).code).toBe('lock_held')
  expect(holderIn(await people.owner.post(`${url}/lock`))).toBe(people.editor.userId)
  const result = await transact(people.owner, [
    { name: 'document.write', args: { id: paper.id, mode: 'append', format: 'markdown', value: 'x' } },
  ])
  expect(result.error?.code).toBe('locked')

  server.clock.advance(299_000)
  expect((await lockOf()).is_locked).toBe(true)
  server.clock.advance(2000)
  expect(await lockOf()).toEqual({ is_locked: false, holder: null })
  written(await people.owner.put(`${url}/content`, { format: 'markdown', value: 'Other' }))
  expect((await people.editor.post(`${url}/lock/heartbeat`)).code).toBe('lock_not_held')
})

test('a heartbeat keeps the lock alive, without activity; releasing a free lock succeeds', async () => {
  written(await people.editor.post(`${url}/lock`))
  const before = must((await lockOf()).holder)
  server.clock.advance(200_000)
  written(await people.editor.post(`${url}/lock/heartbeat`))
  server.clock.advance(200_000)
  const after = must((await lockOf()).holder)
  expect(after.acquired_at).toBe(before.acquired_at)
  expect(Date.parse(after.expires_at) - Date.parse(before.expires_at)).toBe(200_000)
  expect((await people.owner.post(`${url}/lock/heartbeat`)).code).toBe('lock_not_held')
  expect((await people.owner.delete(`${url}/lock`)).code).toBe('lock_not_held')
  written(await people.editor.post(`${url}/lock`))
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select action from activities where document_id = $1 and action like 'lock.%' order by created_at`,
    [paper.id],
  )
  expect(rows).toEqual([{ action: 'lock.acquire' }])
  expect(written(await people.editor.delete(`${url}/lock`)).txid).not.toBeNull()
  expect(written(await people.owner.delete(`${url}/lock`)).txid).toBeNull()
})

test('D104 only owners take a lock over; at home nobody does', async () => {
  written(await people.editor.post(`${url}/lock`))
  expect((await people.admin.post(`${url}/lock/force-take`)).code).toBe('forbidden')
  expect((await people.viewer.post(`${url}/lock/force-take`)).code).toBe('forbidden')
  expect((await people.stranger.post(`${url}/lock/force-take`)).code).toBe('not_found')
  const from = server.events.length
  written(await people.owner.post(`${url}/lock/force-take`))
  const taken = { type: 'document.lock', documentId: paper.id, takenFrom: people.editor.userId }
  expect(server.events.slice(from)).toEqual([taken])
  expect((await lockOf()).holder?.user_id).toBe(people.owner.userId)
  expect((await people.editor.put(`${url}/content`, { format: 'markdown', value: 'x' })).code).toBe('locked')
  const own = await makeDocument(people.viewer, atHome)
  written(await people.viewer.post(`/api/documents/${own.id}/lock`))
  expect((await people.viewer.post(`/api/documents/${own.id}/lock/force-take`)).code).toBe('forbidden')
  expect((await people.owner.post(`/api/documents/${own.id}/lock/force-take`)).code).toBe('not_found')
})

test('deletion frees the lock; a folder with a locked document stays', async () => {
  const folder = await makeFolder(people.editor, inApplication(board))
  const inside = await makeDocument(people.editor, inApplication(board), { folder_id: folder.id })
  written(await people.editor.post(`/api/documents/${inside.id}/lock`))
  const refused = await people.owner.delete(`/api/document-folders/${folder.id}`)
  expect([refused.code, refused.body]).toMatchObject(['locked', { error: { details: { document_ids: [inside.id] } } }])
  const gone = written(await people.editor.delete(`/api/document-folders/${folder.id}`))
  expect(gone.shapes).toEqual(['document_locks', 'documents', 'folders'])
  expect(await locks('document_id', inside.id)).toBe(0)
  expect((await people.editor.post(`/api/documents/${inside.id}/lock`)).code).toBe('not_found')
})

test('whoever loses the right to write loses the lock', async () => {
  const of = async (name: string, role: 'owner' | 'editor') => {
    const person = await server.signUp(name)
    const invitation = written(
      await people.owner.post(`/api/applications/${board.applicationId}/invitations`, { user_id: person.userId, role }),
    ).data.id
    written(await person.post(`/api/invitations/${invitation}/accept`))
    return person
  }
  const projectPaper = await makeDocument(people.member, inProject(board))
  const member = await of('leaver', 'editor')
  const inBoard = `/api/projects/${board.projectId}/members`
  written(await people.owner.post(inBoard, { user_id: member.userId }))
  written(await member.post(`${url}/lock`))
  written(await member.post(`/api/documents/${projectPaper.id}/lock`))
  const from = server.events.length
  written(await people.owner.delete(`${inBoard}/${member.userId}`))
  expect(server.events.slice(from)).toContainEqual({
    type: 'access_changed',
    userId: member.userId,
    applicationId: board.applicationId,
  })
  expect(server.events.slice(from)).toContainEqual({ type: 'document.lock', documentId: projectPaper.id })
  expect([await locks('document_id', projectPaper.id), await locks('document_id', paper.id)]).toEqual([0, 1])
  const membership = `/api/applications/${board.applicationId}/members/${member.userId}`
  written(await people.owner.patch(membership, { role: 'viewer' }))
  expect(await locks('holder_id', member.userId)).toBe(0)

  const owner = await of('lowered', 'owner')
  written(await owner.post(`${url}/lock`))
  written(await owner.post(`/api/documents/${projectPaper.id}/lock`))
  written(
    await people.owner.patch(`/api/applications/${board.applicationId}/members/${owner.userId}`, { role: 'editor' }),
  )
  expect([await locks('document_id', projectPaper.id), await locks('document_id', paper.id)]).toEqual([0, 1])
  written(await people.owner.delete(`/api/applications/${board.applicationId}/members/${owner.userId}`))
  expect(await locks('holder_id', owner.userId)).toBe(0)
})

test('locks of an application include those of its projects', async () => {
  const other = await makeBoard(server, people)
  const [shared, boards] = [
    await makeDocument(people.owner, inApplication(other)),
    await makeDocument(people.owner, inProject(other)),
  ]
  written(await people.owner.post(`/api/documents/${shared.id}/lock`))
  server.clock.advance(1000)
  written(await people.owner.post(`/api/documents/${boards.id}/lock`))
  const ids = async (query: string) =>
    dataOf<{ document_id: string }[]>(await people.viewer.get(`/api/documents/active-locks?${query}`)).map(
      lock => lock.document_id,
    )
  expect(await ids(`scope=application&scope_id=${other.applicationId}`)).toEqual([shared.id, boards.id])
  expect(await ids(`scope=project&scope_id=${other.projectId}`)).toEqual([boards.id])
  server.clock.advance(301_000)
  expect(await ids(`scope=application&scope_id=${other.applicationId}`)).toEqual([])
  expect((await readDocument(people.viewer, shared.id)).lock).toEqual({ is_locked: false, holder: null })
})
