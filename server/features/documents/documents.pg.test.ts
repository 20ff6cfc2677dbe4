// Documents: metadata, places, lists and the trash (domain rules, sections 4, 5.11 and 8).
import { describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { apply, dataOf, makeBoard, type People, transact, written } from '#server/testing/board.ts'
import {
  asMarkdown,
  atHome,
  type DocumentRow,
  inApplication,
  inProject,
  makeDocument,
  makeFolder,
  readContent,
  readDocument,
} from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

const listed = async (query: string) =>
  dataOf<DocumentRow[]>(
    await people.viewer.get(`/api/documents?scope=application&scope_id=${board.applicationId}&limit=200&${query}`),
  )

test('D1 D2 a document keeps the id it is given, once; everything derived is there at once', async () => {
  const id = uuid7()
  const made = await makeDocument(people.editor, inApplication(board), {
    id,
    ...asMarkdown('# Tides\n\nHigh **water**'),
  })
  expect(made).toMatchObject({
    id,
    version: 1,
    scope: 'application',
    application_id: board.applicationId,
    content_version: 1,
    word_count: 3,
    excerpt: 'Tides High water',
    created_by_id: people.editor.userId,
    content_updated_by_id: people.editor.userId,
  })
  const again = await people.editor.post('/api/documents', { ...inApplication(board), title: made.title, id })
  expect(again.code).toBe('id_taken')
  const empty = await makeDocument(people.editor, inApplication(board))
  expect(empty).toMatchObject({ content_version: 0, word_count: 0, excerpt: '' })
  expect((await readContent(people.viewer, empty.id)).value).toBe('')
})

test('who may write where: editors in the application, contributors in a project, the person alone at home', async () => {
  const may = async (by: keyof People, at: object) =>
    (await people[by].post('/api/documents', { ...at, title: uuid7() })).code ?? 'ok'
  const inApp = inApplication(board)
  const inBoard = inProject(board)
  expect([await may('editor', inApp), await may('viewer', inApp), await may('stranger', inApp)]).toEqual([
    'ok',
    'forbidden',
    'not_found',
  ])
  expect([await may('member', inBoard), await may('editor', inBoard), await may('owner', inBoard)]).toEqual([
    'ok',
    'forbidden',
    'ok',
  ])
  expect(await may('viewer', atHome)).toBe('ok')
  expect(await may('viewer', { ...atHome, scope_id: people.owner.userId })).toBe('not_found')
  expect(await may('owner', { scope: 'project', scope_id: uuid7() })).toBe('not_found')
  expect((await people.owner.post('/api/documents', { scope: 'project', title: 'x' })).issues).toEqual([
    'scope_id required',
  ])
  const own = await makeDocument(people.viewer, atHome)
  for (const by of [people.owner, people.stranger]) {
    for (const answer of [
      await by.get(`/api/documents/${own.id}`),
      await by.get(`/api/documents/${own.id}/content`),
      await by.patch(`/api/documents/${own.id}`, { title: 'Mine now' }),
    ]) {
      expect([answer.status, answer.code]).toEqual([404, 'not_found'])
    }
  }
  expect((await people.viewer.get(`/api/documents/${own.id}`)).body).toMatchObject({
    data: { my_access: { view: true, edit: true } },
  })
})

test('personal documents say so in shapes and activity', async () => {
  const answer = written(await people.viewer.post('/api/documents', { ...atHome, title: 'Diary' }))
  expect(answer.shapes).toEqual(['personal_documents'])
  const { rows } = await queryOnce(
    server.databaseUrl,
    'select user_id, application_id, action from activities where document_id = $1',
    [answer.data.id],
  )
  expect(rows).toEqual([{ user_id: people.viewer.userId, application_id: null, action: 'document.create' }])
})

test('D94 a document is filed in a folder of its own scope only', async () => {
  const folder = await makeFolder(people.member, inProject(board))
  const home = await makeFolder(people.editor, atHome)
  const paper = await makeDocument(people.editor, inApplication(board))
  for (const id of [folder.id, home.id, uuid7()]) {
    const answer = await people.editor.post(`/api/documents/${paper.id}/move`, { folder_id: id })
    expect(answer.issues).toEqual(['folder_id folder_foreign'])
  }
  await expect(
    queryOnce(server.databaseUrl, 'update documents set folder_id = $1 where id = $2', [folder.id, paper.id]),
  ).rejects.toMatchObject({ code: '23503' })
  const trashed = await makeFolder(people.editor, inApplication(board))
  written(await people.editor.delete(`/api/document-folders/${trashed.id}`))
  const into = await people.editor.post(`/api/documents/${paper.id}/move`, { folder_id: trashed.id })
  expect(into.issues).toEqual(['folder_id parent_trashed'])
})

test('moves place a document in its folder; nothing to do is nothing done', async () => {
  const folder = await makeFolder(people.editor, inApplication(board))
  const ids: string[] = []
  for (let n = 0; n < 3; n += 1) {
    ids.push((await makeDocument(people.editor, inApplication(board), { folder_id: folder.id })).id)
  }
  const [a, b, c] = ids.map(id => must(id))
  const order = async () => (await listed(`folder_id=${folder.id}&sort=rank`)).map(row => row.id)
  expect(await order()).toEqual([a, b, c])
  const moved = written(await people.editor.post(`/api/documents/${c}/move`, { before_id: a }))
  expect(moved).toMatchObject({ data: { version: 2 }, shapes: ['documents'] })
  expect(await order()).toEqual([c, a, b])
  written(await people.editor.post(`/api/documents/${c}/move`, { after_id: b }))
  expect(await order()).toEqual([a, b, c])
  expect((await people.editor.post(`/api/documents/${a}/move`, {})).issues).toEqual([' nothing_to_change'])
  const same = written(await people.editor.post(`/api/documents/${a}/move`, { folder_id: folder.id }))
  expect(same.txid).toBeNull()
  expect((await people.editor.patch(`/api/documents/${a}`, { title: 'x', expected_version: 7 })).code).toBe(
    'version_conflict',
  )
})

test('the later edit of title or place wins, each on its own', async () => {
  const folder = await makeFolder(people.editor, inApplication(board))
  const paper = await makeDocument(people.editor, inApplication(board))
  server.clock.advance(60_000)
  const at = (seconds: number) => ({ editedAt: new Date(server.clock.now().getTime() - seconds * 1000) })
  await apply(people.editor, [{ name: 'document.move', args: { id: paper.id, folder_id: folder.id } }], at(10))
  const late = await transact(
    people.owner,
    [
      { name: 'document.move', args: { id: paper.id, folder_id: null } },
      { name: 'document.update', args: { id: paper.id, title: 'Named offline' } },
    ],
    at(20),
  )
  expect(late.results?.[0]?.superseded).toMatchObject([{ field: 'folder_id', value: folder.id }])
  expect(await readDocument(people.viewer, paper.id)).toMatchObject({ folder_id: folder.id, title: 'Named offline' })
})

test('a reorder that is too old moves nobody: where there is no room its neighbours keep their ranks', async () => {
  const folder = await makeFolder(people.editor, inApplication(board))
  const make = async () => (await makeDocument(people.editor, inApplication(board), { folder_id: folder.id })).id
  const [a, b, c] = [await make(), await make(), await make()]
  await queryOnce(server.databaseUrl, `update documents set rank = 'a5' where id in ($1, $2)`, [a, b])
  server.clock.advance(60_000)
  const at = (seconds: number) => ({ editedAt: new Date(server.clock.now().getTime() - seconds * 1000) })
  await apply(people.editor, [{ name: 'document.move', args: { id: c, rank: 'a9' } }], at(10))
  const late = await transact(
    people.owner,
    [{ name: 'document.move', args: { id: c, after_id: a, before_id: b } }],
    at(20),
  )
  expect(late).toMatchObject({ status: 'applied', txid: null })
  expect(late.results?.[0]?.superseded).toMatchObject([
    { field: 'rank', your_value: { after_id: a, before_id: b }, value: 'a9' },
  ])
  const ranks = await listed(`folder_id=${folder.id}&sort=rank`)
  expect(ranks.map(row => row.rank)).toEqual(['a5', 'a5', 'a9'])
})

test('D106 lists filter by folder, title and tags, all of which must match', async () => {
  const at = inApplication(board)
  const tag = async (name: string) => written(await people.editor.post('/api/document-tags', { ...at, name })).data.id
  const [red, blue] = [await tag('red'), await tag('blue')]
  const folder = await makeFolder(people.editor, at)
  const both = await makeDocument(people.editor, at, { title: 'Sea 100%', tag_ids: [red, blue] })
  const one = await makeDocument(people.editor, at, { title: 'Sea chart', tag_ids: [red], folder_id: folder.id })
  const ids = async (query: string) => (await listed(query)).map(row => row.id).toSorted()
  expect(await ids(`tag_id=${red}`)).toEqual([both.id, one.id].toSorted())
  expect(await ids(`tag_id=${red}&tag_id=${blue}`)).toEqual([both.id])
  expect(await ids('search=sea')).toEqual([both.id, one.id].toSorted())
  expect(await ids('search=100%25')).toEqual([both.id])
  expect(await ids(`folder_id=${folder.id}`)).toEqual([one.id])
  expect(await ids(`folder_id=root&search=sea`)).toEqual([both.id])
  expect((await readDocument(people.viewer, both.id)).tags).toMatchObject([{ name: 'blue' }, { name: 'red' }])
  const first = await people.viewer.get(
    `/api/documents?scope=application&scope_id=${board.applicationId}&tag_id=${red}&limit=1&include_total=true`,
  )
  const { next_cursor: cursor, total } = first.body as { next_cursor: string; total: number }
  expect([total, dataOf(first)[0]?.id]).toEqual([2, both.id])
  const second = await people.viewer.get(
    `/api/documents?scope=application&scope_id=${board.applicationId}&tag_id=${red}&limit=1&cursor=${cursor}`,
  )
  expect(dataOf(second).map(row => row.id)).toEqual([one.id])
})

test('updated_at sorts by metadata or content, whichever changed later', async () => {
  const other = await makeBoard(server, people)
  const at = inApplication(other)
  const papers = [await makeDocument(people.owner, at), await makeDocument(people.owner, at)]
  server.clock.advance(3_600_000)
  written(await people.owner.put(`/api/documents/${must(papers[0]).id}/content`, { format: 'markdown', value: 'New' }))
  const rows = dataOf<DocumentRow[]>(
    await people.owner.get(`/api/documents?scope=application&scope_id=${other.applicationId}&sort=updated_at`),
  )
  expect(rows.map(row => row.id)).toEqual(papers.map(paper => paper.id))
})

test('D11 pages in every order hold each document once', async () => {
  const other = await makeBoard(server, people)
  const made: string[] = []
  for (let n = 0; n < 5; n += 1) made.push((await makeDocument(people.owner, inApplication(other))).id)
  for (const sort of ['title', 'rank', 'updated_at']) {
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const answer = await people.viewer.get(
        `/api/documents?scope=application&scope_id=${other.applicationId}&sort=${sort}&limit=2${cursor && `&cursor=${cursor}`}`,
      )
      seen.push(...dataOf(answer).map(row => row.id))
      cursor = (answer.body as { next_cursor: string | null }).next_cursor
    }
    expect([sort, seen.toSorted()]).toEqual([sort, made.toSorted()])
  }
  for (const id of made) written(await people.owner.delete(`/api/documents/${id}`))
  const first = await people.owner.get(
    `/api/documents/trash?scope=application&scope_id=${other.applicationId}&limit=3&include_total=true`,
  )
  const { next_cursor: cursor, total } = first.body as { next_cursor: string; total: number }
  const second = await people.owner.get(
    `/api/documents/trash?scope=application&scope_id=${other.applicationId}&limit=3&cursor=${cursor}`,
  )
  expect(total).toBe(5)
  expect([...dataOf(first), ...dataOf(second)].map(row => row.id).toSorted()).toEqual(made.toSorted())
})

