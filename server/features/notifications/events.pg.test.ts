// Who is told of what (domain rules, section 11): each event with everybody who hears of it, and nobody else.
import { beforeEach, describe, expect, test } from 'vitest'
import { commandMap } from '#server/features.ts'
import { noticeTypes } from '#server/kernel/notices.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { mutateOnce } from '#server/kernel/mutation.ts'
import { apply, type Board, makeBoard, makeTask, type People, type Row, written } from '#server/testing/board.ts'
import { inApplication, makeDocument } from '#server/testing/library.ts'
import { forgetAll, naming, type Told, toldTo } from '#server/testing/notices.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board
/** Assigned to the member, reported by the editor. */
let task: Row
beforeEach(async () => {
  board = await makeBoard(server, people)
  task = await makeTask(people.owner, board.projectId, {
    assignee_id: people.member.userId,
    reporter_id: people.editor.userId,
  })
  await forgetAll({ ...people })
})

const id = (name: keyof People) => people[name].userId
const patchTask = async (by: keyof People, change: Record<string, unknown>) =>
  written(await people[by].patch(`/api/tasks/${task.id}`, change))
const comment = async (by: keyof People, args: Record<string, unknown> = { body_markdown: 'Ahoy' }) =>
  written(await people[by].post(`/api/tasks/${task.id}/comments`, args)).data
const member = (name: keyof People) => `/api/applications/${board.applicationId}/members/${id(name)}`
const contributor = (name: keyof People) => `/api/projects/${board.projectId}/members/${id(name)}`
const invite = async (args: Record<string, unknown> = {}, by: keyof People = 'editor') =>
  written(
    await people[by].post(`/api/applications/${board.applicationId}/invitations`, {
      user_id: id('stranger'),
      role: 'viewer',
      ...args,
    }),
  ).data.id
const answer = async (name: 'accept' | 'reject', invitation: string) =>
  written(await people.stranger.post(`/api/invitations/${invitation}/${name}`))

/** What everybody has been told since the beginning of the test, oldest first. */
const news = async (): Promise<Record<string, Told[]>> => {
  const all: Record<string, Told[]> = {}
  for (const [name, person] of Object.entries(people)) {
    const told = await toldTo(person)
    if (told.length > 0) all[name] = told.toReversed()
  }
  return all
}

type Heard = Partial<Record<keyof People, string>>
interface Event {
  readonly name: string
  readonly run: () => Promise<unknown>
  /** Person → the types of what he hears, in order. */
  readonly heard: Heard
  readonly linked: string | null
}

