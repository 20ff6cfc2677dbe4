// The client's copies of shapes against the real server and shape engine.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '#server/testing/postgres.ts'
import type { Client } from './client.ts'
import type { Collection } from './collection.ts'
import { createRelay } from './testing/relay.ts'
import { type Board, type ClientStack, type Person, sorted, startClientStack } from './testing/stack.ts'
import { type Comment, mutation, type Status, type Task } from './types.ts'

let stack: ClientStack
let ann: Person
let board: Board
const clients: Client[] = []

interface Device {
  readonly client: Client
  readonly tasks: Collection<Task>
  readonly statuses: Collection<Status>
  readonly comments: Collection<Comment>
}

const open = async (person: Person, device?: string, options: Parameters<Person['open']>[1] = {}): Promise<Device> => {
  const client = await person.open(device, options)
  clients.push(client)
  const scope = { application_id: board.applicationId }
  return {
    client,
    tasks: await client.follow('tasks', scope),
    statuses: await client.follow('task_statuses', scope),
    comments: await client.follow('comments', scope),
  }
}

const ready = async ({ tasks, statuses, comments }: Device): Promise<void> => {
  await Promise.all([tasks.ready(), statuses.ready(), comments.ready()])
}

const close = async (client: Client): Promise<void> => {
  clients.splice(clients.indexOf(client), 1)
  await client.close()
}

const create = (client: Client, title: string, more = {}) => {
  const id = client.newId()
  return { id, mutation: mutation('task.create', { id, project_id: board.projectId, title, ...more }) }
}

const settled = (client: Client) => until('the outbox is empty', () => client.outbox.pending().length === 0)

beforeEach(async () => {
  stack = await startClientStack()
  ann = await stack.person('ann')
  board = await ann.makeBoard()
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await stack.close()
})

test('D71 a write is on screen at once, and equal to the answer when the shape has it', async () => {
  const device = await open(ann)
  await ready(device)
  const { client, tasks } = device
  const one = create(client, 'First')
  const { outcome } = await client.commit(one.mutation)
  expect(tasks.get(one.id)).toMatchObject({ title: 'First', version: 0, status_id: board.statuses[0]?.id })
  const end = await outcome
  await settled(client)
  // the shape's row is the answer's row, value for value
  expect(sorted(tasks)).toEqual(end.status === 'applied' ? [end.results[0]?.data] : [])
})

test('a change never flickers: between commit and shape every look shows the new value', async () => {
  const device = await open(ann)
  await ready(device)
  const { client, tasks } = device
  const one = create(client, 'Old')
  await (await client.commit(one.mutation)).outcome
  await settled(client)
  const seen = new Set<unknown>()
  const end = tasks.subscribe(() => void seen.add(tasks.get(one.id)?.title))
  await client.commit(mutation('task.update', { id: one.id, title: 'New' }))
  await settled(client)
  end()
  expect([...seen]).toEqual(['New'])
})

test('a rejected write disappears from the screen and stays in the list', async () => {
  const device = await open(ann)
  await ready(device)
  const { client, tasks } = device
  const one = create(client, 'Kept')
  await (await client.commit(one.mutation)).outcome
  await settled(client)
  const change = await client.commit(mutation('task.update', { id: one.id, title: 'Mine', expected_version: 9 }))
  expect(tasks.get(one.id)?.title).toBe('Mine')
  await change.outcome
  expect(tasks.get(one.id)?.title).toBe('Kept')
  expect(client.outbox.attention()).toHaveLength(1)
})

test('D124 two clients, one of them away meanwhile, and a fresh one end with the same rows', async () => {
  const bo = await stack.person('bo')
  await ann.invite(bo, board)
  const relay = createRelay()
  const away = await open(bo, 'train', { fetch: relay.fetch })
  const here = await open(ann)
  await ready(away)
  await ready(here)
  const made = [1, 2, 3].map(n => create(here.client, `Task ${n}`))
  await here.client.commit(...made.map(one => one.mutation))
  await until('all three have come', () => away.tasks.rows().length === 3)
  relay.cut()
  await until('the cut is noticed', () => away.tasks.state === 'offline')
  const [first, second, third] = made.map(one => one.id) as [string, string, string]
  const done = board.statuses.find(one => one.category === 'done')?.id ?? ''
  await away.client.commit(mutation('task.move', { id: first, status_id: done }))
  await away.client.commit(mutation('comment.create', { id: away.client.newId(), task_id: first, body_markdown: 'Hi' }))
  await away.client.commit(mutation('task.update', { id: second, labels_add: ['train'] }))
  await away.client.commit(create(away.client, 'Made away', { parent_id: third }).mutation)
  await here.client.commit(mutation('task.update', { id: second, title: 'Changed here', labels_add: ['desk'] }))
  await here.client.commit(mutation('task.delete', { id: third }))
  await settled(here.client)
  relay.mend()
  away.client.wake()
  await until('the queue is empty', () => away.client.outbox.pending().every(one => one.state === 'applied'))
  const fresh = await open(ann, 'fresh')
  await ready(fresh)
  const look = (device: Device) => ({ tasks: sorted(device.tasks), comments: sorted(device.comments) })
  await until('all show the same', () => {
    const texts = [away, here, fresh].map(device => JSON.stringify(look(device)))
    return new Set(texts).size === 1 && [away, here].every(device => device.client.outbox.pending().length === 0)
  })
  expect(fresh.tasks.get(first)).toMatchObject({ status_id: done, comment_count: 1 })
  expect(fresh.tasks.get(second)).toMatchObject({ title: 'Changed here', labels: ['desk', 'train'] })
  // a new task below one that is in the trash meanwhile is refused, and its text is kept
  expect(away.client.outbox.attention()).toMatchObject([{ error: { code: 'validation_failed' } }])
})

