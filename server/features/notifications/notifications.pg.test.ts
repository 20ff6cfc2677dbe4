// Own notifications: lists, counters, shapes, and what their person does with them (domain rules, sections 4, 5.10, 12).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { verifyCounters } from '#server/kernel/counters.ts'
import { must } from '#server/kernel/must.ts'
import {
  type Board,
  dataOf,
  makeBoard,
  makeTask,
  type People,
  type Row,
  signUpPeople,
  transact,
  written,
} from '#server/testing/board.ts'
import { countersOf, forgetAll, naming, type Told, toldTo } from '#server/testing/notices.ts'
import { readShape, type ShapeServer, startShapeServer } from '#server/testing/shapes.ts'
import { purgeNotifications } from './index.ts'

let server: ShapeServer
let people: People
let board: Board
let task: Row
beforeAll(async () => {
  server = await startShapeServer()
  people = await signUpPeople(server)
  board = await makeBoard(server, people)
})
afterAll(() => server.close())
beforeEach(async () => {
  task = await makeTask(people.member, board.projectId)
  await forgetAll({ ...people })
})
// whatever happened, the counters are right
const countersHold = async () => expect((await verifyCounters(server.database, false)).differing).toEqual([])

/** Tells the viewer something, `times` times. */
const tell = async (times = 1): Promise<Told[]> => {
  for (let n = 0; n < times; n += 1) {
    written(await people.member.post(`/api/tasks/${task.id}/comments`, { body: naming(people.viewer.userId) }))
  }
  return toldTo(people.viewer)
}

const shapeOf = async (name: string) => {
  await server.caughtUp()
  return (await readShape(server, people.viewer.token, name)).rows
}
const unread = async () => (await countersOf(people.viewer)).unread_notifications
const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(row => row.id)

test('a mention in a comment reaches list, counter and shapes of the person', async () => {
  const [told, ...others] = await tell()
  expect(others).toEqual([])
  expect(told).toMatchObject({
    user_id: people.viewer.userId,
    type: 'mention',
    title: `${String(task.task_key)} Card`,
    message: 'Look @Somebody',
    entity_type: 'comment',
    application_id: board.applicationId,
    project_id: board.projectId,
    task_id: task.id,
    actor_id: people.member.userId,
    actor_name: 'member',
    count: 1,
    read_at: null,
    version: 1,
  })
  expect(told).not.toHaveProperty('invitation_state')
  expect(told).not.toHaveProperty('dedupe_key')
  expect(await countersOf(people.viewer)).toEqual({ unread_notifications: 1, pending_invitations: 0 })
  expect(await shapeOf('my_notifications')).toMatchObject([{ id: must(told).id, type: 'mention' }])
  expect(await shapeOf('my_counters')).toMatchObject([{ user_id: people.viewer.userId, unread_notifications: 1 }])
})

test('D11 lists are paged, newest first, and filtered', async () => {
  const told = await tell(5)
  expect(told.map(one => one.created_at)).toEqual(
    told
      .map(one => one.created_at)
      .toSorted()
      .toReversed(),
  )
  const found: string[] = []
  let cursor = ''
  do {
    const answer = await people.viewer.get(`/api/notifications?limit=2${cursor && `&cursor=${cursor}`}`)
    found.push(...idsOf(dataOf(answer)))
    cursor = (answer.body as { next_cursor: string | null }).next_cursor ?? ''
  } while (cursor !== '')
  expect(found).toEqual(idsOf(told))
  written(await people.viewer.patch(`/api/notifications/${must(told[0]).id}`, { is_read: true }))
  const count = async (query: string) => (await toldTo(people.viewer, query)).length
  expect(await count('&unread_only=true')).toBe(4)
  expect([await count('&type=mention'), await count('&type=system')]).toEqual([5, 0])
  expect([await count('&entity_type=comment'), await count('&entity_type=task')]).toEqual([5, 0])
  expect(await count(`&application_id=${board.applicationId}`)).toBe(5)
  expect(await count(`&application_id=${board.projectId}`)).toBe(0)
  expect((await people.viewer.get('/api/notifications?type=nonsense')).status).toBe(422)
  expect(dataOf<object>(await people.viewer.get('/api/notifications/count'))).toEqual({ total: 5, unread: 4 })
})

