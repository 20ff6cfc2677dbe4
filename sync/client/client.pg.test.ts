// The client against the real server and shape engine.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '#server/testing/postgres.ts'
import { type ClientStack, sorted, startClientStack } from './testing/stack.ts'
import { mutation } from './types.ts'
import type { Client } from './client.ts'

let stack: ClientStack
const clients: Client[] = []

beforeEach(async () => {
  stack = await startClientStack()
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await stack.close()
})

test('D71 a write is on screen at once, and the same row when the server has it', async () => {
  const ann = await stack.person('ann')
  const board = await ann.makeBoard()
  const client = await ann.open()
  clients.push(client)
  const scope = { application_id: board.applicationId }
  const tasks = await client.follow('tasks', scope)
  const projects = await client.follow('projects', scope)
  await client.follow('task_statuses', scope).then(one => one.ready())
  await tasks.ready()
  await projects.ready()
  const id = client.newId()
  const { outcome } = await client.commit(mutation('task.create', { id, project_id: board.projectId, title: 'First' }))
  expect(tasks.get(id)).toMatchObject({ title: 'First', version: 0 })
  const end = await outcome
  expect(end).toMatchObject({ status: 'applied', replayed: false })
  await until('the layer is gone', () => client.outbox.pending().length === 0)
  // the shape's row is the answer's row, value for value
  expect(sorted(tasks)).toEqual(end.status === 'applied' ? [end.results[0]?.data] : [])
})
