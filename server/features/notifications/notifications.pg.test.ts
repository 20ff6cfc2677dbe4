// Own notifications: lists, counters, shapes, and what their person does with them (domain rules, sections 4, 5.10, 12).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import {
  apply,
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
  expect(await countersOf(people.viewer)).toEqual({ unread_notifications: 1, pending_invitations: 0 })
  expect(await shapeOf('my_notifications')).toMatchObject([{ id: must(told).id, type: 'mention' }])
  expect(await shapeOf('my_counters')).toMatchObject([{ user_id: people.viewer.userId, unread_notifications: 1 }])
})
