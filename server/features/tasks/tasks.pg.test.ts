// Tasks: creating, fields, assignees, hierarchy (domain rules, sections 6.2, 6.5, 6.6, 6.7).
import { beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import {
  activityOf,
  apply,
  type Board,
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

const create = (args: Record<string, unknown> = {}, by = people.member) => makeTask(by, board.projectId, args)
const tasks = () => `/api/projects/${board.projectId}/tasks`

describe('creating', () => {
  test('D1 a client id is stored as it is; the same create again is id_taken', async () => {
    const id = uuid7()
    const answer = await people.member.post(tasks(), { id, title: 'One' })
    expect(answer.status).toBe(201)
    expect(written(answer).data).toMatchObject({ id, number: 1, task_key: 'SKR-1', version: 1 })
    const again = await people.member.post(tasks(), { id, title: 'One' })
    expect([again.status, again.code]).toEqual([409, 'id_taken'])
    expect(await readTask(people.viewer, id)).toMatchObject({ id, title: 'One' })
  })

  test('D2 an id that is no UUIDv7 is 422 at id', async () => {
    const answer = await people.member.post(tasks(), { id: '3b241101-e2bb-4255-8caf-4136c566a962', title: 'One' })
    expect([answer.status, answer.issues]).toEqual([422, ['id bad_format']])
  })

  test('D8 three faults are three issues, each with path and code', async () => {
    const answer = await people.member.post(tasks(), { title: '', priority: 'urgent', depth: 3 })
    expect(answer.status).toBe(422)
    expect(answer.issues).toEqual(['depth unknown_field', 'priority not_in_enum', 'title too_short'])
  })

  test('D46 ten parallel creates give ten consecutive numbers; a purged number is not used again', async () => {
    const rows = await Promise.all(Array.from({ length: 10 }, () => create()))
    expect(rows.map(row => row.number).toSorted((a, b) => Number(a) - Number(b))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ])
    const last = rows.find(row => row.number === 10)?.id
    await people.admin.delete(`/api/tasks/${last}`)
    expect((await people.admin.delete(`/api/tasks/${last}/permanent`)).status).toBe(200)
    expect((await create()).number).toBe(11)
  })

  test('D47 500 characters fit, 501 do not; critical is stored as highest', async () => {
    // length counts characters as people see code points, not UTF-16 units
    const row = await create({ title: '🚢'.repeat(500), priority: 'critical' })
    expect(row).toMatchObject({ title: '🚢'.repeat(500), priority: 'highest' })
    const long = await people.member.post(tasks(), { title: 'x'.repeat(501) })
    expect([long.status, long.issues]).toEqual([422, ['title too_long']])
  })

  test('a new card goes to the bottom of the first todo column; its reporter is the caller', async () => {
    const first = await create()
    const second = await create()
    expect(first).toMatchObject({ status_id: board.statuses.todo, reporter_id: people.member.userId, depth: 0 })
    expect(first.rank < second.rank).toBe(true)
    const top = await create({ position: 'top' })
    expect(top.rank < first.rank).toBe(true)
  })

  test('a reporter who is no member, a status, a parent of another project are refused', async () => {
    const other = await makeBoard(server, people)
    const foreign = await makeTask(people.owner, other.projectId)
    const answers = await Promise.all([
      people.member.post(tasks(), { title: 'x', reporter_id: people.stranger.userId }),
      people.member.post(tasks(), { title: 'x', status_id: other.statuses.todo }),
      people.member.post(tasks(), { title: 'x', parent_id: foreign.id }),
    ])
    expect(answers.map(answer => answer.issues)).toEqual([
      ['reporter_id reporter_not_member'],
      ['status_id status_foreign'],
      ['parent_id parent_foreign'],
    ])
    expect(dataOf(await people.viewer.get(tasks()))).toEqual([])
    expect((await create({ reporter_id: people.viewer.userId })).reporter_id).toBe(people.viewer.userId)
  })

  test('import fields are unknown to everybody else', async () => {
    const answer = await people.owner.post(tasks(), { title: 'x', number: 7, archived_at: '2026-01-01T00:00:00Z' })
    expect(answer.issues).toEqual(['archived_at unknown_field', 'number unknown_field'])
  })

  test('D62 a new task brings an archived project back', async () => {
    expect((await people.owner.post(`/api/projects/${board.projectId}/archive`)).status).toBe(200)
    await create()
    const project = dataOf<Row>(await people.owner.get(`/api/projects/${board.projectId}`))
    expect(project.archived_at).toBeNull()
    expect(project.unarchived_at).not.toBeNull()
    const application = dataOf<Row>(await people.owner.get(`/api/applications/${board.applicationId}`))
    expect(application.projects_count).toBe(1)
  })
})

describe('assignees', () => {
  test('D48 only owners and editors with a project row can be given a task', async () => {
    for (const person of [people.viewer, people.editor, people.stranger]) {
      const answer = await people.member.post(tasks(), { title: 'x', assignee_id: person.userId })
      expect(answer.issues).toEqual(['assignee_id assignee_not_eligible'])
    }
    for (const person of [people.owner, people.admin, people.member]) {
      expect((await create({ assignee_id: person.userId })).assignee_id).toBe(person.userId)
    }
  })

  test('D49 with require_assignee an unassigned task stays in todo', async () => {
    await people.owner.patch(`/api/projects/${board.projectId}`, { require_assignee: true })
    const task = await create()
    const refusals = [
      await people.member.put(`/api/tasks/${task.id}/move`, { status_id: board.statuses.active }),
      await people.member.post(tasks(), { title: 'x', status_id: board.statuses.done }),
    ]
    expect(refusals.map(answer => answer.issues)).toEqual([
      ['assignee_id assignee_required'],
      ['assignee_id assignee_required'],
    ])
    expect((await readTask(people.member, task.id)).status_id).toBe(board.statuses.todo)
    written(
      await people.member.patch(`/api/tasks/${task.id}`, {
        status_id: board.statuses.active,
        assignee_id: people.member.userId,
      }),
    )
    const cleared = await people.member.patch(`/api/tasks/${task.id}`, { assignee_id: null })
    expect(cleared.issues).toEqual(['assignee_id assignee_required'])
    const both = await people.member.patch(`/api/tasks/${task.id}`, {
      assignee_id: null,
      status_id: board.statuses.todo,
    })
    expect(written(both).data).toMatchObject({ assignee_id: null, status_id: board.statuses.todo })
  })

  test('a task that leaves done needs an assignee who may still have it', async () => {
    const task = await create({ status_id: board.statuses.done, assignee_id: people.member.userId })
    written(await people.admin.delete(`/api/projects/${board.projectId}/members/${people.member.userId}`))
    const reopened = await people.admin.patch(`/api/tasks/${task.id}`, { status_id: board.statuses.active })
    expect(reopened.issues).toEqual(['assignee_id assignee_not_eligible'])
    const handed = await people.admin.patch(`/api/tasks/${task.id}`, {
      status_id: board.statuses.active,
      assignee_id: people.admin.userId,
    })
    expect(written(handed).data).toMatchObject({ assignee_id: people.admin.userId, completed_at: null })
  })
})

describe('hierarchy', () => {
  const chain = async (length: number): Promise<Row[]> => {
    const rows: Row[] = []
    for (let level = 0; level < length; level += 1) {
      rows.push(await create(level === 0 ? {} : { parent_id: rows[level - 1]?.id }))
    }
    return rows
  }

  test('D51 loops of any length, a seventh level and a subtask without parent are 422', async () => {
    const rows = await chain(6)
    expect((await readTask(people.member, rows[5]?.id ?? '')).depth).toBe(5)
    const seventh = await people.member.post(tasks(), { title: 'x', parent_id: rows[5]?.id })
    expect(seventh.issues).toEqual(['parent_id depth_exceeded'])
    for (const end of [0, 1, 5]) {
      const loop = await people.member.patch(`/api/tasks/${rows[0]?.id}`, { parent_id: rows[end]?.id })
      expect(loop.issues).toEqual(['parent_id parent_cycle'])
    }
    const alone = await people.member.post(tasks(), { title: 'x', task_type: 'subtask' })
    expect(alone.issues).toEqual(['parent_id subtask_requires_parent'])
    const child = await create({ parent_id: rows[0]?.id, task_type: 'subtask' })
    expect((await people.member.patch(`/api/tasks/${child.id}`, { parent_id: null })).issues).toEqual([
      'parent_id subtask_requires_parent',
    ])
  })

  test('D51 depth counts for the whole moved subtree', async () => {
    const rows = await chain(4)
    const root = await create()
    const below = await create({ parent_id: root.id })
    const deep = await create({ parent_id: below.id })
    expect((await people.member.patch(`/api/tasks/${root.id}`, { parent_id: rows[3]?.id })).issues).toEqual([
      'parent_id depth_exceeded',
    ])
    expect((await readTask(people.member, deep.id)).depth).toBe(2)
    written(await people.member.patch(`/api/tasks/${root.id}`, { parent_id: rows[2]?.id }))
    expect((await readTask(people.member, deep.id)).depth).toBe(5)
  })

  test('D52 of two parent changes that together form a loop exactly one succeeds', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [await create(), await create()]
      const answers = await Promise.all([
        people.member.patch(`/api/tasks/${a.id}`, { parent_id: b.id }),
        people.admin.patch(`/api/tasks/${b.id}`, { parent_id: a.id }),
      ])
      expect(answers.map(answer => String(answer.status)).toSorted()).toEqual(['200', '422'])
      expect(answers.flatMap(answer => answer.issues)).toEqual(['parent_id parent_cycle'])
    }
  })

  test('D50 a parent in the trash cannot be set', async () => {
    const [parent, child] = [await create(), await create()]
    await people.member.delete(`/api/tasks/${parent.id}`)
    expect((await people.member.patch(`/api/tasks/${child.id}`, { parent_id: parent.id })).issues).toEqual([
      'parent_id parent_trashed',
    ])
  })
})

