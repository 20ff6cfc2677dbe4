// The end of the trash after 30 days, on a whole server (domain rules, sections 6.8, 8.9 and 13).
import { expect, test } from 'vitest'
import { verifyCounters } from './kernel/counters.ts'
import { purgeTrash } from './purge-trash.ts'
import { makeBoard, makeTask, type Row, written } from './testing/board.ts'
import { asMarkdown, atHome, inApplication, inProject, makeDocument, makeFolder } from './testing/library.ts'
import { queryOnce } from './testing/postgres.ts'
import { startWithPeople } from './testing/with-people.ts'

const { server, people } = await startWithPeople()
const day = 86_400_000

const ids = async (table: string): Promise<string[]> =>
  (await queryOnce(server.databaseUrl, `select id from ${table} order by id`)).rows.map(
    row => (row as { id: string }).id,
  )

const sorted = (rows: readonly { readonly id: string }[]) => rows.map(row => row.id).toSorted()

/** Deletes now what `older` have put into the trash; whoever runs it twice, or beside another, does it once. */
const purge = async () =>
  (await Promise.all([purgeTrash(server.app.write), purgeTrash(server.app.write)])).reduce((sum, gone) => sum + gone)

test('what has been in the trash for 30 days goes for good, with what went there with it, and nothing else does', async () => {
  const board = await makeBoard(server, people)
  const card = (args: Record<string, unknown> = {}) => makeTask(people.member, board.projectId, args)
  const trash = async (kind: string, row: { readonly id: string }) =>
    written(await people.member.delete(`/api/${kind}/${row.id}`))
  const restore = async (kind: string, row: { readonly id: string }) =>
    written(await people.member.post(`/api/${kind}/${row.id}/restore`))

  const [lives, root, back] = [await card(), await card(), await card()]
  const child: Row = await card({ parent_id: root.id, task_type: 'subtask' })
  written(await people.member.post(`/api/tasks/${child.id}/comments`, { body_markdown: 'Gone with it' }))
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

  server.clock.advance(20 * day - 1000)
  expect(await purge()).toBe(0)
  server.clock.advance(2000)
  expect(await purge()).toBe(4)
  expect(await ids('tasks')).toEqual(sorted([lives, back, later]))
  expect(await ids('documents')).toEqual(sorted([stays, paper]))
  expect(await ids('document_folders')).toEqual([])
  expect(await ids('comments')).toEqual([])
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
