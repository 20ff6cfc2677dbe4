// Many open tasks lose their assignee at once: people hear how many, not of each (domain rules, section 11).
import { expect, test } from 'vitest'
import { apply, makeBoard, type People, written } from '#server/testing/board.ts'
import { forgetAll, toldTo } from '#server/testing/notices.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()

/** A board with `count` open tasks of the member, of which the editor reported two. */
const boardWith = async (count: number) => {
  const board = await makeBoard(server, people)
  const task = (n: number) => ({
    name: 'task.create',
    args: {
      project_id: board.projectId,
      title: `T${n}`,
      assignee_id: people.member.userId,
      reporter_id: people[n < 2 ? 'editor' : 'admin'].userId,
    },
  })
  await apply(
    people.owner,
    Array.from({ length: count }, (_one, n) => task(n)),
  )
  await forgetAll({ ...people })
  return board
}
const told = async (name: keyof People) =>
  (await toldTo(people[name])).map(one => `${one.type} of ${one.entity_type}: ${one.message}`).toSorted()

test('of more than twenty each hears once for the project, with the number that concerns him', async () => {
  const { projectId } = await boardWith(21)
  written(
    await people.owner.delete(`/api/projects/${projectId}/members/${people.member.userId}`, { open_tasks: 'unassign' }),
  )
  expect(await told('admin')).toEqual(['task_reassignment_needed of project: 21 tasks'])
  expect(await told('editor')).toEqual(['task_reassignment_needed of project: 2 tasks'])
  expect(await told('member')).toEqual(['project_member_removed of project: null', 'task_updated of project: 21 tasks'])
})

test('so does who takes them over; the removed has no access and hears of his removal alone', async () => {
  const { applicationId } = await boardWith(21)
  const body = { open_tasks: 'reassign', to_user_id: people.admin.userId }
  written(await people.owner.delete(`/api/applications/${applicationId}/members/${people.member.userId}`, body))
  expect(await told('admin')).toEqual(['task_assigned of project: 21 tasks'])
  expect(await told('member')).toEqual(['member_removed of application: null'])
  expect(await told('editor')).toEqual([])
})

test('up to twenty are told of one by one', async () => {
  const { projectId } = await boardWith(20)
  written(
    await people.owner.delete(`/api/projects/${projectId}/members/${people.member.userId}`, { open_tasks: 'unassign' }),
  )
  expect(await told('admin')).toEqual(Array.from({ length: 20 }, () => 'task_reassignment_needed of task: null'))
})