describe('changing', () => {
  test('D5 D13 a change raises the version by one and names txid and shapes', async () => {
    const task = await create()
    const answer = written(await people.member.patch(`/api/tasks/${task.id}`, { title: 'New', due_date: '2026-12-01' }))
    expect(answer).toMatchObject({ txid: expect.any(Number), shapes: ['tasks'] })
    expect(answer.data).toMatchObject({ version: 2, title: 'New', due_date: '2026-12-01' })
    expect(answer.data.updated_at).not.toBe(task.updated_at)
  })

  test('D6 equal values: 200, txid null, the same version, no activity', async () => {
    const task = await create({ labels: ['Paint'], due_date: '2026-12-01', story_points: 3 })
    const before = await activityOf(people.member, task.id)
    const answer = written(
      await people.member.patch(`/api/tasks/${task.id}`, {
        title: 'Card',
        labels: ['Paint'],
        due_date: '2026-12-01',
        story_points: 3,
        status_id: board.statuses.todo,
        assignee_id: null,
      }),
    )
    expect(answer.txid).toBeNull()
    expect(answer.data).toEqual(task)
    expect(await activityOf(people.member, task.id)).toEqual(before)
  })

  test('D7 nothing to change and unknown fields are 422', async () => {
    const task = await create()
    expect((await people.member.patch(`/api/tasks/${task.id}`, {})).issues).toEqual([' nothing_to_change'])
    expect((await people.member.patch(`/api/tasks/${task.id}`, { colour: 'red' })).issues).toEqual([
      'colour unknown_field',
    ])
    expect((await people.member.patch(`/api/tasks/${task.id}`, { title: null })).issues).toEqual(['title bad_format'])
  })

  test('D9 D10 foreign and unknown tasks are one 404; a viewer is 403, a stranger 404', async () => {
    const task = await create()
    const [foreign, unknown] = await Promise.all([
      people.stranger.patch(`/api/tasks/${task.id}`, { title: 'x' }),
      people.stranger.patch(`/api/tasks/${uuid7()}`, { title: 'x' }),
    ])
    const withoutId = (text: string) => text.replace(/"request_id":"[^"]+"/, '')
    expect(foreign.status).toBe(404)
    expect(withoutId(foreign.text)).toBe(withoutId(unknown.text))
    expect((await people.viewer.patch(`/api/tasks/${task.id}`, { title: 'x' })).code).toBe('forbidden')
    const reads = await Promise.all([task.id, uuid7()].map(id => people.stranger.get(`/api/tasks/${id}`)))
    expect(new Set(reads.map(answer => withoutId(answer.text))).size).toBe(1)
    expect((await readTask(people.member, task.id)).version).toBe(1)
  })

  test('D13 ★ columns move neither version nor updated_at', async () => {
    const task = await create()
    await create({ parent_id: task.id })
    written(await people.viewer.post(`/api/tasks/${task.id}/comments`, { body_markdown: 'Hello' }))
    written(await people.member.post(`/api/tasks/${task.id}/checklists`, { title: 'List' }))
    expect(await readTask(people.member, task.id)).toMatchObject({
      comment_count: 1,
      subtask_total: 1,
      version: 1,
      updated_at: task.updated_at,
    })
    const project = dataOf<Row>(await people.member.get(`/api/projects/${board.projectId}`))
    expect(project.version).toBe(1)
  })

  test('D125 activity names actor, changed fields, old and new values, edit time and origin', async () => {
    const task = await create()
    const editedAt = new Date(server.clock.now().getTime() + 1000)
    server.clock.advance(60_000)
    await people.admin.patch(
      `/api/tasks/${task.id}`,
      { title: 'New' },
      { 'skerry-edited-at': editedAt.toISOString(), 'skerry-client': 'desktop/1.0' },
    )
    const [entry] = await activityOf(people.viewer, task.id)
    expect(entry).toMatchObject({
      action: 'task.update',
      actor_id: people.admin.userId,
      actor_name: 'admin',
      actor_kind: 'user',
      changes: { title: { old: 'Card', new: 'New' } },
      edited_at: editedAt.toISOString(),
      via: 'desktop',
    })
  })

  test('D74 If-Match: an old version is version_conflict with the present row, the right one applies', async () => {
    const task = await create()
    written(await people.member.patch(`/api/tasks/${task.id}`, { title: 'Two' }))
    const old = await people.admin.patch(`/api/tasks/${task.id}`, { title: 'Three' }, { 'if-match': '"1"' })
    expect([old.status, old.code]).toEqual([409, 'version_conflict'])
    expect((old.body as { error: { details: unknown } }).error.details).toMatchObject({
      current: { id: task.id, version: 2, title: 'Two' },
    })
    const right = await people.admin.patch(`/api/tasks/${task.id}`, { title: 'Three', expected_version: 2 })
    expect(written(right).data).toMatchObject({ version: 3, title: 'Three' })
  })

  test('done: completed_at follows the category', async () => {
    const task = await create()
    const at = new Date(server.clock.now().getTime() + 500)
    server.clock.advance(10_000)
    const done = await apply(
      people.member,
      [{ name: 'task.move', args: { id: task.id, status_id: board.statuses.done } }],
      { editedAt: at },
    )
    expect(done.results?.[0]?.data.completed_at).toBe(at.toISOString())
    const second = written(
      await people.admin.post(`/api/projects/${board.projectId}/statuses`, { name: 'Shipped', category: 'done' }),
    ).data
    const kept = written(await people.member.put(`/api/tasks/${task.id}/move`, { status_id: second.id }))
    expect(kept.data.completed_at).toBe(at.toISOString())
    const back = written(await people.member.put(`/api/tasks/${task.id}/move`, { status_id: board.statuses.active }))
    expect(back.data.completed_at).toBeNull()
  })

  test('D59 D60 a frozen done task refuses fields, unless the edit is older or reopens it', async () => {
    await people.owner.patch(`/api/projects/${board.projectId}`, { freeze_done: true })
    const task = await create()
    const before = new Date(server.clock.now().getTime() + 100)
    server.clock.advance(1000)
    written(await people.member.put(`/api/tasks/${task.id}/move`, { status_id: board.statuses.done }))
    server.clock.advance(1000)
    for (const body of [{ title: 'Late' }, { labels_add: ['late'] }, { due_date: '2026-12-24' }]) {
      expect((await people.member.patch(`/api/tasks/${task.id}`, body)).code).toBe('task_done')
    }
    expect((await people.member.put(`/api/tasks/${task.id}/move`, { position: 'top' })).code).toBe('task_done')
    expect((await people.member.post(`/api/tasks/${task.id}/checklists`, { title: 'x' })).code).toBe('task_done')
    const early = await apply(people.member, [{ name: 'task.update', args: { id: task.id, title: 'Early' } }], {
      editedAt: before,
    })
    expect(early.results?.[0]?.data.title).toBe('Early')
    expect((await people.member.post(`/api/tasks/${task.id}/comments`, { body_markdown: 'Well done' })).status).toBe(
      201,
    )
    const reopened = await people.member.patch(`/api/tasks/${task.id}`, {
      status_id: board.statuses.active,
      title: 'Again',
    })
    expect(written(reopened).data).toMatchObject({ title: 'Again', completed_at: null })
  })

  test('an archived application refuses with application_archived, after the right was judged', async () => {
    const task = await create()
    await people.owner.post(`/api/applications/${board.applicationId}/archive`)
    expect((await people.member.patch(`/api/tasks/${task.id}`, { title: 'x' })).code).toBe('application_archived')
    expect((await people.viewer.patch(`/api/tasks/${task.id}`, { title: 'x' })).code).toBe('forbidden')
    expect((await people.stranger.patch(`/api/tasks/${task.id}`, { title: 'x' })).code).toBe('not_found')
    expect((await people.member.post(tasks(), { title: 'x' })).code).toBe('application_archived')
  })
})

test('D14 the database itself refuses doubles', async () => {
  const task = await create()
  const double = (sql: string) => queryOnce(server.databaseUrl, sql, [board.projectId])
  const copies = [
    `insert into project_members (id, application_id, project_id, user_id) select gen_random_uuid(), application_id, project_id, user_id from project_members where project_id = $1`,
    `insert into projects (id, application_id, key, name) select gen_random_uuid(), application_id, key, name from projects where id = $1`,
    `insert into task_statuses (id, application_id, project_id, name, category, color, rank) select gen_random_uuid(), application_id, project_id, upper(name), category, color, rank from task_statuses where project_id = $1`,
    `insert into tasks (id, application_id, project_id, number, task_key, title, status_id, rank) select gen_random_uuid(), application_id, project_id, number, 'X-1', title, status_id, rank from tasks where project_id = $1`,
    `insert into application_members (id, application_id, user_id, role, display_name) select gen_random_uuid(), application_id, user_id, 'viewer', '' from project_members where project_id = $1`,
  ]
  for (const copy of copies) await expect(double(copy)).rejects.toMatchObject({ code: '23505' })
  expect(task.number).toBe(1)
})