test('a row about an invitation says what has become of it', async () => {
  const url = `/api/applications/${board.applicationId}/invitations`
  const invitation = written(await people.owner.post(url, { user_id: people.stranger.userId, role: 'viewer' })).data.id
  expect(await countersOf(people.stranger)).toEqual({ unread_notifications: 1, pending_invitations: 1 })
  const [told] = await toldTo(people.stranger)
  expect(told).toMatchObject({ title: 'Harbour', entity_id: invitation, invitation_state: 'pending' })
  const rejected = written(await people.stranger.post(`/api/invitations/${invitation}/reject`))
  expect(rejected.shapes).toEqual(['my_counters', 'my_invitations'])
  const one = await people.stranger.get(`/api/notifications/${must(told).id}`)
  expect(dataOf<object>(one)).toMatchObject({ invitation_state: 'rejected' })
  expect(await countersOf(people.stranger)).toEqual({ unread_notifications: 1, pending_invitations: 0 })
  await countersHold()
})

test('pending invitations are counted for whom they reach: an account, or an address that gets one', async () => {
  const url = `/api/applications/${board.applicationId}/invitations`
  const args = { email: 'latecomer@example.com', role: 'viewer' }
  const invitation = written(await people.owner.post(url, args)).data.id
  const latecomer = await server.signUp('latecomer')
  expect(await countersOf(latecomer)).toEqual({ unread_notifications: 0, pending_invitations: 1 })
  written(await people.owner.delete(`/api/invitations/${invitation}`))
  expect(await countersOf(latecomer)).toEqual({ unread_notifications: 0, pending_invitations: 0 })
  await countersHold()
})

test('an application that ends takes its rows along, and the counters follow', async () => {
  const other = await makeBoard(server, people)
  const card = await makeTask(people.member, other.projectId)
  written(await people.member.post(`/api/tasks/${card.id}/comments`, { body: naming(people.viewer.userId) }))
  const url = `/api/applications/${other.applicationId}`
  written(await people.owner.post(`${url}/invitations`, { user_id: people.stranger.userId, role: 'viewer' }))
  expect([await unread(), (await countersOf(people.stranger)).pending_invitations]).toEqual([1, 1])
  written(await people.owner.delete(url))
  expect((await toldTo(people.viewer)).map(one => one.type)).toEqual(['system'])
  expect([await unread(), (await countersOf(people.stranger)).pending_invitations]).toEqual([1, 0])
  await countersHold()
})

describe('reading and deleting', () => {
  const setRead = (ids: readonly string[], is_read: boolean) =>
    people.viewer.post('/api/notifications/mark-read', { ids, is_read })

  test('set_read counts what it changes, and changes nothing twice', async () => {
    const ids = idsOf(await tell(3))
    const first = written(await setRead(ids.slice(0, 2), true))
    expect(first).toMatchObject({ data: { updated_count: 2 }, shapes: ['my_counters', 'my_notifications'] })
    expect(first.txid).not.toBeNull()
    expect(written(await setRead(ids.slice(0, 2), true))).toMatchObject({ data: { updated_count: 0 }, txid: null })
    expect(await unread()).toBe(1)
    expect(written(await setRead([...ids, ...ids], false)).data).toEqual({ updated_count: 2 })
    expect(await unread()).toBe(3)
    await countersHold()
  })

  test('a foreign id is 404, and nothing changes', async () => {
    const ids = idsOf(await tell(2))
    written(await people.viewer.post(`/api/tasks/${task.id}/comments`, { body: naming(people.admin.userId) }))
    const foreign = idsOf(await toldTo(people.admin))
    expect((await setRead([...ids, ...foreign], true)).code).toBe('not_found')
    expect((await people.viewer.delete(`/api/notifications/${must(foreign[0])}`)).code).toBe('not_found')
    const both = { name: 'notification.delete', args: { ids: [...ids, ...foreign] } }
    expect(await transact(people.viewer, [both])).toMatchObject({ status: 'rejected', error: { code: 'not_found' } })
    expect([await unread(), (await countersOf(people.admin)).unread_notifications]).toEqual([2, 1])
    const many = await setRead(
      Array.from({ length: 101 }, () => must(ids[0])),
      true,
    )
    expect(many.issues).toEqual(['ids too_long'])
    expect((await setRead([], true)).issues).toEqual(['ids too_short'])
  })

  test('D91 mark_all_read on one device clears the unread count in another device’s shape', async () => {
    await tell(3)
    expect(await shapeOf('my_counters')).toMatchObject([{ unread_notifications: 3 }])
    const answer = written(await people.viewer.post('/api/notifications/mark-all-read'))
    expect(answer.data).toEqual({ updated_count: 3 })
    expect(await shapeOf('my_counters')).toMatchObject([{ unread_notifications: 0 }])
    expect((await shapeOf('my_notifications')).every(row => row.read_at !== null)).toBe(true)
    expect(written(await people.viewer.post('/api/notifications/mark-all-read')).txid).toBeNull()
  })

  test('deleting one, the read ones, all', async () => {
    const ids = idsOf(await tell(4))
    written(await setRead(ids.slice(0, 2), true))
    const one = written(await people.viewer.delete(`/api/notifications/${must(ids[0])}`))
    expect(one).toMatchObject({ data: { updated_count: 1 }, shapes: ['my_notifications'] })
    expect((await people.viewer.get(`/api/notifications/${must(ids[0])}`)).code).toBe('not_found')
    expect(written(await people.viewer.delete('/api/notifications?read_only=true')).data).toEqual({ updated_count: 1 })
    expect(idsOf(await toldTo(people.viewer))).toEqual(ids.slice(2))
    expect(await unread()).toBe(2)
    expect(written(await people.viewer.delete('/api/notifications')).data).toEqual({ updated_count: 2 })
    expect(await unread()).toBe(0)
    await countersHold()
  })

  test('D80 a queue does the same, and none of it is an activity', async () => {
    const ids = idsOf(await tell(2))
    const result = await transact(people.viewer, [
      { name: 'notification.set_read', args: { ids: [must(ids[0])], is_read: true } },
      { name: 'notification.mark_all_read', args: {} },
      { name: 'notification.delete', args: { ids: [must(ids[0])] } },
      { name: 'notification.delete_all', args: { read_only: true } },
    ])
    expect(result.results?.map(one => one.data)).toEqual([1, 1, 1, 1].map(updated_count => ({ updated_count })))
    const { rows } = await server.database.pool.query(`select 1 from activities where action like 'notification.%'`)
    expect(rows).toEqual([])
  })
})

