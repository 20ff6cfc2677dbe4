// Applications and ownership (domain rules, sections 3, 4 and 5.1).
import { beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { type Board, dataOf, makeBoard, makeTask, type Row, written } from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board
let url: string

beforeEach(async () => {
  board = await makeBoard(server, people)
  url = `/api/applications/${board.applicationId}`
})

test('D18 D1 creating makes the caller owner in the same transaction; the same id again is id_taken', async () => {
  const id = uuid7()
  const answer = await people.stranger.post('/api/applications', { id, name: '  Yard\u0007 ' })
  expect(answer.status).toBe(201)
  const made = written(answer)
  expect(made.data).toMatchObject({
    id,
    name: 'Yard',
    my_role: 'owner',
    members_count: 1,
    projects_count: 0,
    version: 1,
  })
  expect(made.shapes).toEqual(['application', 'application_members', 'my_memberships'])
  const { rows } = await queryOnce(
    server.databaseUrl,
    'select a.xmin = m.xmin as together, m.role from applications a join application_members m on m.application_id = a.id where a.id = $1',
    [id],
  )
  // the member counter writes the application once more, in that same transaction
  expect(rows).toEqual([{ together: true, role: 'owner' }])
  expect((await people.stranger.post('/api/applications', { id, name: 'Yard' })).code).toBe('id_taken')
  expect((await people.owner.post('/api/applications', { id, name: 'Yard' })).code).toBe('id_taken')
})

test('lists only the own ones, with role, search taken literally and archived apart', async () => {
  const names = ['100% sure', '100 sure']
  for (const name of names) written(await people.viewer.post('/api/applications', { name }))
  const list = async (query: string) =>
    dataOf(await people.viewer.get(`/api/applications?${query}`)).map(row => row.name)
  expect(await list('search=100%25')).toEqual(['100% sure'])
  expect(await list('ownership=created')).toEqual(['100 sure', '100% sure'])
  expect((await list('role=viewer')).includes('Harbour')).toBe(true)
  expect((await list('role=owner')).includes('Harbour')).toBe(false)
  const mine = dataOf(await people.stranger.get('/api/applications')).map(row => row.id)
  expect(mine).not.toContain(board.applicationId)
  written(await people.owner.post(`${url}/archive`))
  expect(dataOf(await people.viewer.get('/api/applications')).map(row => row.id)).not.toContain(board.applicationId)
  expect(dataOf(await people.viewer.get('/api/applications?archived=true')).map(row => row.id)).toContain(
    board.applicationId,
  )
})

describe('changing', () => {
  test('D6 D7 D22 editors change name and description, owners also who may invite', async () => {
    expect(written(await people.editor.patch(url, { name: 'New' })).data).toMatchObject({
      name: 'New',
      my_role: 'editor',
    })
    expect(written(await people.editor.patch(url, { name: 'New' }))).toMatchObject({ txid: null, data: { version: 2 } })
    expect((await people.editor.patch(url, { editors_may_add_editors: false })).code).toBe('forbidden')
    expect(written(await people.owner.patch(url, { editors_may_add_editors: false })).data).toMatchObject({
      editors_may_add_editors: false,
      version: 3,
    })
    expect((await people.owner.patch(url, {})).issues).toEqual([' nothing_to_change'])
    expect((await people.owner.patch(url, { owner: 'me' })).issues).toEqual(['owner unknown_field'])
    expect(written(await people.owner.patch(url, { description: null })).txid).toBeNull()
  })

  test('an archived application refuses changes but not unarchiving, people and deletion', async () => {
    written(await people.owner.post(`${url}/archive`))
    expect((await people.owner.patch(url, { name: 'x' })).code).toBe('application_archived')
    expect((await people.owner.post(`${url}/projects`, { name: 'x', key: 'X' })).code).toBe('application_archived')
    const patch = `${url}/members/${people.viewer.userId}`
    expect((await people.owner.patch(patch, { role: 'editor' })).status).toBe(200)
    expect((await people.owner.post(`${url}/invitations`, { email: 'late@example.com', role: 'viewer' })).status).toBe(
      201,
    )
    expect(written(await people.owner.post(`${url}/unarchive`)).data.archived_at).toBeNull()
    written(await people.owner.post(`${url}/archive`))
    expect((await people.owner.delete(url)).status).toBe(200)
  })
})

describe('ownership', () => {
  test('D20 after a transfer the target owns, the caller has the chosen role, the creator no further right', async () => {
    const answer = await people.owner.post(`${url}/transfer-ownership`, { to_user_id: people.viewer.userId })
    expect(written(answer).data.my_role).toBe('editor')
    const members = dataOf<Row[]>(await people.owner.get(`${url}/members?role=owner`))
    expect(members.map(row => row.user_id)).toEqual([people.viewer.userId])
    expect((await people.owner.delete(url)).code).toBe('forbidden')
    expect((await people.viewer.post(`${url}/archive`)).status).toBe(200)
  })

  test('D20 to a stranger is 404, to oneself own_role', async () => {
    const to = (id: string) => people.owner.post(`${url}/transfer-ownership`, { to_user_id: id })
    expect((await to(people.stranger.userId)).code).toBe('not_found')
    expect((await to(people.owner.userId)).code).toBe('own_role')
  })

  test('D23 whoever wants to become viewer by a transfer must have no open tasks', async () => {
    const task = await makeTask(people.owner, board.projectId, { assignee_id: people.owner.userId })
    const transfer = () =>
      people.owner.post(`${url}/transfer-ownership`, { to_user_id: people.admin.userId, own_role: 'viewer' })
    const refused = await transfer()
    expect([refused.status, refused.code]).toEqual([409, 'has_active_tasks'])
    expect((refused.body as { error: { details: unknown } }).error.details).toEqual({
      active_assignments: [{ project_id: board.projectId, project_name: 'Quay', active_task_count: 1 }],
    })
    expect(dataOf<Row>(await people.owner.get(url)).my_role).toBe('owner')
    written(await people.owner.patch(`/api/tasks/${task.id}`, { assignee_id: null }))
    expect(written(await transfer()).data.my_role).toBe('viewer')
  })

  test('deleting takes everything along and leaves no clock; afterwards it is unknown to all', async () => {
    const task = await makeTask(people.owner, board.projectId)
    written(await people.owner.post(`/api/tasks/${task.id}/checklists`, { title: 'x' }))
    written(await people.member.put(`/api/tasks/${task.id}/move`, { status_id: board.statuses.done }))
    expect((await people.owner.delete(url)).body).toMatchObject({ data: { id: board.applicationId } })
    expect((await people.owner.get(url)).code).toBe('not_found')
    expect((await people.owner.get(`/api/tasks/${task.id}`)).code).toBe('not_found')
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select count(*)::int as clocks from field_clocks where entity_id in ($1, $2, $3)`,
      [board.applicationId, board.projectId, task.id],
    )
    expect(rows).toEqual([{ clocks: 0 }])
    expect(server.events.at(-1)).toEqual({ type: 'application_deleted', applicationId: board.applicationId })
  })
})
