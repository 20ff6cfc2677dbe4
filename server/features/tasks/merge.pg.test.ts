// Conflicts between people who were apart (domain rules, section 7): the table of examples row by row, and its rules.
import { beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import {
  activityOf,
  type Board,
  dataOf,
  makeBoard,
  makeTask,
  type Person,
  readTask,
  type Row,
  transact,
  written,
} from '#server/testing/board.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board
let task: Row
let start: number

beforeEach(async () => {
  board = await makeBoard(server, people)
  task = await makeTask(people.member, board.projectId, { title: 'Card' })
  start = server.clock.now().getTime()
  // an hour passes: whatever is dated inside it arrives late
  server.clock.advance(3_600_000)
})

/** Minute `m` after the start. */
const at = (m: number): Date => new Date(start + m * 60_000)
const send = async (person: Person, m: number, name: string, args: Record<string, unknown>) => {
  const result = await transact(person, [{ name, args: { id: task.id, ...args } }], { editedAt: at(m) })
  return { ...result, first: result.results?.[0], data: result.results?.[0]?.data }
}
const ann = () => people.member
const bo = () => people.admin

describe('the table of examples', () => {
  test('D71 different fields: both apply', async () => {
    await send(bo(), 1, 'task.update', { priority: 'high' })
    const late = await send(ann(), 0.5, 'task.update', { title: 'X' })
    expect(late.data).toMatchObject({ title: 'X', priority: 'high', version: 3 })
    expect(late.first?.superseded).toBeUndefined()
  })

  test('D71 D72 the same field: the later edit stays, the loser is told and logged', async () => {
    await send(bo(), 5, 'task.update', { title: 'Y' })
    const late = await send(ann(), 0, 'task.update', { title: 'X' })
    expect(late).toMatchObject({ status: 'applied', txid: null })
    expect(late.first?.superseded).toEqual([
      { field: 'title', your_value: 'X', value: 'Y', edited_at: at(5).toISOString(), by_id: bo().userId },
    ])
    expect(late.data).toMatchObject({ title: 'Y', version: 2 })
    const [entry] = await activityOf(people.viewer, task.id)
    expect(entry).toMatchObject({
      action: 'task.update',
      actor_id: ann().userId,
      changes: {},
      superseded: { title: { value: 'X', winner: 'Y', winner_edited_at: at(5).toISOString() } },
    })
  })

  test('D71 the same field typed later replaces, although it arrived last', async () => {
    await send(bo(), 5, 'task.update', { title: 'Y' })
    const late = await send(ann(), 10, 'task.update', { title: 'X' })
    expect(late.data).toMatchObject({ title: 'X', version: 3 })
  })

  test('D73 a clock that is fast is capped to now; a change made a minute later wins', async () => {
    const capped = await send(ann(), 180, 'task.update', { title: 'Fast' })
    expect(capped.data).toMatchObject({ title: 'Fast' })
    const [entry] = await activityOf(people.viewer, task.id)
    expect(Date.parse(must(entry).edited_at)).toBe(server.clock.now().getTime())
    server.clock.advance(60_000)
    const later = await send(bo(), 61, 'task.update', { title: 'Right' })
    expect(later.data).toMatchObject({ title: 'Right' })
  })

  test('D75 a move superseded in status is superseded in rank; the card stays', async () => {
    const other = await makeTask(people.member, board.projectId, { status_id: board.statuses.done })
    await send(bo(), 5, 'task.move', { status_id: board.statuses.review })
    const before = await readTask(ann(), task.id)
    const late = await send(ann(), 2, 'task.move', { status_id: board.statuses.done, before_id: other.id })
    expect(late).toMatchObject({ status: 'applied', txid: null })
    expect(late.first?.superseded?.[0]).toMatchObject({
      field: 'status_id',
      your_value: board.statuses.done,
      value: board.statuses.review,
    })
    expect(await readTask(ann(), task.id)).toEqual(before)
  })

  test('D56 a reorder whose anchor has left the column: the rank stays, txid null', async () => {
    const anchor = await makeTask(people.member, board.projectId)
    written(await bo().put(`/api/tasks/${anchor.id}/move`, { status_id: board.statuses.active }))
    const late = await send(ann(), 3, 'task.move', { after_id: anchor.id })
    expect(late).toMatchObject({ txid: null, data: { rank: task.rank, version: 1 } })
  })

  test('D59 a checklist item changed before the task was done is accepted, after it 409', async () => {
    await people.owner.patch(`/api/projects/${board.projectId}`, { freeze_done: true })
    const list = written(await bo().post(`/api/tasks/${task.id}/checklists`, { title: 'List' })).data
    const item = written(await bo().post(`/api/checklists/${list.id}/items`, { content: 'Rope' })).data
    server.clock.advance(60_000)
    const tick = (m: number, done: boolean) =>
      transact(ann(), [{ name: 'checklist_item.set_done', args: { id: item.id, is_done: done } }], { editedAt: at(m) })
    await send(bo(), 60.5, 'task.move', { status_id: board.statuses.done })
    const before = await tick(60.3, true)
    expect(before).toMatchObject({ status: 'applied', results: [{ data: { is_done: true } }] })
    expect(await tick(60.6, false)).toMatchObject({ status: 'rejected', error: { code: 'task_done' } })
  })

  test('D66 an edit of a task that is in the trash is stored there and visible after the restore', async () => {
    await send(bo(), 0.5, 'task.delete', {})
    const late = await send(ann(), 10, 'task.update', { description: 'Still good' })
    expect(late.data).toMatchObject({ description: 'Still good', deleted_at: at(0.5).toISOString() })
    const restored = await send(bo(), 20, 'task.restore', {})
    expect(restored.data).toMatchObject({ description: 'Still good', deleted_at: null })
  })

  test('of a removed person every transaction is rejected not_found', async () => {
    written(await people.owner.delete(`/api/applications/${board.applicationId}/members/${ann().userId}`))
    const late = await send(ann(), 1, 'task.update', { title: 'Mine' })
    expect(late).toMatchObject({ status: 'rejected', error: { code: 'not_found' }, mutation_index: 0 })
  })

  test('D79 the same transaction id twice is applied once; the second gets the stored result', async () => {
    const id = uuid7()
    const mutations = [{ name: 'task.create', args: { project_id: board.projectId, title: 'Once' } }]
    const [first, second] = await Promise.all([transact(ann(), mutations, { id }), transact(ann(), mutations, { id })])
    expect([first.replayed, second.replayed].map(String).toSorted()).toEqual(['false', 'true'])
    expect({ ...first, replayed: null }).toEqual({ ...second, replayed: null })
    expect(dataOf(await people.viewer.get(`/api/projects/${board.projectId}/tasks?search=Once`))).toHaveLength(1)
    const other = await transact(
      ann(),
      [{ name: 'task.create', args: { project_id: board.projectId, title: 'Two' } }],
      {
        id,
      },
    )
    expect(other).toMatchObject({ status: 'rejected', error: { code: 'idempotency_mismatch' } })
    expect(await transact(bo(), mutations, { id })).toMatchObject({ status: 'rejected', error: { code: 'id_taken' } })
  })
})

describe('rules', () => {
  test('equal edit times: the higher transaction id wins, in either arrival order', async () => {
    const ids = [uuid7(), uuid7()]
    const edit = (id: string, title: string) =>
      transact(ann(), [{ name: 'task.update', args: { id: task.id, title } }], { id, editedAt: at(5) })
    await edit(must(ids[1]), 'Higher')
    const lost = await edit(must(ids[0]), 'Lower')
    expect(lost.results?.[0]?.superseded?.[0]).toMatchObject({ field: 'title', your_value: 'Lower' })
    expect((await readTask(ann(), task.id)).title).toBe('Higher')
  })

  test('one mutation may be partly applied', async () => {
    await send(bo(), 5, 'task.update', { title: 'Y' })
    const late = await send(ann(), 2, 'task.update', { title: 'X', story_points: 5 })
    expect(late.data).toMatchObject({ title: 'Y', story_points: 5, version: 3 })
    expect(late.txid).toEqual(expect.any(Number))
    expect(late.first?.superseded).toHaveLength(1)
    const [entry] = await activityOf(people.viewer, task.id)
    expect(entry).toMatchObject({
      changes: { story_points: { old: null, new: 5 } },
      superseded: { title: { value: 'X', winner: 'Y' } },
    })
  })

  test('D70 two offline label additions both survive, also against a replacing list', async () => {
    await send(bo(), 5, 'task.update', { labels_add: ['B'] })
    const late = await send(ann(), 2, 'task.update', { labels_add: ['A'] })
    expect(late.data?.labels).toEqual(['B', 'A'])
    const replaced = await send(ann(), 8, 'task.update', { labels: ['a', 'C'] })
    expect(replaced.data?.labels).toEqual(['A', 'C'])
    // B was taken away at 8: an older wish to have it loses, and is told so
    const old = await send(bo(), 6, 'task.update', { labels_add: ['B', 'D'] })
    expect(old.data?.labels).toEqual(['A', 'C', 'D'])
    expect(old.first?.superseded).toMatchObject([{ field: 'labels.B', your_value: true, value: false }])
  })

  test('an edit before the creation counts as made at the creation: it applies to a fresh row', async () => {
    const early = await send(ann(), -60, 'task.update', { title: 'Early' })
    expect(early.data?.title).toBe('Early')
    const [entry] = await activityOf(people.viewer, task.id)
    expect(must(entry).edited_at >= String(task.created_at).slice(0, 19)).toBe(true)
  })

  test('what breaks a rule on the merged row rejects the whole mutation and its transaction', async () => {
    await people.owner.patch(`/api/projects/${board.projectId}`, { require_assignee: true })
    const other = await makeTask(people.member, board.projectId)
    const result = await transact(ann(), [
      { name: 'task.update', args: { id: other.id, title: 'Gone with it' } },
      { name: 'task.update', args: { id: task.id, title: 'X', status_id: board.statuses.active } },
    ])
    expect(result).toMatchObject({ status: 'rejected', mutation_index: 1, error: { code: 'validation_failed' } })
    expect(await readTask(ann(), other.id)).toMatchObject({ title: 'Card', version: 1 })
    expect(await readTask(ann(), task.id)).toMatchObject({ title: 'Card', version: 1 })
  })

  test('D74 a strict write that matches applies whatever the clock says, and is stamped now', async () => {
    await send(bo(), 50, 'task.update', { title: 'Y' })
    const strict = await send(ann(), 2, 'task.update', { title: 'X', expected_version: 2 })
    expect(strict.data).toMatchObject({ title: 'X', version: 3 })
    const between = await send(bo(), 55, 'task.update', { title: 'Z' })
    expect(between.first?.superseded).toHaveLength(1)
  })

  test('D125 a superseded archive, restore or delete is logged as well', async () => {
    await send(bo(), 5, 'task.archive', {})
    await send(bo(), 6, 'task.unarchive', {})
    const late = await send(ann(), 4, 'task.archive', {})
    expect(late.first?.superseded).toMatchObject([{ field: 'archived_at' }])
    expect((await activityOf(people.viewer, task.id))[0]).toMatchObject({
      action: 'task.archive',
      superseded: { archived_at: { winner: null } },
    })
  })

  test('projects and applications merge by field too', async () => {
    const url = `/api/projects/${board.projectId}`
    const project = { id: board.projectId }
    await transact(bo(), [{ name: 'project.update', args: { ...project, name: 'Later' } }], { editedAt: at(5) })
    const late = await transact(
      ann(),
      [{ name: 'project.update', args: { ...project, name: 'Old', description: 'Text' } }],
      {
        editedAt: at(2),
      },
    )
    expect(late.results?.[0]).toMatchObject({
      data: { name: 'Later', description: 'Text' },
      superseded: [{ field: 'name', your_value: 'Old', value: 'Later' }],
    })
    expect(dataOf<Row>(await ann().get(url))).toMatchObject({ name: 'Later', description: 'Text' })
    const application = { id: board.applicationId }
    await transact(bo(), [{ name: 'application.update', args: { ...application, name: 'New' } }], { editedAt: at(5) })
    const lost = await transact(ann(), [{ name: 'application.update', args: { ...application, name: 'Old' } }], {
      editedAt: at(1),
    })
    expect(lost).toMatchObject({ txid: null, results: [{ data: { name: 'New' }, superseded: [{ field: 'name' }] }] })
  })
})
