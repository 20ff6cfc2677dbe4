// The end of the trash after 30 days, on a whole server (domain rules, sections 6.8, 8.9 and 13).
import { afterAll, beforeEach, expect, test } from 'vitest'
import { verifyCounters } from './kernel/counters.ts'
import { purgeTrash } from './purge-trash.ts'
import { apply, dataOf, makeBoard, makeTask, type People, type Row, signUpPeople, written } from './testing/board.ts'
import { asMarkdown, atHome, inApplication, inProject, makeDocument, makeFolder } from './testing/library.ts'
import { queryOnce } from './testing/postgres.ts'
import { startTestServer } from './testing/server.ts'

const server = await startTestServer()
afterAll(() => server.close())
const day = 86_400_000
const hour = day / 24
let people: People
let round = 0

// sessions end within the months that pass here
beforeEach(async () => {
  round += 1
  people = await signUpPeople(server, `round${round}-`)
})

const ids = async (table: string): Promise<string[]> =>
  (await queryOnce(server.databaseUrl, `select id from ${table} order by id`)).rows.map(
    row => (row as { id: string }).id,
  )

const sorted = (rows: readonly { readonly id: string }[]) => rows.map(row => row.id).toSorted()

/** Deletes now what `older` have put into the trash; whoever runs it twice, or beside another, does it once. */
const purge = async () =>
  (await Promise.all([purgeTrash(server.app.write), purgeTrash(server.app.write)])).reduce((sum, gone) => sum + gone)

// first: rows are stamped by the database's own clock, which stands still beside the server's
test('the days are counted from when a deletion arrives, whatever the clock of the one who deleted says', async () => {
  const board = await makeBoard(server, people)
  const card = await makeTask(people.member, board.projectId)
  const paper = await makeDocument(people.member, inApplication(board))
  const editedAt = new Date(server.clock.now().getTime() - 400 * day)
  const old = [
    { name: 'task.delete', args: { id: card.id } },
    { name: 'document.delete', args: { id: paper.id } },
  ]
  for (const mutation of old) await apply(people.member, [mutation], { editedAt })
  expect(await purge()).toBe(0)
  const [listed] = dataOf<{ purge_at: string }[]>(
    await people.member.get(`/api/projects/${board.projectId}/tasks/trash`),
  )
  expect(Date.parse(listed?.purge_at ?? '')).toBeGreaterThan(Date.now() + 29 * day)
  server.clock.advance(31 * day)
  expect(await purge()).toBe(2)
})