const events: readonly Event[] = [
  {
    name: 'a task is created with an assignee',
    run: () => makeTask(people.owner, board.projectId, { assignee_id: id('admin'), reporter_id: id('editor') }),
    heard: { admin: 'task_assigned' },
    linked: 'task',
  },
  {
    name: 'a task is given to another',
    run: () => patchTask('owner', { assignee_id: id('admin') }),
    heard: { admin: 'task_assigned', member: 'task_updated' },
    linked: 'task',
  },
  {
    name: 'an assignment is taken away',
    run: () => patchTask('owner', { assignee_id: null }),
    heard: { member: 'task_updated' },
    linked: 'task',
  },
  ...Object.entries({
    title: 'New',
    description: 'New',
    task_type: 'bug',
    priority: 'high',
    due_date: '2027-01-01',
    story_points: 3,
    labels: ['x'],
  }).map(([field, value]) => ({
    name: `${field} changes`,
    run: () => patchTask('owner', { [field]: value }),
    heard: { member: 'task_updated', editor: 'task_updated' },
    linked: 'task',
  })),
  {
    name: 'the parent changes',
    run: async () => patchTask('owner', { parent_id: (await makeTask(people.owner, board.projectId)).id }),
    heard: { member: 'task_updated', editor: 'task_updated' },
    linked: 'task',
  },
  {
    name: 'the reporter changes',
    run: () => patchTask('owner', { reporter_id: id('viewer') }),
    heard: {},
    linked: null,
  },
  {
    name: 'the status changes by a move',
    run: async () =>
      written(await people.owner.post(`/api/tasks/${task.id}/move`, { status_id: board.statuses.active })),
    heard: { member: 'status_change', editor: 'status_change' },
    linked: 'task',
  },
  {
    name: 'the status changes by an update, together with a field',
    run: () => patchTask('owner', { status_id: board.statuses.done, title: 'New' }),
    heard: { member: 'status_change', editor: 'status_change' },
    linked: 'task',
  },
  {
    name: 'a card moves within its column',
    run: async () => {
      await makeTask(people.owner, board.projectId)
      written(await people.owner.post(`/api/tasks/${task.id}/move`, { position: 'bottom' }))
    },
    heard: {},
    linked: null,
  },
  {
    name: 'a task goes into the trash',
    run: async () => written(await people.owner.delete(`/api/tasks/${task.id}`)),
    heard: { member: 'task_updated', editor: 'task_updated' },
    linked: 'task',
  },
  {
    name: 'a task comes back from the trash',
    run: async () => {
      written(await people.member.delete(`/api/tasks/${task.id}`))
      await forgetAll({ ...people })
      written(await people.owner.post(`/api/tasks/${task.id}/restore`))
    },
    heard: { member: 'task_updated', editor: 'task_updated' },
    linked: 'task',
  },
  {
    name: 'a task is archived',
    run: async () => written(await people.owner.post(`/api/tasks/${task.id}/archive`)),
    heard: {},
    linked: null,
  },
  {
    name: 'a comment is written',
    run: () => comment('owner'),
    heard: { member: 'task_commented', editor: 'task_commented' },
    linked: 'comment',
  },
  {
    name: 'a member is mentioned in a comment',
    run: () => comment('owner', { body: naming(id('member'), id('viewer'), id('stranger')) }),
    heard: { member: 'mention', viewer: 'mention', editor: 'task_commented' },
    linked: 'comment',
  },
  {
    name: 'an open task loses its assignee by his removal',
    run: async () => written(await people.owner.delete(member('member'), { open_tasks: 'unassign' })),
    heard: { member: 'member_removed', editor: 'task_reassignment_needed', admin: 'task_reassignment_needed' },
    linked: '',
  },
  {
    name: 'an open task loses its assignee, and the project has no other admin',
    run: async () => {
      written(await people.owner.delete(contributor('admin')))
      written(await people.owner.delete(contributor('owner')))
      await forgetAll({ ...people })
      written(await people.member.post(`/api/projects/${board.projectId}/members/leave`, { open_tasks: 'unassign' }))
    },
    heard: { editor: 'task_reassignment_needed', owner: 'task_reassignment_needed' },
    linked: 'task',
  },
  {
    name: 'an open task loses its assignee as he is taken out of the project',
    run: async () => written(await people.owner.delete(contributor('member'), { open_tasks: 'unassign' })),
    heard: {
      member: 'task_updated project_member_removed',
      editor: 'task_reassignment_needed',
      admin: 'task_reassignment_needed',
    },
    linked: '',
  },
  {
    name: 'an open task is handed on by a demotion',
    run: async () =>
      written(
        await people.owner.patch(member('member'), {
          role: 'viewer',
          open_tasks: 'reassign',
          to_user_id: id('admin'),
        }),
      ),
    heard: { member: 'task_updated role_changed', admin: 'task_assigned' },
    linked: '',
  },
  {
    name: 'a person is invited',
    run: () => invite(),
    heard: { stranger: 'application_invite' },
    linked: 'invitation',
  },
  {
    name: 'a person is invited into projects',
    run: () => invite({ role: 'editor', projects: [{ project_id: board.projectId }] }, 'admin'),
    heard: { stranger: 'project_invite' },
    linked: 'invitation',
  },
  {
    name: 'an address without account is invited',
    run: () => invite({ user_id: undefined, email: 'nobody@elsewhere.example' }),
    heard: {},
    linked: null,
  },
  {
    name: 'an invitation is accepted',
    run: async () => {
      const invitation = await invite({ role: 'editor', projects: [{ project_id: board.projectId }] }, 'admin')
      await forgetAll({ ...people })
      await answer('accept', invitation)
    },
    heard: { admin: 'invitation_accepted' },
    linked: 'invitation',
  },
  {
    name: 'an invitation is rejected',
    run: async () => {
      const invitation = await invite()
      await forgetAll({ ...people })
      await answer('reject', invitation)
    },
    heard: { editor: 'invitation_rejected' },
    linked: 'invitation',
  },
  {
    name: 'an application role changes',
    run: async () => written(await people.owner.patch(member('viewer'), { role: 'editor' })),
    heard: { viewer: 'role_changed' },
    linked: 'application_member',
  },
  {
    name: 'ownership is transferred',
    run: async () =>
      written(
        await people.owner.post(`/api/applications/${board.applicationId}/transfer-ownership`, {
          to_user_id: id('viewer'),
        }),
      ),
    heard: { viewer: 'role_changed' },
    linked: 'application_member',
  },
  {
    name: 'a member is removed',
    run: async () => written(await people.owner.delete(member('viewer'))),
    heard: { viewer: 'member_removed' },
    linked: 'application',
  },
  {
    name: 'a member leaves',
    run: async () => written(await people.viewer.post(`/api/applications/${board.applicationId}/members/leave`)),
    heard: { owner: 'member_removed' },
    linked: 'application',
  },
  {
    name: 'a person is added to a project',
    run: async () =>
      written(await people.owner.post(`/api/projects/${board.projectId}/members`, { user_id: id('editor') })),
    heard: { editor: 'project_member_added' },
    linked: 'project',
  },
  {
    name: 'a project role changes',
    run: async () => written(await people.owner.patch(contributor('member'), { role: 'admin' })),
    heard: { member: 'project_role_changed' },
    linked: 'project',
  },
  {
    name: 'a person is taken out of a project',
    run: async () => written(await people.owner.delete(contributor('admin'))),
    heard: { admin: 'project_member_removed' },
    linked: 'project',
  },
  {
    name: 'a project is deleted',
    run: async () => written(await people.admin.delete(`/api/projects/${board.projectId}`)),
    heard: { owner: 'system', member: 'system' },
    linked: null,
  },
  {
    name: 'an application is deleted',
    run: async () => written(await people.owner.delete(`/api/applications/${board.applicationId}`)),
    heard: { admin: 'system', member: 'system', editor: 'system', viewer: 'system' },
    linked: null,
  },
]

