// Archive, trash, restore, purge, and the counters that follow (domain rules, sections 6.8 to 6.11).
import { beforeEach, describe, expect, test } from 'vitest'
import { verifyCounters } from '#server/kernel/counters.ts'
import {
  activityOf,
  apply,
  type Board,
  column,
  dataOf,
  makeBoard,
  makeTask,
  readTask,
  type Row,
  written,
} from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board

beforeEach(async () => {
  board = await makeBoard(server, people)
})

const create = (args: Record<string, unknown> = {}) => makeTask(people.member, board.projectId, args)
const trash = async (id: string) => written(await people.member.delete(`/api/tasks/${id}`))
const restore = async (id: string) => written(await people.member.post(`/api/tasks/${id}/restore`))
const archive = async (id: string) => written(await people.member.post(`/api/tasks/${id}/archive`))
const unarchive = async (id: string) => written(await people.member.post(`/api/tasks/${id}/unarchive`))
const listed = async (which = '') => dataOf(await people.viewer.get(`/api/projects/${board.projectId}/tasks${which}`))
const project = async () => dataOf<Row>(await people.viewer.get(`/api/projects/${board.projectId}`))
const counts = async () => (await project()).aggregate as Record<string, number>

describe('trash', () => {
  test('D64 trashing hides the card and all descendants; restoring brings exactly those back', async () => {
    const root = await create()
    const child = await create({ parent_id: root.id, status_id: board.statuses.active })
    const grandchild = await create({ parent_id: child.id, status_id: board.statuses.done })
    const gone = await create({ parent_id: root.id })
    await trash(gone.id)
    server.clock.advance(1000)
    const answer = await trash(root.id)
    expect(answer.data).toMatchObject({ deleted_by_id: people.member.userId, trash_root_id: root.id })
    expect(await listed()).toEqual([])
    const board1 = dataOf<{ tasks: Row[] }>(await people.viewer.get(`/api/projects/${board.projectId}/full`))
    expect(board1.tasks).toEqual([])
    expect(dataOf(await people.member.get('/api/me/tasks'))).toEqual([])
    const inTrash = await listed('/trash')
    expect(inTrash.map(row => row.id)).toEqual(expect.arrayContaining([root.id, child.id, grandchild.id, gone.id]))
    expect(inTrash[0]).toMatchObject({ can_restore: false, purge_at: expect.any(String) })

    await restore(root.id)
    expect((await listed()).map(row => row.id).toSorted()).toEqual([root.id, child.id, grandchild.id].toSorted())
    expect(await readTask(people.viewer, grandchild.id)).toMatchObject({
      status_id: board.statuses.done,
      rank: grandchild.rank,
      parent_id: child.id,
      trash_root_id: null,
    })
    expect((await readTask(people.viewer, gone.id)).deleted_at).not.toBeNull()
  })

  test('D65 a child restored alone is detached from a parent that stays in the trash', async () => {
    const root = await create()
    const child = await create({ parent_id: root.id, task_type: 'subtask' })
    const below = await create({ parent_id: child.id, task_type: 'subtask' })
    await trash(root.id)
    const answer = await restore(child.id)
    expect(answer.data).toMatchObject({ parent_id: null, task_type: 'task', depth: 0, deleted_at: null })
    expect(await readTask(people.viewer, below.id)).toMatchObject({ parent_id: child.id, depth: 1, deleted_at: null })
    await restore(root.id)
    expect(await readTask(people.viewer, root.id)).toMatchObject({ deleted_at: null, subtask_total: 0 })
    const again = await people.member.post(`/api/tasks/${root.id}/restore`)
    expect([again.status, again.code]).toEqual([409, 'not_in_trash'])
  })

  test('trashing twice changes nothing', async () => {
    const task = await create()
    const first = await trash(task.id)
    const second = await trash(task.id)
    expect(second).toMatchObject({ txid: null, data: { version: first.data.version } })
  })

  test('purge: from the trash only, with everything below, leaving one activity', async () => {
    const root = await create()
    const child = await create({ parent_id: root.id })
    written(await people.viewer.post(`/api/tasks/${child.id}/comments`, { body_markdown: 'Bye' }))
    const list = written(await people.member.post(`/api/tasks/${child.id}/checklists`, { title: 'List' })).data
    written(await people.member.post(`/api/checklists/${list.id}/items`, { content: 'One' }))
    const early = await people.admin.delete(`/api/tasks/${root.id}/permanent`)
    expect([early.status, early.code]).toEqual([409, 'not_in_trash'])
    await trash(root.id)
    expect((await people.member.delete(`/api/tasks/${root.id}/permanent`)).code).toBe('forbidden')
    expect((await people.admin.delete(`/api/tasks/${root.id}/permanent`)).body).toMatchObject({ data: { id: root.id } })
    expect((await people.owner.get(`/api/tasks/${child.id}`)).status).toBe(404)
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select (select count(*) from comments where task_id = $1)::int as comments,
              (select count(*) from checklist_items where task_id = $1)::int as items,
              (select count(*) from activities where task_id in ($1, $2))::int as old_activity,
              (select count(*) from activities where entity_id = $2 and action = 'task.purge')::int as purged,
              (select count(*) from field_clocks where entity_id in ($1, $2, $3))::int as clocks`,
      [child.id, root.id, list.id],
    )
    expect(rows).toEqual([{ comments: 0, items: 0, old_activity: 0, purged: 1, clocks: 0 }])
  })

  test('an unfinished task that returns with an assignee who may no longer have it loses him', async () => {
    await people.owner.patch(`/api/projects/${board.projectId}`, { require_assignee: true })
    const task = await create({ assignee_id: people.member.userId, status_id: board.statuses.active })
    await trash(task.id)
    written(await people.admin.delete(`/api/projects/${board.projectId}/members/${people.member.userId}`))
    const back = written(await people.admin.post(`/api/tasks/${task.id}/restore`))
    expect(back).toMatchObject({
      warnings: ['assignee_cleared'],
      data: { assignee_id: null, status_id: board.statuses.todo, deleted_at: null },
    })
  })
})

describe('archive', () => {
  test('an archived card is out of lists and read-only but for unarchive, trash and comments', async () => {
    const task = await create({ status_id: board.statuses.done })
    server.clock.advance(1000)
    const archived = await archive(task.id)
    expect(archived.data).toMatchObject({
      archived_at: server.clock.now().toISOString(),
      status_id: board.statuses.done,
    })
    expect((await archive(task.id)).txid).toBeNull()
    expect(await listed()).toEqual([])
    expect(await listed('/archived')).toMatchObject([{ id: task.id, can_restore: false }])
    server.clock.advance(1000)
    expect((await people.member.patch(`/api/tasks/${task.id}`, { title: 'x' })).code).toBe('task_archived')
    expect((await people.member.put(`/api/tasks/${task.id}/move`, { status_id: board.statuses.todo })).code).toBe(
      'task_archived',
    )
    expect((await people.viewer.post(`/api/tasks/${task.id}/comments`, { body_markdown: 'Hi' })).status).toBe(201)
    const back = await unarchive(task.id)
    expect(back.data).toMatchObject({ archived_at: null, completed_at: task.completed_at })
    expect(back.data.unarchived_at).not.toBeNull()
    await archive(task.id)
    await trash(task.id)
    expect(await listed('/archived')).toEqual([])
  })

  test('D61 unarchiving brings an archived project back', async () => {
    const task = await create()
    await archive(task.id)
    written(await people.editor.post(`/api/projects/${board.projectId}/archive`))
    await unarchive(task.id)
    expect((await project()).archived_at).toBeNull()
  })

  test('D63 reading archived lists writes nothing', async () => {
    const task = await create()
    await archive(task.id)
    written(await people.editor.post(`/api/projects/${board.projectId}/archive`))
    const state = () =>
      queryOnce(
        server.databaseUrl,
        'select (select max(id::text) from activities) as a, (select sum(version) from tasks) as b, (select sum(version) from projects) as c',
      )
    const before = (await state()).rows
    for (const path of [
      `/api/projects/${board.projectId}/tasks/archived`,
      `/api/projects/${board.projectId}/tasks/trash`,
      `/api/applications/${board.applicationId}/projects/archived`,
      `/api/applications/${board.applicationId}/tasks/my/archived`,
    ]) {
      dataOf(await people.viewer.get(path))
    }
    expect((await state()).rows).toEqual(before)
  })
})

describe('counters and derived status', () => {
  test('D69 after every step the aggregate equals a recount', async () => {
    const root = await create()
    const child = await create({ parent_id: root.id, status_id: board.statuses.review })
    const steps = [
      () => archive(child.id),
      () => trash(root.id),
      () => restore(child.id),
      () => unarchive(child.id),
      () => restore(root.id),
      () => archive(root.id),
      () => trash(root.id),
      () => restore(root.id),
      () => unarchive(root.id),
    ]
    for (const [index, step] of steps.entries()) {
      await step()
      const { differing } = await verifyCounters(server.database, false)
      expect([index, differing]).toEqual([index, []])
    }
    expect(await counts()).toMatchObject({ total_tasks: 2, todo_tasks: 1, review_tasks: 1, archived_tasks: 0 })
  })

  test('D69 the verify command finds a wrong counter and repairs it', async () => {
    const task = await create()
    await queryOnce(server.databaseUrl, 'update tasks set comment_count = 7 where id = $1', [task.id])
    const found = await verifyCounters(server.database, true)
    expect(found.differing).toEqual([{ table: 'tasks', id: task.id, counter: 'comment_count', stored: 7, counted: 0 }])
    expect(found.repaired).toBe(1)
    expect(await readTask(people.viewer, task.id)).toMatchObject({ comment_count: 0, version: 1 })
    expect((await verifyCounters(server.database, false)).differing).toEqual([])
  })

  test('D40 derived status, line by line', async () => {
    const { todo, active, review, issue, done } = board.statuses
    const derived = async () => (await project()).derived_status
    expect(await derived()).toBe('todo')
    const first = await create({ status_id: active })
    expect(await derived()).toBe('active')
    const second = await create({ status_id: review })
    written(await people.member.put(`/api/tasks/${first.id}/move`, { status_id: review }))
    expect(await derived()).toBe('active')
    const third = await create({ status_id: todo })
    expect(await derived()).toBe('todo')
    written(await people.member.put(`/api/tasks/${second.id}/move`, { status_id: issue }))
    expect(await derived()).toBe('issue')
    for (const { id } of [first, second, third]) {
      written(await people.member.put(`/api/tasks/${id}/move`, { status_id: done }))
    }
    expect(await derived()).toBe('done')
    for (const { id } of [first, second, third]) await archive(id)
    expect(await counts()).toMatchObject({ total_tasks: 0, archived_tasks: 3, archived_done_tasks: 3 })
    expect(await derived()).toBe('done')
    for (const { id } of [first, second, third]) await trash(id)
    expect(await derived()).toBe('todo')
  })

  test('a change of the derived status is one activity and one touched shape', async () => {
    const answer = written(
      await people.member.post(`/api/projects/${board.projectId}/tasks`, {
        title: 'x',
        status_id: board.statuses.active,
      }),
    )
    expect(answer.shapes).toEqual(['project_aggregates', 'projects', 'tasks'])
    const entries = dataOf<{ action: string; changes: unknown }[]>(
      await people.viewer.get(`/api/projects/${board.projectId}/activity?action=project.status_changed`),
    )
    expect(entries).toMatchObject([{ changes: { derived_status: { old: 'todo', new: 'active' } } }])
    await create({ status_id: board.statuses.active })
    expect(
      dataOf(await people.viewer.get(`/api/projects/${board.projectId}/activity?action=project.status_changed`)),
    ).toHaveLength(1)
  })

  test('what another person ticks, trashes and comments is counted in the same transaction', async () => {
    const task = await create()
    const list = written(await people.member.post(`/api/tasks/${task.id}/checklists`, { title: 'List' })).data
    await apply(people.member, [
      { name: 'checklist_item.create', args: { checklist_id: list.id, content: 'a', is_done: true } },
      { name: 'checklist_item.create', args: { checklist_id: list.id, content: 'b' } },
      { name: 'comment.create', args: { task_id: task.id, body_markdown: 'x' } },
    ])
    expect(await readTask(people.viewer, task.id)).toMatchObject({
      checklist_total: 2,
      checklist_done: 1,
      comment_count: 1,
    })
    expect((await activityOf(people.viewer, task.id)).map(entry => entry.action)).toEqual(
      expect.arrayContaining(['comment.create', 'checklist_item.create', 'checklist.create', 'task.create']),
    )
    expect(await column(people.viewer, board.projectId, board.statuses.todo)).toEqual([task.id])
  })
})
