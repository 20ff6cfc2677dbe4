// Counters of people are locked before anything else of notifications, in the order of their ids: whoever waits for one
// holds no later one, and no rows.
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { type Board, makeBoard, makeTask, type People, type Row, written } from '#server/testing/board.ts'
import type { Answer } from '#server/testing/client.ts'
import { forgetAll, naming, toldTo } from '#server/testing/notices.ts'
import { until } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
/** In the order of their ids: they signed up one after the other. */
const first = people.owner
const last = people.stranger
let board: Board
let task: Row
beforeEach(async () => {
  board = await makeBoard(server, people)
  task = await makeTask(people.owner, board.projectId, { assignee_id: people.member.userId })
  await forgetAll({ ...people })
})

const id = (name: keyof People) => people[name].userId

/** Runs `write` while another transaction holds the counter of `userId`; then `check` in that one while it waits. */
const whileItWaits = async (
  userId: string,
  write: () => Promise<Answer>,
  check: (query: (text: string, values: unknown[]) => Promise<unknown>) => Promise<unknown>,
): Promise<void> => {
  const client = await server.database.pool.connect()
  let ended = false
  const end = async () => {
    if (ended) return
    ended = true
    await client.query('rollback')
    client.release()
  }
  onTestFinished(end)
  await client.query('begin')
  await client.query('select 1 from user_counters where user_id = $1 for no key update', [userId])
  const answer = write()
  await until('the write waits', async () => {
    const { rows } = await server.database.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  })
  await check((text, values) => client.query(text, values))
  await end()
  written(await answer)
}

const freeCounter = (userId: string) => (query: (text: string, values: unknown[]) => Promise<unknown>) =>
  query('select 1 from user_counters where user_id = $1 for no key update nowait', [userId])
const freeRow = (rowId: string) => (query: (text: string, values: unknown[]) => Promise<unknown>) =>
  query('select 1 from notifications where id = $1 for update nowait', [rowId])

test('the people are in the order of their ids', () => {
  const ids = Object.values(people as unknown as Record<string, { userId: string }>).map(one => one.userId)
  expect(ids).toEqual(ids.toSorted())
})

/** What the member has been told: one change by the owner, who may still add to it. */
const changed = async () => {
  written(await people.owner.patch(`/api/tasks/${task.id}`, { title: 'One' }))
  return must((await toldTo(people.member))[0]).id
}

test('news that join an unread row wait for the counter before they take the row', async () => {
  const row = await changed()
  const write = () => people.owner.patch(`/api/tasks/${task.id}`, { title: 'Two' })
  await whileItWaits(id('member'), write, freeRow(row))
})

test.each([
  ['mark_all_read', () => people.member.post('/api/notifications/mark-all-read')],
  ['delete_all', () => people.member.delete('/api/notifications')],
  ['set_read', (row: string) => people.member.patch(`/api/notifications/${row}`, { is_read: true })],
  ['delete', (row: string) => people.member.delete(`/api/notifications/${row}`)],
] as const)('%s waits for the own counter before it takes rows', async (_name, write) => {
  const row = await changed()
  await whileItWaits(id('member'), () => write(row), freeRow(row))
})

test.each(['accept', 'reject'])('%s of an invitation locks counters of invitee and inviter in order', async answer => {
  const url = `/api/applications/${board.applicationId}/invitations`
  const invitation = written(await first.post(url, { user_id: last.userId, role: 'viewer' })).data.id
  const write = () => last.post(`/api/invitations/${invitation}/${answer}`)
  await whileItWaits(first.userId, write, freeCounter(last.userId))
})

test('the end of an application locks counters of members and of those it takes rows from in order', async () => {
  written(await people.owner.post(`/api/tasks/${task.id}/comments`, { body: naming(id('viewer')) }))
  const url = `/api/applications/${board.applicationId}`
  written(await people.owner.post(`${url}/invitations`, { user_id: last.userId, role: 'viewer' }))
  await whileItWaits(
    id('admin'),
    () => people.owner.delete(url),
    async query => {
      await freeCounter(id('viewer'))(query)
      await freeCounter(last.userId)(query)
    },
  )
})