describe('D89 each type is produced by its event and by no other', () => {
  test.each(events.map(event => [event.name, event] as const))('%s', async (_name, event) => {
    await event.run()
    const all = await news()
    const types = Object.entries(all).map(([name, told]) => [name, told.map(one => one.type).join(' ')])
    expect(Object.fromEntries(types)).toEqual(event.heard)
    if (event.linked === '') return
    const linked = new Set(Object.values(all).flatMap(told => told.map(one => one.entity_type)))
    expect([...linked]).toEqual(Object.keys(event.heard).length === 0 ? [] : [event.linked])
  })

  test('the table has an event of every type that commands announce', () => {
    const produced = new Set(events.flatMap(event => Object.values(event.heard).flatMap(types => types.split(' '))))
    expect([...produced].toSorted()).toEqual(noticeTypes.toSorted())
  })
})

test('D84 assignee, reporter and those who wrote in the thread hear of a reply once, its author does not', async () => {
  const first = await comment('viewer')
  await comment('admin', { body_markdown: 'Aye', parent_id: first.id })
  await comment('editor', { body_markdown: 'Another thread' })
  await forgetAll({ ...people })
  await comment('admin', { body_markdown: 'Nay', parent_id: first.id })
  expect(Object.entries(await news()).map(([name, told]) => [name, told.map(one => one.message)])).toEqual([
    ['member', ['Nay']],
    ['editor', ['Nay']],
    ['viewer', ['Nay']],
  ])
})

test('D83 editing a comment tells those whom it names for the first time', async () => {
  const made = await comment('owner', { body: naming(id('viewer'), id('stranger')) })
  await forgetAll({ ...people })
  written(
    await people.owner.patch(`/api/comments/${made.id}`, { body: naming(id('viewer'), id('admin'), id('owner')) }),
  )
  expect(await news()).toMatchObject({ admin: [{ type: 'mention', entity_id: made.id, task_id: task.id }] })
  expect(Object.keys(await news())).toEqual(['admin'])
})

test('a name that leaves a comment and comes back tells nobody again, whether of a task or of a document', async () => {
  const paper = await makeDocument(people.owner, inApplication(board), { title: `Plan ${Math.random()}` })
  const note = written(await people.owner.post(`/api/documents/${paper.id}/comments`, { body: naming(id('viewer')) }))
  const made = await comment('owner', { body: naming(id('viewer')) })
  for (const url of [`/api/comments/${made.id}`, `/api/document-comments/${note.data.id}`]) {
    for (const names of [[], [id('viewer')], [], [id('viewer'), id('admin')]]) {
      written(await people.owner.patch(url, { body: naming(...names) }))
    }
  }
  const { viewer, admin } = await news()
  expect([viewer, admin].map(told => told?.map(one => one.type))).toEqual([
    ['mention', 'mention'],
    ['mention', 'mention'],
  ])
})

