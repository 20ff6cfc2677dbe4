// Members and roles (domain rules, sections 3, 4 and 5.2).
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type Board,
  dataOf,
  enrol,
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
let url: string

beforeEach(async () => {
  board = await makeBoard(server, people)
  url = `/api/applications/${board.applicationId}/members`
})

const role = async (userId: string) => dataOf<Row>(await people.owner.get(`${url}/${userId}`)).role
const setRole = (by: keyof People, of: keyof People, wanted: string, more: Record<string, unknown> = {}) =>
  people[by].patch(`${url}/${people[of].userId}`, { role: wanted, ...more })
const projectRows = async (userId: string) =>
  (
    await queryOnce(server.databaseUrl, 'select role from project_members where application_id = $1 and user_id = $2', [
      board.applicationId,
      userId,
    ])
  ).rows

describe('reading', () => {
  test('D28 addresses are for owners and editors', async () => {
    for (const name of ['owner', 'admin', 'editor'] as const) {
      const list = dataOf(await people[name].get(url))
      expect(list.map(row => row.email)).toContain('viewer@example.com')
    }
    const seen = await people.viewer.get(url)
    expect(dataOf(seen)).toHaveLength(5)
    expect(seen.text).not.toContain('@')
    expect((await people.viewer.get(`${url}/${people.owner.userId}`)).text).not.toContain('@')
    expect(dataOf(await people.editor.get(`${url}/${people.owner.userId}`))).toMatchObject({
      email: 'owner@example.com',
    })
  })

  test('counts by role; a stranger and an unknown person are 404', async () => {
    expect(dataOf(await people.viewer.get(`${url}/count`))).toEqual({
      total: 5,
      by_role: { owner: 1, editor: 3, viewer: 1 },
    })
    expect((await people.viewer.get(`${url}/${people.stranger.userId}`)).code).toBe('not_found')
    expect((await people.stranger.get(url)).code).toBe('not_found')
    expect(dataOf(await people.viewer.get(`${url}?role=editor`))).toHaveLength(3)
  })

  test('D27 a new display name shows in every application', async () => {
    const other = await makeBoard(server, people)
    written(await people.member.patch('/api/me', { display_name: 'Marlene' }))
    for (const id of [board.applicationId, other.applicationId]) {
      const row = dataOf<Row>(await people.viewer.get(`/api/applications/${id}/members/${people.member.userId}`))
      expect(row).toMatchObject({ display_name: 'Marlene', version: 1 })
    }
    written(await people.member.patch('/api/me', { display_name: 'member' }))
  })
})

describe('roles', () => {
  test('D21 nobody changes his own role', async () => {
    expect((await setRole('owner', 'owner', 'viewer')).code).toBe('own_role')
    expect((await setRole('editor', 'editor', 'owner')).code).toBe('own_role')
  })

  test('D22 editors promote viewers to editor while they may, and nothing else', async () => {
    expect((await setRole('editor', 'viewer', 'owner')).code).toBe('forbidden')
    expect((await setRole('editor', 'member', 'viewer')).code).toBe('forbidden')
    expect((await setRole('viewer', 'editor', 'viewer')).code).toBe('forbidden')
    expect((await setRole('editor', 'viewer', 'editor')).status).toBe(200)
    written(await setRole('owner', 'viewer', 'viewer'))
    written(await people.owner.patch(`/api/applications/${board.applicationId}`, { editors_may_add_editors: false }))
    expect((await setRole('editor', 'viewer', 'editor')).code).toBe('forbidden')
    expect((await setRole('owner', 'viewer', 'editor')).status).toBe(200)
  })

  test('D6 the same role changes nothing', async () => {
    expect(written(await setRole('owner', 'viewer', 'viewer'))).toMatchObject({ txid: null, data: { version: 1 } })
  })

  test('D26 demotion to viewer deletes the project rows', async () => {
    expect(await projectRows(people.admin.userId)).toEqual([{ role: 'admin' }])
    const answer = written(await setRole('owner', 'admin', 'viewer'))
    expect(answer.shapes).toEqual(['application_members', 'project_members'])
    expect(await projectRows(people.admin.userId)).toEqual([])
    written(await setRole('owner', 'admin', 'editor'))
    expect(await projectRows(people.admin.userId)).toEqual([])
  })

  test('D19 D23 demotion treats the last owner and open tasks like removal', async () => {
    await enrol(server, board.applicationId, people.stranger.userId, 'owner')
    written(await setRole('stranger', 'owner', 'editor'))
    expect(await role(people.owner.userId)).toBe('editor')
    expect((await setRole('owner', 'stranger', 'viewer')).code).toBe('forbidden')
    await makeTask(people.admin, board.projectId, { assignee_id: people.member.userId })
    expect((await setRole('stranger', 'member', 'viewer')).code).toBe('has_active_tasks')
    written(await setRole('stranger', 'member', 'viewer', { open_tasks: 'unassign' }))
    expect(await role(people.member.userId)).toBe('viewer')
  })
})