describe('the trash', () => {
  test('D105 a deleted document keeps its content, and comes back', async () => {
    const paper = await makeDocument(people.editor, inApplication(board), asMarkdown('Kept'))
    expect((await people.viewer.delete(`/api/documents/${paper.id}`)).code).toBe('forbidden')
    written(await people.editor.delete(`/api/documents/${paper.id}`))
    expect((await listed('')).map(row => row.id)).not.toContain(paper.id)
    expect(server.events.filter(event => 'documentId' in event && event.documentId === paper.id).at(-1)).toEqual({
      type: 'document.changed',
      documentId: paper.id,
    })
    expect(await server.app.documents.access({ ...actorOf(people.editor) }, paper.id)).toBeUndefined()
    written(await people.editor.post(`/api/documents/${paper.id}/restore`))
    expect((await readContent(people.viewer, paper.id)).value).toBe('Kept')
    expect((await people.editor.delete(`/api/documents/${paper.id}/permanent`)).code).toBe('not_in_trash')
  })

  test('without a scope it holds what I may edit, and nothing else', async () => {
    const [mine, shared, boards] = [
      await makeDocument(people.editor, atHome),
      await makeDocument(people.editor, inApplication(board)),
      await makeDocument(people.member, inProject(board)),
    ]
    written(await people.editor.delete(`/api/documents/${mine.id}`))
    written(await people.editor.delete(`/api/documents/${shared.id}`))
    written(await people.member.delete(`/api/documents/${boards.id}`))
    const seen = async (by: keyof People) => {
      const ids = dataOf(await people[by].get('/api/documents/trash?limit=200')).map(row => row.id)
      return [mine, shared, boards].map(paper => ids.includes(paper.id))
    }
    expect(await seen('editor')).toEqual([true, true, false])
    expect(await seen('member')).toEqual([false, true, true])
    expect(await seen('owner')).toEqual([false, true, true])
    expect(await seen('viewer')).toEqual([false, false, false])
    expect(await seen('stranger')).toEqual([false, false, false])
  })

  test('a purge leaves nothing of a document', async () => {
    const paper = await makeDocument(people.editor, inApplication(board), asMarkdown('Gone'))
    written(await people.editor.post(`/api/documents/${paper.id}/snapshots`, { name: 'Before' }))
    written(await people.editor.delete(`/api/documents/${paper.id}`))
    written(await people.editor.delete(`/api/documents/${paper.id}/permanent`))
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select (select count(*)::int from document_contents where document_id = $1) as contents,
              (select count(*)::int from document_snapshots where document_id = $1) as snapshots,
              (select count(*)::int from field_clocks where entity_id = $1) as clocks,
              (select count(*)::int from activities where document_id = $1) as activities`,
      [paper.id],
    )
    expect(rows).toEqual([{ contents: 0, snapshots: 0, clocks: 0, activities: 0 }])
  })
})

test('a copy has the present content and tags, and the next number when nobody names it', async () => {
  const at = inApplication(board)
  const tag = written(await people.editor.post('/api/document-tags', { ...at, name: 'copied' })).data.id
  const paper = await makeDocument(people.editor, at, { title: 'Logbook', tag_ids: [tag], ...asMarkdown('- [x] sail') })
  const copy = written(await people.editor.post(`/api/documents/${paper.id}/duplicate`)).data as DocumentRow
  expect(copy).toMatchObject({ title: 'Logbook (2)', word_count: 1 })
  expect((await readContent(people.viewer, copy.id)).value).toBe('- [x] sail')
  expect((await readDocument(people.viewer, copy.id)).tags).toMatchObject([{ id: tag }])
  const named = await people.editor.post(`/api/documents/${paper.id}/duplicate`, { title: 'logbook' })
  expect(named.code).toBe('name_taken')
})

test('where somebody can look, and what he may do there', async () => {
  const summary = dataOf<{ has_personal: boolean; applications: { id: string; my_role: string }[] }>(
    await people.viewer.get('/api/documents/scopes-summary'),
  )
  expect(summary.applications).toContainEqual({ id: board.applicationId, name: 'Harbour', my_role: 'viewer' })
  expect(summary.has_personal).toBe(true)
  await makeDocument(people.member, inProject(board))
  const projects = async (by: keyof People) =>
    dataOf<unknown>(await people[by].get(`/api/documents/projects-with-content?application_id=${board.applicationId}`))
  expect(await projects('editor')).toEqual([{ project_id: board.projectId, can_edit: false }])
  expect(await projects('member')).toEqual([{ project_id: board.projectId, can_edit: true }])
  const rights = async (by: keyof People, query: string) =>
    dataOf<unknown>(await people[by].get(`/api/documents/permissions?${query}`))
  const project = `scope=project&scope_id=${board.projectId}`
  expect(await rights('editor', project)).toEqual({ can_view: true, can_edit: false, is_owner: false })
  expect(await rights('owner', project)).toEqual({ can_view: true, can_edit: true, is_owner: true })
  expect(await rights('stranger', project)).toEqual({ can_view: false, can_edit: false, is_owner: false })
  expect(await rights('stranger', `scope=project&scope_id=${uuid7()}`)).toEqual({
    can_view: false,
    can_edit: false,
    is_owner: false,
  })
  expect(await rights('viewer', 'scope=personal')).toEqual({ can_view: true, can_edit: true, is_owner: true })
})

test('documents go with their project, and whoever has one open is told', async () => {
  const other = await makeBoard(server, people)
  const folder = await makeFolder(people.owner, inProject(other))
  const paper = await makeDocument(people.owner, inProject(other), { folder_id: folder.id })
  const stays = await makeDocument(people.owner, inApplication(other))
  const from = server.events.length
  written(await people.owner.delete(`/api/projects/${other.projectId}`))
  expect(server.events.slice(from)).toEqual([{ type: 'document.changed', documentId: paper.id }])
  expect((await people.owner.get(`/api/documents/${paper.id}`)).code).toBe('not_found')
  written(await people.owner.delete(`/api/applications/${other.applicationId}`))
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select (select count(*)::int from field_clocks where entity_id = any($1)) as clocks,
            (select count(*)::int from place_names where entity_id = any($1)) as names`,
    [[folder.id, paper.id, stays.id]],
  )
  expect(rows).toEqual([{ clocks: 0, names: 0 }])
})

test('an archived application refuses every write into it', async () => {
  const other = await makeBoard(server, people)
  const paper = await makeDocument(people.owner, inApplication(other))
  const from = server.events.length
  written(await people.owner.post(`/api/applications/${other.applicationId}/archive`))
  // those who have one open are looked at again
  expect(server.events.slice(from).map(event => 'userId' in event && event.userId)).toContain(people.editor.userId)
  const refused = [
    await people.owner.post('/api/documents', { ...inApplication(other), title: 'x' }),
    await people.owner.put(`/api/documents/${paper.id}/content`, { format: 'markdown', value: 'x' }),
    await people.owner.post(`/api/documents/${paper.id}/lock`),
  ]
  expect(refused.map(answer => answer.code)).toEqual(Array.from({ length: 3 }, () => 'application_archived'))
  expect(await server.app.documents.access(actorOf(people.owner), paper.id)).toEqual({ edit: false })
})

const actorOf = (person: { readonly userId: string }) =>
  ({ kind: 'user', userId: person.userId, displayName: '', sessionPublicId: '', isAdmin: false }) as const
