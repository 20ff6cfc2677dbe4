// Projects, their people and overrides (domain rules, sections 3, 4, 5.4, 5.5, 6.12).
import { beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import {
  apply,
  type Board,
  dataOf,
  makeBoard,
  makeTask,
  type People,
  readTask,
  type Row,
  written,
} from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board
let list: string
let url: string

beforeEach(async () => {
  board = await makeBoard(server, people)
  list = `/api/applications/${board.applicationId}/projects`
  url = `/api/projects/${board.projectId}`
})

describe('creating and changing', () => {
  test('D34 keys A and B in one application, A again is key_taken, elsewhere it is free and works', async () => {
    const create = (body: Record<string, unknown>, at = list) => people.editor.post(at, { name: 'P', ...body })
    const id = uuid7()
    expect(written(await create({ id, key: 'a1' })).data).toMatchObject({ id, key: 'A1', my_project_role: 'admin' })
    written(await create({ key: 'B' }))
    expect((await create({ key: 'a1' })).code).toBe('key_taken')
    expect((await create({ id, key: 'A1' })).code).toBe('id_taken')
    for (const key of ['1A', '', 'ABCDEFGHIJK', 'Ä', 'A-B']) expect((await create({ key })).status).toBe(422)
    const other = await makeBoard(server, people)
    const twin = written(await create({ key: 'A1' }, `/api/applications/${other.applicationId}/projects`)).data
    expect((await makeTask(people.editor, twin.id)).task_key).toBe('A1-1')
  })

  test('D35 five statuses in order, an aggregate of zeros, the creator as admin', async () => {
    const made = written(await people.editor.post(list, { name: 'Pier', key: 'PIER' })).data
    expect((made.statuses as Row[]).map(status => [status.name, status.category, status.color])).toEqual([
      ['Todo', 'todo', '#8B95A1'],
      ['In Progress', 'active', '#2F80ED'],
      ['In Review', 'review', '#9B51E0'],
      ['Issue', 'issue', '#EB5757'],
      ['Done', 'done', '#27AE60'],
    ])
    expect(made.aggregate).toMatchObject({ total_tasks: 0, todo_tasks: 0, done_tasks: 0, archived_tasks: 0 })
    const members = dataOf(await people.viewer.get(`/api/projects/${made.id}/members`))
    expect(members.map(row => [row.user_id, row.role])).toEqual([[people.editor.userId, 'admin']])
    expect(dataOf<Row>(await people.viewer.get(`/api/applications/${board.applicationId}`)).projects_count).toBe(2)
  })

  test('own statuses need one todo and one done, and at most twenty', async () => {
    const create = (statuses: unknown) => people.editor.post(list, { name: 'P', key: 'OWN', statuses })
    expect((await create([{ name: 'Only', category: 'todo' }])).status).toBe(422)
    expect((await create([])).status).toBe(422)
    const many = Array.from({ length: 21 }, (_, n) => ({ name: `S${n}`, category: n === 0 ? 'todo' : 'done' }))
    expect((await create(many)).status).toBe(422)
    const twins = await create([
      { name: 'Same', category: 'todo' },
      { name: 'same', category: 'done' },
    ])
    expect(twins.code).toBe('name_taken')
    const made = written(await create(many.slice(0, 3))).data
    expect((made.statuses as Row[]).map(status => status.name)).toEqual(['S0', 'S1', 'S2'])
  })

  test('the lead is owner or editor; key cannot change; equal values change nothing', async () => {
    expect((await people.editor.patch(url, { lead_id: people.viewer.userId })).issues).toEqual([
      'lead_id lead_not_eligible',
    ])
    expect((await people.editor.patch(url, { key: 'NEW' })).issues).toEqual(['key unknown_field'])
    expect(written(await people.editor.patch(url, { name: 'Quay', description: null }))).toMatchObject({
      txid: null,
      data: { version: 1 },
    })
    expect(written(await people.editor.patch(url, { lead_id: people.editor.userId })).data.version).toBe(2)
  })

  test('an archived project refuses changes and overrides, and comes back', async () => {
    expect(written(await people.editor.post(`${url}/archive`)).shapes).toEqual(['application', 'projects'])
    expect((await people.editor.patch(url, { name: 'x' })).code).toBe('project_archived')
    const override = { status: 'review', reason: 'x' }
    expect((await people.owner.put(`${url}/override-status`, override)).code).toBe('project_archived')
    expect((await people.owner.delete(`${url}/override-status`)).code).toBe('project_archived')
    expect(dataOf(await people.viewer.get(list))).toEqual([])
    expect(dataOf(await people.viewer.get(`${list}/archived`))).toMatchObject([
      { id: board.projectId, can_restore: false },
    ])
    expect(written(await people.editor.post(`${url}/unarchive`)).data.archived_at).toBeNull()
  })

  test('lists: search taken literally, filters, own ones, over all applications', async () => {
    written(await people.editor.post(list, { name: '50%', key: 'PCT', project_type: 'scrum', due_date: '2026-12-01' }))
    const names = async (path: string, by: keyof People = 'viewer') =>
      dataOf(await people[by].get(path)).map(row => row.name)
    expect(await names(`${list}?search=%25`)).toEqual(['50%'])
    expect(await names(`${list}?project_type=scrum`)).toEqual(['50%'])
    expect(await names(`${list}/my`)).toEqual([])
    expect(await names(`${list}/my?all=true`)).toEqual(['50%', 'Quay'])
    expect(await names(`${list}/my`, 'editor')).toEqual(['50%'])
    const mine = dataOf(await people.member.get('/api/me/projects?limit=200')).map(row => row.id)
    expect(mine).toContain(board.projectId)
    expect(dataOf(await people.stranger.get('/api/me/projects'))).toEqual([])
  })

  test('deleting takes tasks and columns along', async () => {
    const task = await makeTask(people.member, board.projectId)
    expect((await people.editor.delete(url)).code).toBe('forbidden')
    expect((await people.admin.delete(url)).status).toBe(200)
    expect((await people.member.get(`/api/tasks/${task.id}`)).code).toBe('not_found')
    expect(dataOf<Row>(await people.viewer.get(`/api/applications/${board.applicationId}`)).projects_count).toBe(0)
  })
})

describe('override', () => {
  const override = (body: Record<string, unknown>, by: keyof People = 'owner') =>
    people[by].put(`${url}/override-status`, body)

  test('D42 needs a reason, an owner, and an end that lies ahead', async () => {
    expect((await override({ status: 'review' })).issues).toEqual(['reason required'])
    expect((await override({ reason: 'x' })).issues).toEqual(['status required'])
    expect((await override({ status: 'review', reason: 'x' }, 'editor')).code).toBe('forbidden')
    expect((await override({ status: 'review', reason: 'x' }, 'admin')).code).toBe('forbidden')
    const past = await override({ status: 'review', reason: 'x', expires_at: '2020-01-01T00:00:00Z' })
    expect(past.issues).toEqual(['expires_at out_of_range'])
    expect((await people.viewer.get(url)).text).toContain('"override_status":null')
  })

  test('D43 filtered, listed and counted by effective_status; the aliases and a status_id work', async () => {
    const answer = await override({ override_status: 'issue', override_reason: 'Storm' })
    expect(written(answer).data).toMatchObject({
      override_status: 'issue',
      override_by_id: people.owner.userId,
      effective_status: 'issue',
      derived_status: 'todo',
    })
    for (const path of [list, `${list}/my`, '/api/me/projects']) {
      const found = dataOf(await people.member.get(`${path}?status=issue`)).map(row => row.id)
      expect(found).toContain(board.projectId)
      const derived = dataOf(await people.member.get(`${path}?status=todo`)).map(row => row.id)
      expect(derived).not.toContain(board.projectId)
    }
    await makeTask(people.member, board.projectId, { status_id: board.statuses.active })
    expect(dataOf<Row>(await people.viewer.get(url))).toMatchObject({
      derived_status: 'active',
      effective_status: 'issue',
    })
    const cleared = written(await people.owner.delete(`${url}/override-status`))
    expect(cleared.data).toMatchObject({ override_status: null, effective_status: 'active' })
    expect(written(await people.owner.delete(`${url}/override-status`)).txid).toBeNull()
    const byColumn = await override({ status_id: board.statuses.review, reason: 'Look' })
    expect(written(byColumn).data.effective_status).toBe('review')
  })

  test('D41 after its end reads show the derived status', async () => {
    written(
      await override({ status: 'done', reason: 'x', expires_at: new Date(server.clock.now().getTime() + 60_000) }),
    )
    expect(dataOf<Row>(await people.viewer.get(url)).effective_status).toBe('done')
    await queryOnce(
      server.databaseUrl,
      `alter table projects disable trigger user; update projects set override_expires_at = now() - interval '1 second' where id = '${board.projectId}'; alter table projects enable trigger user`,
    )
    expect(dataOf<Row>(await people.viewer.get(url)).effective_status).toBe('todo')
    const full = dataOf<{ project: Row }>(await people.viewer.get(`${url}/full`))
    expect(full.project.effective_status).toBe('todo')
    expect(dataOf(await people.viewer.get(`${list}?status=done`))).toEqual([])
  })

  test('the four columns are one unit: an older override loses whole', async () => {
    const start = server.clock.now().getTime()
    server.clock.advance(60_000)
    const set = (m: number, args: Record<string, unknown>) =>
      apply(people.owner, [{ name: 'project.set_override', args: { id: board.projectId, ...args } }], {
        editedAt: new Date(start + m * 1000),
      })
    await set(20, { status: 'review', reason: 'Later' })
    const late = await set(10, { status: 'done', reason: 'Earlier' })
    expect(late).toMatchObject({
      txid: null,
      results: [{ data: { override_status: 'review', override_reason: 'Later' } }],
    })
    expect(late.results?.[0]?.superseded).toHaveLength(1)
  })
})

describe('people of the project', () => {
  const members = () => `${url}/members`

  test('D44 the last admin cannot be demoted, removed or leave; an owner may remove the row', async () => {
    written(await people.owner.delete(`${members()}/${people.owner.userId}`))
    const last = `${members()}/${people.admin.userId}`
    expect((await people.owner.patch(last, { role: 'member' })).code).toBe('last_admin')
    expect((await people.admin.delete(last)).code).toBe('last_admin')
    expect((await people.admin.post(`${members()}/leave`)).code).toBe('last_admin')
    expect((await people.owner.delete(last)).status).toBe(200)
    expect(dataOf(await people.viewer.get(`${members()}/count`))).toEqual({ total: 1 })
  })

  test('D45 a member leaves by himself; assignable answers owners and project editors', async () => {
    const assignable = async () =>
      dataOf(await people.viewer.get(`${members()}/assignable`))
        .map(row => String(row.user_id))
        .toSorted()
    expect(await assignable()).toEqual([people.owner.userId, people.admin.userId, people.member.userId].toSorted())
    expect((await people.viewer.post(`${members()}/leave`)).code).toBe('forbidden')
    expect((await people.stranger.post(`${members()}/leave`)).code).toBe('not_found')
    written(await people.member.post(`${members()}/leave`))
    expect(await assignable()).toEqual([people.owner.userId, people.admin.userId].toSorted())
    const check = (id: string) => people.viewer.get(`${members()}/check/${id}`)
    expect(dataOf(await check(people.member.userId))).toEqual({ is_member: false, role: null })
    expect(dataOf(await check(people.admin.userId))).toEqual({ is_member: true, role: 'admin' })
  })

  test('open tasks: refused with ids, reassigned, unassigned; owners keep theirs', async () => {
    const task = await makeTask(people.member, board.projectId, {
      assignee_id: people.member.userId,
      status_id: board.statuses.active,
    })
    const leave = (body: Record<string, unknown> = {}) => people.member.post(`${members()}/leave`, body)
    const refused = await leave()
    expect(refused.code).toBe('has_active_tasks')
    expect((refused.body as { error: { details: unknown } }).error.details).toEqual({ active_task_ids: [task.id] })
    written(await leave({ open_tasks: 'reassign', to_user_id: people.owner.userId }))
    expect(await readTask(people.viewer, task.id)).toMatchObject({
      assignee_id: people.owner.userId,
      status_id: board.statuses.active,
    })
    written(await people.admin.delete(`${members()}/${people.owner.userId}`))
    expect((await readTask(people.viewer, task.id)).assignee_id).toBe(people.owner.userId)
  })

  test('only owners and editors of the application are added, once; a changed role is logged', async () => {
    const add = (id: string, role = 'member') => people.admin.post(members(), { user_id: id, role })
    expect((await add(people.viewer.userId)).issues).toEqual(['user_id role_not_allowed'])
    expect((await add(people.stranger.userId)).issues).toEqual(['user_id role_not_allowed'])
    expect((await add(people.editor.userId)).status).toBe(201)
    expect((await add(people.editor.userId)).code).toBe('already_member')
    const row = `${members()}/${people.editor.userId}`
    expect(written(await people.admin.patch(row, { role: 'admin' })).data).toMatchObject({ role: 'admin', version: 2 })
    expect(written(await people.admin.patch(`${row}/role`, { role: 'admin' })).txid).toBeNull()
    const [entry] = dataOf<{ action: string; changes: unknown }[]>(
      await people.viewer.get(`${url}/activity?action=project_member.`),
    )
    expect(entry).toMatchObject({
      action: 'project_member.set_role',
      changes: { role: { old: 'member', new: 'admin' } },
    })
  })
})
