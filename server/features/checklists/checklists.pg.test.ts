// Checklists and their items (domain rules, sections 4, 5.8 and 7).
import { beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import {
  activityOf,
  apply,
  dataOf,
  makeBoard,
  makeTask,
  readTask,
  type Row,
  transact,
  written,
} from '#server/testing/board.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
let task: Row

beforeEach(async () => {
  task = await makeTask(people.member, board.projectId)
})

const addList = async (title = 'List', on = task.id): Promise<Row> =>
  written(await people.member.post(`/api/tasks/${on}/checklists`, { title })).data
const addItem = async (list: string, content: string, more: Record<string, unknown> = {}): Promise<Row> =>
  written(await people.member.post(`/api/checklists/${list}/items`, { content, ...more })).data
interface List extends Row {
  readonly items: Row[]
}
const lists = async () => dataOf<List[]>(await people.viewer.get(`/api/tasks/${task.id}/checklists`))
const contents = async () => (await lists()).map(list => [list.title, ...list.items.map(item => item.content)])

test('lists and items in order, with progress', async () => {
  const list = await addList('Ropes')
  const [one, three] = [await addItem(list.id, 'one', { is_done: true }), await addItem(list.id, 'three')]
  await addItem(list.id, 'two', { after_id: one.id, before_id: three.id })
  await addList('Sails')
  expect(await contents()).toEqual([['Ropes', 'one', 'two', 'three'], ['Sails']])
  expect((await lists()).map(row => row.progress_percent)).toEqual([33, 0])
  expect((await people.stranger.get(`/api/tasks/${task.id}/checklists`)).code).toBe('not_found')
  expect((await people.editor.post(`/api/tasks/${task.id}/checklists`, { title: 'x' })).code).toBe('forbidden')
})

describe('ticking', () => {
  test('D87 sets who and when together, and the totals in the same transaction', async () => {
    const list = await addList()
    const item = await addItem(list.id, 'one')
    const at = new Date(server.clock.now().getTime() + 500)
    server.clock.advance(5000)
    const answer = await people.admin.patch(
      `/api/checklist-items/${item.id}`,
      { is_done: true },
      { 'skerry-edited-at': at.toISOString() },
    )
    expect(written(answer)).toMatchObject({
      shapes: ['checklist_items', 'checklists', 'tasks'],
      data: { is_done: true, completed_by_id: people.admin.userId, completed_at: at.toISOString(), version: 2 },
    })
    expect(await readTask(people.viewer, task.id)).toMatchObject({ checklist_total: 1, checklist_done: 1, version: 1 })
    const again = written(await people.member.patch(`/api/checklist-items/${item.id}`, { is_done: true }))
    expect(again).toMatchObject({ txid: null, data: { completed_by_id: people.admin.userId } })
    const off = written(await people.member.post(`/api/checklist-items/${item.id}/toggle`))
    expect(off.data).toMatchObject({ is_done: false, completed_by_id: null, completed_at: null })
    expect(await readTask(people.viewer, task.id)).toMatchObject({ checklist_total: 1, checklist_done: 0 })
    // the log knows one command for it, whichever way it came
    expect((await activityOf(people.viewer, task.id))[0]).toMatchObject({
      action: 'checklist_item.set_done',
      changes: { is_done: { old: true, new: false } },
    })
  })

  test('toggle is no command for queues', async () => {
    const item = await addItem((await addList()).id, 'one')
    const result = await transact(people.member, [{ name: 'checklist_item.toggle', args: { id: item.id } }])
    expect(result).toMatchObject({ status: 'rejected', error: { code: 'bad_request' } })
  })

  test('D71 content and tick are units of their own', async () => {
    const item = await addItem((await addList()).id, 'one')
    const start = server.clock.now().getTime()
    server.clock.advance(60_000)
    const edit = (m: number, args: Record<string, unknown>) =>
      apply(people.member, [{ name: 'checklist_item.update', args: { id: item.id, ...args } }], {
        editedAt: new Date(start + m * 1000),
      })
    await edit(30, { content: 'later' })
    const early = await edit(10, { content: 'earlier', is_done: true })
    expect(early.results?.[0]).toMatchObject({
      data: { content: 'later', is_done: true, completed_at: new Date(start + 10_000).toISOString() },
      superseded: [{ field: 'content', your_value: 'earlier', value: 'later' }],
    })
  })
})

describe('order', () => {
  test('D88 a reorder list with a missing, foreign or doubled id is 422 and changes nothing', async () => {
    const list = await addList('A')
    const other = await addList('B')
    const ids = [await addItem(list.id, '1'), await addItem(list.id, '2'), await addItem(list.id, '3')].map(
      row => row.id,
    )
    const foreign = await addItem(other.id, 'x')
    const reorder = (wanted: string[]) => people.member.put(`/api/checklists/${list.id}/items/reorder`, { ids: wanted })
    const [a, b, c] = ids as [string, string, string]
    expect((await reorder([a, b])).issues).toEqual(['ids incomplete_list'])
    expect((await reorder([a, b, foreign.id])).issues).toEqual(['ids incomplete_list'])
    expect((await reorder([a, b, b])).issues).toEqual(['ids duplicate_ids'])
    expect((await reorder([a, b, c, c])).issues).toEqual(['ids duplicate_ids'])
    expect(await contents()).toEqual([
      ['A', '1', '2', '3'],
      ['B', 'x'],
    ])
    expect(written(await reorder([c, a, b])).txid).toEqual(expect.any(Number))
    expect(await contents()).toEqual([
      ['A', '3', '1', '2'],
      ['B', 'x'],
    ])
    const listsOrder = (wanted: string[]) =>
      people.member.put(`/api/tasks/${task.id}/checklists/reorder`, { ids: wanted })
    expect((await listsOrder([other.id])).issues).toEqual(['ids incomplete_list'])
    written(await listsOrder([other.id, list.id]))
    expect((await contents()).map(([title]) => title)).toEqual(['B', 'A'])
  })

  test('D6 a reorder to the present order changes nothing', async () => {
    const list = await addList('A')
    const other = await addList('B')
    const [one, two] = [await addItem(list.id, '1'), await addItem(list.id, '2')]
    const before = await lists()
    const answers = [
      await people.member.put(`/api/checklists/${list.id}/items/reorder`, { ids: [one.id, two.id] }),
      await people.member.put(`/api/tasks/${task.id}/checklists/reorder`, { ids: [list.id, other.id] }),
    ]
    expect(answers.map(answer => written(answer).txid)).toEqual([null, null])
    expect(await lists()).toEqual(before)
  })

  test('7.1 a reorder made earlier leaves alone what was moved later, and says so', async () => {
    const list = await addList('A')
    const [one, two, three, four] = [
      (await addItem(list.id, '1')).id,
      (await addItem(list.id, '2')).id,
      (await addItem(list.id, '3')).id,
      (await addItem(list.id, '4')).id,
    ]
    const offline = new Date(server.clock.now().getTime() + 1000)
    server.clock.advance(60_000)
    written(await people.admin.post(`/api/checklist-items/${four}/move`, { before_id: one }))
    const name = 'checklist_item.reorder'
    const result = await apply(
      people.member,
      [{ name, args: { checklist_id: list.id, ids: [three, two, four, one] } }],
      { editedAt: offline },
    )
    expect(await contents()).toEqual([['A', '3', '2', '4', '1']])
    // the row moved later kept its rank, the others found places around it
    expect(result.results?.[0]?.superseded).toBeUndefined()
    const late = await apply(people.member, [{ name, args: { checklist_id: list.id, ids: [one, two, three, four] } }], {
      editedAt: new Date(offline.getTime() + 1),
    })
    expect(await contents()).toEqual([['A', '1', '2', '3', '4']])
    expect(late.results?.[0]?.superseded).toBeUndefined()
    // both were made later than this one
    const lost = await apply(people.member, [{ name, args: { checklist_id: list.id, ids: [four, three, two, one] } }], {
      editedAt: offline,
    })
    expect(lost.txid).toBeNull()
    expect(lost.results?.[0]?.superseded).toMatchObject([
      { field: `ids.${four}`, your_value: 0, value: 3, by_id: people.admin.userId },
      { field: `ids.${three}`, your_value: 1, value: 2, by_id: people.member.userId },
      { field: `ids.${two}`, your_value: 2, value: 1, by_id: people.member.userId },
      { field: `ids.${one}`, your_value: 3, value: 0, by_id: people.member.userId },
    ])
    expect(await contents()).toEqual([['A', '1', '2', '3', '4']])
  })

  test('7.1 rows moved later stand in each other’s way: the rest keeps the order asked for', async () => {
    const [a, b, c, d] = [await addList('A'), await addList('B'), await addList('C'), await addList('D')]
    const offline = new Date(server.clock.now().getTime() + 1000)
    server.clock.advance(60_000)
    written(await people.admin.post(`/api/checklists/${d.id}/move`, { before_id: a.id }))
    written(await people.admin.post(`/api/checklists/${c.id}/move`, { after_id: d.id }))
    const result = await apply(
      people.member,
      [{ name: 'checklist.reorder', args: { task_id: task.id, ids: [b.id, a.id, c.id, d.id] } }],
      { editedAt: offline },
    )
    const titles = (await contents()).map(([title]) => title)
    expect(titles.filter(title => title === 'C' || title === 'D')).toEqual(['D', 'C'])
    expect(titles.filter(title => title === 'A' || title === 'B')).toEqual(['B', 'A'])
    expect(result.results?.[0]?.superseded?.map(one => one.field)).toContain(`ids.${d.id}`)
  })

  test('the clocks of items go with their checklist', async () => {
    const list = await addList('A')
    const item = await addItem(list.id, '1')
    written(await people.member.patch(`/api/checklist-items/${item.id}`, { content: 'x' }))
    const clocks = async () =>
      (
        await server.database.pool.query('select entity_id from field_clocks where entity_id = any($1)', [
          [list.id, item.id],
        ])
      ).rows.length
    expect(await clocks()).toBe(2)
    written(await people.member.delete(`/api/checklists/${list.id}`))
    expect(await clocks()).toBe(0)
  })

  test('items move within the list and to another list of the same task only', async () => {
    const [list, other] = [await addList('A'), await addList('B')]
    const [one, two] = [await addItem(list.id, '1', { is_done: true }), await addItem(list.id, '2')]
    const move = (id: string, body: Record<string, unknown>) =>
      people.member.post(`/api/checklist-items/${id}/move`, body)
    written(await move(two.id, { before_id: one.id }))
    expect(await contents()).toEqual([['A', '2', '1'], ['B']])
    written(await move(one.id, { checklist_id: other.id }))
    expect(await contents()).toEqual([
      ['A', '2'],
      ['B', '1'],
    ])
    expect((await lists()).map(row => [row.total_items, row.completed_items])).toEqual([
      [1, 0],
      [1, 1],
    ])
    const elsewhere = await makeTask(people.member, board.projectId)
    const foreign = await addList('C', elsewhere.id)
    expect((await move(one.id, { checklist_id: foreign.id })).status).toBe(422)
    expect((await move(one.id, {})).issues).toEqual([' nothing_to_change'])
    written(await people.member.post(`/api/checklists/${other.id}/move`, { before_id: list.id }))
    expect(await contents()).toEqual([
      ['B', '1'],
      ['A', '2'],
    ])
  })
})

test('deleting an item and a list keeps the totals', async () => {
  const list = await addList()
  const [one] = [await addItem(list.id, '1', { is_done: true }), await addItem(list.id, '2')]
  written(await people.member.delete(`/api/checklist-items/${one.id}`))
  expect(await readTask(people.viewer, task.id)).toMatchObject({ checklist_total: 1, checklist_done: 0 })
  written(await people.member.delete(`/api/checklists/${list.id}`))
  expect(await readTask(people.viewer, task.id)).toMatchObject({ checklist_total: 0, checklist_done: 0 })
  expect((await people.member.patch(`/api/checklists/${list.id}`, { title: 'x' })).code).toBe('not_found')
})

test('D86 the 501st item is limit_reached, the first 500 sort as they were made; the 51st list too', async () => {
  const list = await addList('Long')
  for (let batch = 0; batch < 10; batch += 1) {
    await apply(
      people.member,
      Array.from({ length: 50 }, (_, n) => ({
        name: 'checklist_item.create',
        args: { id: uuid7(), checklist_id: list.id, content: String(batch * 50 + n) },
      })),
    )
  }
  const refused = await people.member.post(`/api/checklists/${list.id}/items`, { content: 'one too many' })
  expect(refused.code).toBe('limit_reached')
  const items = must((await lists())[0]).items
  expect(items.map(item => item.content)).toEqual(Array.from({ length: 500 }, (_, n) => String(n)))
  await apply(
    people.member,
    Array.from({ length: 49 }, (_, n) => ({ name: 'checklist.create', args: { task_id: task.id, title: `L${n}` } })),
  )
  expect((await people.member.post(`/api/tasks/${task.id}/checklists`, { title: 'x' })).code).toBe('limit_reached')
})