test('after a restart rows and queue are there without network, and the stream goes on where it was', async () => {
  const device = await open(ann)
  await ready(device)
  const one = create(device.client, 'Kept')
  await (await device.client.commit(one.mutation)).outcome
  await settled(device.client)
  await until('the position is stored', () => device.tasks.synced(one.id) !== undefined)
  await close(device.client)
  const relay = createRelay()
  relay.cut()
  const again = await open(ann, 'laptop', { fetch: relay.fetch })
  expect(again.tasks.get(one.id)).toMatchObject({ title: 'Kept' })
  const two = create(again.client, 'Made offline')
  await again.client.commit(two.mutation)
  await close(again.client)
  const third = await open(ann, 'laptop', { fetch: relay.fetch })
  expect(sorted(third.tasks).map(row => row.title)).toEqual(['Kept', 'Made offline'])
  relay.mend()
  third.client.wake()
  await settled(third.client)
  expect(sorted(third.tasks).map(row => row.title)).toEqual(['Kept', 'Made offline'])
  const offsets = relay.queries('/api/shapes/tasks').map(query => query.get('offset'))
  expect(offsets.length).toBeGreaterThan(0)
  expect(offsets).not.toContain('-1')
})

test('a shape that starts over replaces its rows in one step', async () => {
  const relay = createRelay()
  const device = await open(ann, 'laptop', { fetch: relay.fetch })
  await ready(device)
  const made = [1, 2].map(n => create(device.client, `Task ${n}`))
  await (await device.client.commit(...made.map(one => one.mutation))).outcome
  await settled(device.client)
  const counts = new Set<number>()
  const end = device.tasks.subscribe(() => void counts.add(device.tasks.rows().length))
  const before = relay.queries('/api/shapes/tasks').length
  relay.cut()
  await stack.server.database.writes
    .deleteFrom('tasks')
    .where('id', '=', made[0]?.id ?? '')
    .execute()
  await stack.restartEngine({ empty: true })
  relay.mend()
  device.client.wake()
  await until('the shape is live again', () => device.tasks.rows().length === 1 && device.tasks.state === 'live')
  end()
  expect([...counts].filter(count => count !== 1 && count !== 2)).toEqual([])
  expect(
    relay
      .queries('/api/shapes/tasks')
      .slice(before)
      .map(query => query.get('offset')),
  ).toContain('-1')
})

test('D25 the end of a membership drops the scope’s rows, here and in the store; coming back brings them again', async () => {
  const bo = await stack.person('bo')
  await ann.invite(bo, board)
  await ann.post(`/api/projects/${board.projectId}/tasks`, { title: 'Shared' })
  const device = await open(bo)
  const memberships = await device.client.follow('my_memberships')
  await ready(device)
  await memberships.ready()
  expect(device.tasks.rows()).toHaveLength(1)
  await ann.delete(`/api/applications/${board.applicationId}/members/${bo.userId}`)
  await until('the rows are gone', () => device.tasks.rows().length === 0 && device.statuses.rows().length === 0)
  expect(device.tasks.state).toBe('gone')
  await close(device.client)
  const relay = createRelay()
  relay.cut()
  const offline = await open(bo, 'laptop', { fetch: relay.fetch })
  expect(offline.tasks.rows()).toEqual([])
  await offline.client.follow('my_memberships')
  relay.mend()
  offline.client.wake()
  await until('it is refused', () => offline.tasks.state === 'gone')
  await ann.invite(bo, board)
  await until('the rows are back', () => offline.tasks.rows().length === 1)
})

test('a 404 with our error body drops the rows; a 401 and foreign answers never do', async () => {
  const relay = createRelay()
  const device = await open(ann, 'laptop', { fetch: relay.fetch })
  await ready(device)
  const one = create(device.client, 'Kept')
  await (await device.client.commit(one.mutation)).outcome
  await settled(device.client)
  const path = '/api/shapes/tasks'
  const html = (status: number) => () => new Response('<html>', { status, headers: { 'content-type': 'text/html' } })
  for (const status of [404, 401, 403, 200, 502, 404]) relay.answerWith(path, html(status))
  device.client.wake()
  await until('it has been through all of them', () => relay.waitingAnswers(path) === 0)
  await until('it is live', () => device.tasks.state === 'live')
  expect(device.tasks.rows()).toHaveLength(1)

  await ann.post('/auth/logout')
  await until('it is paused', () => device.tasks.state === 'signed_out')
  expect(device.tasks.rows()).toHaveLength(1)
  await device.client.api.login('ann@example.com', 'tide-and-granite-7')
  await until('it is live', () => device.tasks.state === 'live')

  const gone = { error: { code: 'not_found', message: 'x', request_id: 'r' } }
  relay.answerWith(path, () => Response.json(gone, { status: 404 }))
  device.client.wake()
  await until('it is gone', () => device.tasks.state === 'gone')
  expect(device.tasks.rows()).toEqual([])
  device.tasks.wake()
  await until('it is back', () => device.tasks.rows().length === 1)
})
