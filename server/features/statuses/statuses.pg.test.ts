// Columns (domain rules, sections 3, 4, 5.6 and 6.1).
import { beforeEach, expect, test } from 'vitest'
import { verifyCounters } from '#server/kernel/counters.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { type Board, column, dataOf, makeBoard, makeTask, readTask, type Row, written } from '#server/testing/board.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board
let list: string

beforeEach(async () => {
  board = await makeBoard(server, people)
  list = `/api/projects/${board.projectId}/statuses`
})

const names = async () => dataOf(await people.viewer.get(list)).map(row => row.name)
const status = (id: string) => `/api/statuses/${id}`
const remove = (id: string, target?: string) =>
  people.admin.delete(`${status(id)}${target === undefined ? '' : `?target_status_id=${target}`}`)

test('D36 created, renamed, recoloured, moved and deleted', async () => {
  const id = uuid7()
  const made = written(
    await people.admin.post(list, { id, name: 'Blocked', category: 'issue', after_id: board.statuses.todo }),
  )
  expect(made.data).toMatchObject({ id, color: '#EB5757', version: 1 })
  expect(await names()).toEqual(['Todo', 'Blocked', 'In Progress', 'In Review', 'Issue', 'Done'])
  expect((await people.admin.post(list, { id, name: 'Blocked', category: 'issue' })).code).toBe('id_taken')
  expect((await people.admin.post(list, { name: 'BLOCKED', category: 'todo' })).code).toBe('name_taken')
  expect(written(await people.admin.patch(status(id), { name: 'Waiting', color: '#aabbcc' })).data).toMatchObject({
    name: 'Waiting',
    color: '#AABBCC',
    version: 2,
  })
  expect(written(await people.admin.patch(status(id), { name: 'Waiting' })).txid).toBeNull()
  expect((await people.admin.patch(status(id), { name: 'todo' })).code).toBe('name_taken')
  expect((await people.admin.patch(status(id), { category: 'done' })).issues).toContain('category unknown_field')
  written(await people.admin.post(`${status(id)}/move`, { before_id: board.statuses.todo }))
  expect((await names())[0]).toBe('Waiting')
  expect(written(await people.admin.post(`${status(id)}/move`, { after_id: uuid7() })).txid).toBeNull()
  written(await remove(id))
  expect(await names()).toEqual(['Todo', 'In Progress', 'In Review', 'Issue', 'Done'])
})

test('D36 renaming every status changes no counter and no rule', async () => {
  await makeTask(people.member, board.projectId)
  const task = await makeTask(people.member, board.projectId, { status_id: board.statuses.done })
  for (const [index, id] of Object.values(board.statuses).entries()) {
    written(await people.admin.patch(status(id), { name: `Column ${index}` }))
  }
  const { differing } = await verifyCounters(server.database, false)
  expect(differing).toEqual([])
  const project = dataOf<Row>(await people.viewer.get(`/api/projects/${board.projectId}`))
  expect(project.aggregate).toMatchObject({ todo_tasks: 1, done_tasks: 1 })
  expect((await makeTask(people.member, board.projectId)).status_id).toBe(board.statuses.todo)
  expect((await readTask(people.viewer, task.id)).completed_at).not.toBeNull()
  expect(dataOf(await people.viewer.get(list)).map(row => row.task_count)).toEqual([2, 0, 0, 0, 1])
})

test('D37 a column with tasks needs a target; they land at its end, completed_at follows', async () => {
  const { active, done, todo } = board.statuses
  const there = await makeTask(people.member, board.projectId, { status_id: done })
  const first = await makeTask(people.member, board.projectId, { status_id: active })
  const second = await makeTask(people.member, board.projectId, { status_id: active })
  const hidden = await makeTask(people.member, board.projectId, { status_id: active })
  await people.member.delete(`/api/tasks/${hidden.id}`)
  expect((await remove(active)).code).toBe('status_not_empty')
  expect((await remove(active, active)).issues).toEqual(['target_status_id status_foreign'])
  const other = await makeBoard(server, people)
  expect((await remove(active, other.statuses.todo)).issues).toEqual(['target_status_id status_foreign'])
  written(await remove(active, done))
  expect(await column(people.viewer, board.projectId, done)).toEqual([there.id, first.id, second.id])
  expect((await readTask(people.viewer, first.id)).completed_at).not.toBeNull()
  expect((await readTask(people.viewer, hidden.id)).status_id).toBe(done)
  const later = written(await people.admin.post(list, { name: 'Later', category: 'done' })).data
  written(await people.member.put(`/api/tasks/${second.id}/move`, { status_id: later.id }))
  written(await remove(later.id, todo))
  expect(await readTask(people.viewer, second.id)).toMatchObject({ status_id: todo, completed_at: null })
  expect((await verifyCounters(server.database, false)).differing).toEqual([])
})

test('D38 the last todo and the last done status stay', async () => {
  for (const id of [board.statuses.todo, board.statuses.done]) {
    expect((await remove(id, board.statuses.active)).code).toBe('last_of_category')
  }
  const second = written(await people.admin.post(list, { name: 'Backlog', category: 'todo' })).data
  written(await remove(board.statuses.todo))
  expect((await remove(second.id)).code).toBe('last_of_category')
  expect((await makeTask(people.member, board.projectId)).status_id).toBe(second.id)
})

test('unassigned tasks do not go to a column that needs an assignee', async () => {
  const second = written(await people.admin.post(list, { name: 'Backlog', category: 'todo' })).data
  const task = await makeTask(people.member, board.projectId, { status_id: second.id })
  written(await people.owner.patch(`/api/projects/${board.projectId}`, { require_assignee: true }))
  const refused = await remove(second.id, board.statuses.active)
  expect([refused.code, (refused.body as { error: { details: unknown } }).error.details]).toEqual([
    'unassigned_tasks',
    { task_ids: [task.id] },
  ])
  written(await remove(second.id, board.statuses.todo))
})

test('D86 at most twenty columns', async () => {
  for (let n = 6; n <= 20; n += 1) written(await people.admin.post(list, { name: `C${n}`, category: 'active' }))
  expect((await people.admin.post(list, { name: 'C21', category: 'active' })).code).toBe('limit_reached')
  expect(await names()).toHaveLength(20)
})

test('columns are for project admins', async () => {
  for (const by of [people.member, people.editor, people.viewer]) {
    expect((await by.post(list, { name: 'x', category: 'todo' })).code).toBe('forbidden')
    expect((await by.delete(status(board.statuses.review))).code).toBe('forbidden')
  }
  expect((await people.stranger.patch(status(board.statuses.review), { name: 'x' })).code).toBe('not_found')
})