test('unread changes of one task by one person within ten minutes are one row, with the newest text', async () => {
  await patchTask('owner', { title: 'One' })
  const [first] = must((await news()).member)
  await patchTask('owner', { title: 'Two', priority: 'high' })
  await patchTask('admin', { title: 'Three' })
  await patchTask('owner', { status_id: board.statuses.active })
  await patchTask('owner', { status_id: board.statuses.review })
  const told = must((await news()).member)
  expect(told.map(one => [one.type, one.actor_name, one.count, one.title.slice(-4), one.message])).toEqual([
    ['task_updated', 'owner', 2, ' Two', 'title, priority'],
    ['task_updated', 'admin', 1, 'hree', 'title'],
    ['status_change', 'owner', 2, 'hree', 'In Review'],
  ])
  expect(told[0]).toMatchObject({ id: must(first).id, version: 2 })
  expect(must(told[0]).created_at > must(first).created_at).toBe(true)
  // read, or too long ago: a new row
  written(await people.member.patch(`/api/notifications/${must(told[0]).id}`, { is_read: true }))
  await server.database.pool.query(
    `update notifications set created_at = created_at - interval '10 minutes' where type = 'status_change'`,
  )
  await patchTask('owner', { title: 'Four', status_id: board.statuses.done })
  await patchTask('owner', { title: 'Five' })
  expect(must((await news()).member).map(one => [one.type, one.actor_name, one.count])).toEqual([
    ['status_change', 'owner', 2],
    ['task_updated', 'owner', 2],
    ['task_updated', 'admin', 1],
    ['status_change', 'owner', 1],
    ['task_updated', 'owner', 1],
  ])
})

test('commands of one transaction merge like those of several', async () => {
  const change = (title: string) => ({ name: 'task.update', args: { id: task.id, title } })
  await apply(people.owner, [change('One'), change('Two'), change('Three')])
  expect(must((await news()).member)).toMatchObject([{ count: 3, title: expect.stringContaining('Three') }])
})

test('D6 a change that changes nothing, or lost to a later one, tells nobody', async () => {
  await patchTask('owner', { title: task.title, assignee_id: id('member') })
  const early = { 'skerry-edited-at': server.clock.now().toISOString() }
  server.clock.advance(60_000)
  await patchTask('member', { title: 'Later' })
  await forgetAll({ ...people })
  written(await people.owner.patch(`/api/tasks/${task.id}`, { title: 'Earlier' }, early))
  expect(await news()).toEqual({})
})

test('a tree goes into the trash as one event for each who has to do with it', async () => {
  const child = { assignee_id: id('admin'), reporter_id: id('editor'), parent_id: task.id }
  const below = await makeTask(people.owner, board.projectId, child)
  await makeTask(people.owner, board.projectId, { ...child, parent_id: below.id })
  await forgetAll({ ...people })
  written(await people.owner.delete(`/api/tasks/${task.id}`))
  expect(await news()).toMatchObject({
    admin: [{ message: 'trashed' }],
    editor: [{ entity_id: task.id }],
    member: [{ entity_id: task.id }],
  })
  expect(Object.values(await news()).map(told => told.length)).toEqual([1, 1, 1])
})

test('who has left hears nothing more; names and titles stay as they were', async () => {
  await patchTask('owner', { title: 'Before' })
  written(await people.editor.post(`/api/applications/${board.applicationId}/members/leave`))
  await patchTask('owner', { title: 'After' })
  await patchTask('owner', { status_id: board.statuses.active })
  expect(must((await news()).editor).map(one => one.title)).toEqual([`${String(task.task_key)} Before`])
  await forgetAll({ ...people })
  await patchTask('owner', { priority: 'low' })
  written(await people.owner.patch('/api/me', { display_name: 'Renamed' }))
  expect(must((await news()).member)[0]).toMatchObject({ actor_name: 'owner' })
  written(await people.owner.patch('/api/me', { display_name: 'owner' }))
})

test('an import tells nobody of its rows', async () => {
  const create = must(commandMap(server.app.features).get('task.create'))
  await mutateOnce(server.app.mutation, {
    actor: { kind: 'import', reason: 'test', userId: id('owner'), displayName: 'owner' },
    mutations: [
      { command: create, input: { id: uuid7(), project_id: board.projectId, title: 'T', assignee_id: id('member') } },
    ],
    editedAt: undefined,
    expectedVersion: undefined,
    via: 'import',
    requestId: undefined,
  })
  expect(await news()).toEqual({})
})

test('the rows of a deleted application go with it, and the word of its end stays', async () => {
  await patchTask('owner', { title: 'New' })
  written(await people.owner.delete(`/api/applications/${board.applicationId}`))
  expect(must((await news()).member)).toMatchObject([
    { type: 'system', title: 'Harbour', message: 'The application was deleted.', application_id: null },
  ])
})