describe('leaving and removing', () => {
  const remove = (id: string, query = '') => people.owner.delete(`${url}/${id}${query}`)

  test('D19 the last owner can neither leave nor be removed', async () => {
    expect((await people.owner.post(`${url}/leave`)).code).toBe('last_owner')
    expect((await remove(people.owner.userId)).code).toBe('last_owner')
    expect(await role(people.owner.userId)).toBe('owner')
  })

  test('D19 two owners who leave at the same moment leave exactly one', async () => {
    await enrol(server, board.applicationId, people.stranger.userId, 'owner')
    const answers = await Promise.all([people.owner.post(`${url}/leave`), people.stranger.post(`${url}/leave`)])
    expect(answers.map(answer => String(answer.status)).toSorted()).toEqual(['200', '409'])
    expect(answers.map(answer => answer.code)).toContain('last_owner')
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select count(*)::int as owners from application_members where application_id = $1 and role = 'owner'`,
      [board.applicationId],
    )
    expect(rows).toEqual([{ owners: 1 }])
  })

  test('D23 open tasks: refused with projects and counts, unassigned to the first todo, reassigned', async () => {
    const [mine, done] = [
      await makeTask(people.admin, board.projectId, {
        assignee_id: people.member.userId,
        status_id: board.statuses.review,
      }),
      await makeTask(people.admin, board.projectId, {
        assignee_id: people.member.userId,
        status_id: board.statuses.done,
      }),
    ]
    const refused = await remove(people.member.userId)
    expect([refused.status, refused.code]).toEqual([409, 'has_active_tasks'])
    expect((refused.body as { error: { details: unknown } }).error.details).toEqual({
      active_assignments: [{ project_id: board.projectId, project_name: 'Quay', active_task_count: 1 }],
    })
    expect((await remove(people.member.userId, '?open_tasks=reassign')).issues).toEqual(['to_user_id target_required'])
    const toViewer = await remove(people.member.userId, `?open_tasks=reassign&to_user_id=${people.viewer.userId}`)
    expect(toViewer.issues).toEqual(['to_user_id assignee_not_eligible'])
    written(await remove(people.member.userId, `?open_tasks=reassign&to_user_id=${people.admin.userId}`))
    expect(await readTask(people.viewer, mine.id)).toMatchObject({
      assignee_id: people.admin.userId,
      status_id: board.statuses.review,
    })
    expect(await readTask(people.viewer, done.id)).toMatchObject({ assignee_id: people.member.userId })
    written(await people.admin.post(`${url}/leave`, { open_tasks: 'unassign' }))
    expect(await readTask(people.viewer, mine.id)).toMatchObject({ assignee_id: null, status_id: board.statuses.todo })
  })

  test('D24 removal deletes project rows and the lead; coming back restores none', async () => {
    written(await people.owner.patch(`/api/projects/${board.projectId}`, { lead_id: people.member.userId }))
    const answer = written(await remove(people.member.userId))
    expect(answer.shapes).toEqual(['application', 'application_members', 'project_members', 'projects'])
    expect(await projectRows(people.member.userId)).toEqual([])
    expect(dataOf<Row>(await people.owner.get(`/api/projects/${board.projectId}`)).lead_id).toBeNull()
    expect((await people.member.get(`/api/projects/${board.projectId}`)).code).toBe('not_found')
    const invited = written(
      await people.owner.post(`/api/applications/${board.applicationId}/invitations`, {
        user_id: people.member.userId,
        role: 'editor',
      }),
    ).data
    written(await people.member.post(`/api/invitations/${invited.id}/accept`))
    expect(await projectRows(people.member.userId)).toEqual([])
    const application = dataOf<Row>(await people.owner.get(`/api/applications/${board.applicationId}`))
    expect(application.members_count).toBe(5)
  })

  test('naming oneself leaves; others need an owner; who is gone is 404', async () => {
    expect((await people.viewer.delete(`${url}/${people.editor.userId}`)).code).toBe('forbidden')
    expect((await people.admin.delete(`${url}/${people.viewer.userId}`)).code).toBe('forbidden')
    const left = written(await people.viewer.delete(`${url}/${people.viewer.userId}`))
    expect(left.shapes).toEqual(['my_memberships'])
    expect((await people.viewer.get(url)).code).toBe('not_found')
    expect((await remove(people.viewer.userId)).code).toBe('not_found')
    expect(server.events.at(-1)).toEqual({
      type: 'access_changed',
      userId: people.viewer.userId,
      applicationId: board.applicationId,
    })
  })
})