describe('preferences', () => {
  const put = (body: object) => people.viewer.put('/api/notification-preferences', body)
  const read = async () =>
    dataOf<{ type: string; in_app: boolean; email: boolean }[]>(
      await people.viewer.get('/api/notification-preferences'),
    )

  test('all eighteen types with their effective values; the same again changes nothing', async () => {
    const before = await read()
    expect(before).toHaveLength(18)
    expect(new Set(before.map(row => `${row.in_app} ${row.email}`))).toEqual(new Set(['true false']))
    expect(written(await put({ type: 'system', in_app: true, email: false })).txid).toBeNull()
    const saved = written(await put({ type: 'role_changed', email: true }))
    expect(saved).toMatchObject({ data: { in_app: true, email: true }, shapes: ['my_notification_preferences'] })
    expect(written(await put({ type: 'role_changed', email: true })).txid).toBeNull()
    written(await put({ type: 'role_changed', in_app: false }))
    expect((await read()).find(row => row.type === 'role_changed')).toMatchObject({ in_app: false, email: true })
    expect(await shapeOf('my_notification_preferences')).toMatchObject([
      { type: 'role_changed', in_app: false, email: true, version: 2 },
    ])
  })

  test('some cannot be switched off, others do not exist', async () => {
    for (const type of ['system', 'application_invite', 'project_invite']) {
      expect((await put({ type, in_app: false })).issues).toEqual(['in_app not_in_enum'])
    }
    expect((await put({ type: 'mention' })).issues).toEqual([' nothing_to_change'])
    expect((await put({ type: 'nonsense', in_app: false })).status).toBe(422)
  })

  test('D90 switching a type off stops its rows', async () => {
    written(await put({ type: 'mention', in_app: false }))
    expect(await tell()).toEqual([])
    written(await put({ type: 'mention', in_app: true }))
    expect(await tell()).toMatchObject([{ type: 'mention' }])
  })

  test('who wants to hear of the next type only, hears of that', async () => {
    written(await people.member.patch(`/api/tasks/${task.id}`, { reporter_id: people.viewer.userId }))
    written(await put({ type: 'mention', in_app: false }))
    expect(await tell()).toMatchObject([{ type: 'task_commented' }])
    written(await put({ type: 'mention', in_app: true }))
    expect(await tell()).toMatchObject([{ type: 'mention' }, { type: 'task_commented' }])
  })
})

test('D93 notifications older than 90 days are gone after the job', async () => {
  const ids = idsOf(await tell(3))
  await server.database.pool.query(`update notifications set created_at = $2 where id = $1`, [
    ids[2],
    new Date(server.clock.now().getTime() - 90 * 86_400_000),
  ])
  expect(await purgeNotifications(server.app.write)).toBe(1)
  expect(await purgeNotifications(server.app.write)).toBe(0)
  expect(idsOf(await toldTo(people.viewer))).toEqual(ids.slice(0, 2))
  expect(await unread()).toBe(2)
  await countersHold()
})