test('D67 what has been in the trash for 30 days goes for good, with what went there with it, and nothing else does', async () => {
  const board = await makeBoard(server, people)
  const card = (args: Record<string, unknown> = {}) => makeTask(people.member, board.projectId, args)
  const trash = async (kind: string, row: { readonly id: string }) =>
    written(await people.member.delete(`/api/${kind}/${row.id}`))
  const restore = async (kind: string, row: { readonly id: string }) =>
    written(await people.member.post(`/api/${kind}/${row.id}/restore`))

  const [lives, root, back] = [await card(), await card(), await card()]
  const child: Row = await card({ parent_id: root.id, task_type: 'subtask' })
  written(await people.member.post(`/api/tasks/${child.id}/comments`, { body_markdown: 'Gone with it' }))
  const list = written(await people.member.post(`/api/tasks/${child.id}/checklists`, { title: 'List' })).data
  written(await people.member.post(`/api/checklists/${list.id}/items`, { content: 'One' }))
  const folder = await makeFolder(people.member, inApplication(board))
  const inside = await makeDocument(people.member, inProject(board), asMarkdown('Tides'))
  const within = await makeDocument(people.member, { ...inApplication(board), folder_id: folder.id } as never)
  const stays = await makeDocument(people.member, inApplication(board))
  const own = await makeDocument(people.member, atHome)
  for (const row of [root, back]) await trash('tasks', row)
  await trash('document-folders', folder)
  for (const row of [inside, stays, own]) await trash('documents', row)
  server.clock.advance(10 * day)
  await restore('tasks', back)
  await restore('documents', stays)
  const later = await card()
  const paper = await makeDocument(people.member, inApplication(board))
  await trash('tasks', later)
  await trash('documents', paper)

  server.clock.advance(20 * day - hour)
  expect(await purge()).toBe(0)
  server.clock.advance(2 * hour)
  expect(await purge()).toBe(4)
  expect(await ids('tasks')).toEqual(sorted([lives, back, later]))
  expect(await ids('documents')).toEqual(sorted([stays, paper]))
  expect(await ids('document_folders')).toEqual([])
  for (const table of ['comments', 'checklists', 'checklist_items']) expect(await ids(table)).toEqual([])
  const { rows: history } = await queryOnce(
    server.databaseUrl,
    'select action from activities where task_id = any($1)',
    [[root.id, child.id]],
  )
  expect(history).toEqual([])
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select action, actor_name, actor_id from activities where entity_id = any($1) and action like '%.purge' order by 1`,
    [[root.id, child.id, folder.id, inside.id, within.id, own.id]],
  )
  // the document of the folder ended with that one
  const ended = (kind: string) => ({ action: `${kind}.purge`, actor_name: 'Skerry', actor_id: null })
  expect(rows).toEqual(['document', 'document', 'folder', 'folder', 'task', 'task'].map(ended))
  expect((await verifyCounters(server.database, false)).differing).toEqual([])

  server.clock.advance(10 * day)
  expect(await purge()).toBe(2)
  expect(await ids('tasks')).toEqual(sorted([lives, back]))
  expect(await ids('documents')).toEqual([stays.id])
  expect(await purge()).toBe(0)
})

test('a card that was moved while it was in the trash comes back and ends with what it went there with', async () => {
  const board = await makeBoard(server, people)
  const card = (args: Record<string, unknown> = {}) => makeTask(people.member, board.projectId, args)
  const [root, other] = [await card(), await card()]
  const child = await card({ parent_id: root.id })
  const path = (row: { readonly id: string }) => `/api/tasks/${row.id}`
  const alive = async (row: { readonly id: string }) =>
    dataOf<Row>(await people.member.get(path(row))).deleted_at === null
  written(await people.member.delete(path(root)))
  written(await people.member.patch(path(child), { parent_id: other.id }))
  written(await people.member.delete(path(other)))
  written(await people.member.post(`${path(root)}/restore`))
  expect(await Promise.all([root, child, other].map(alive))).toEqual([true, true, false])
  // its parent stays where it is
  expect(dataOf<Row>(await people.member.get(path(child)))).toMatchObject({ parent_id: null, depth: 0 })

  written(await people.member.patch(path(child), { parent_id: root.id }))
  written(await people.member.delete(path(root)))
  written(await people.member.patch(path(child), { parent_id: null }))
  server.clock.advance(31 * day)
  expect(await purge()).toBe(2)
  const left = await ids('tasks')
  for (const row of [root, child, other]) expect(left).not.toContain(row.id)
})

test('what cannot be ended does not keep the others', async () => {
  const board = await makeBoard(server, people)
  const cards = [await makeTask(people.member, board.projectId), await makeTask(people.member, board.projectId)]
  const paper = await makeDocument(people.member, inApplication(board))
  for (const card of cards) written(await people.member.delete(`/api/tasks/${card.id}`))
  written(await people.member.delete(`/api/documents/${paper.id}`))
  const [stuck, free] = cards.map(card => card.id).toSorted()
  await queryOnce(
    server.databaseUrl,
    `create function stay() returns trigger language plpgsql as $$ begin raise exception 'stuck'; end $$;
     create trigger stay before delete on tasks for each row when (old.id = '${stuck}') execute function stay()`,
  )
  server.clock.advance(31 * day)
  await expect(purgeTrash(server.app.write)).rejects.toThrow()
  const [left, papers] = [await ids('tasks'), await ids('documents')]
  expect([left.includes(String(stuck)), left.includes(String(free)), papers.includes(paper.id)]).toEqual([
    true,
    false,
    false,
  ])
})
