// Many writes at once, which share transactions (kernel/groups.ts): each keeps its own effect, answer and refusal.
import { expect, test } from 'vitest'
import { verifyCounters } from '#server/kernel/counters.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { dataOf, makeBoard, makeTask, readTask, type Row, written } from '#server/testing/board.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

const makeTasks = async (count: number): Promise<Row[]> => {
  const tasks: Row[] = []
  for (let n = 0; n < count; n += 1) tasks.push(await makeTask(people.member, board.projectId, { title: `Card ${n}` }))
  return tasks
}

/** Transactions of the database that the writes took: fewer than writes when they were shared. */
const distinct = (txids: readonly (number | null)[]): number => new Set(txids).size

test('each of many changes is applied once and answered with its own row', async () => {
  const tasks = await makeTasks(20)
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      people.member.patch(`/api/tasks/${tasks[n % 20]?.id}`, { title: `Title ${n}` }).then(written),
    ),
  )
  for (const [n, { data }] of answers.entries()) {
    expect([data.id, data.title]).toEqual([tasks[n % 20]?.id, `Title ${n}`])
  }
  // ten changes of each, one after the other: no version was given twice
  for (const task of tasks) {
    const versions = answers.filter(({ data }) => data.id === task.id).map(({ data }) => data.version)
    expect(versions.toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect((await readTask(people.member, task.id)).version).toBe(11)
  }
  expect(distinct(answers.map(({ txid }) => txid))).toBeLessThan(answers.length)
})

test('refusals stay with those who asked for them', async () => {
  const tasks = await makeTasks(30)
  const answers = await Promise.all(
    tasks.map((task, n) => {
      if (n % 6 === 1) return people.stranger.patch(`/api/tasks/${task.id}`, { title: 'Mine' })
      if (n % 6 === 2) return people.viewer.patch(`/api/tasks/${task.id}`, { title: 'Mine' })
      if (n % 6 === 3) return people.member.patch(`/api/tasks/${task.id}`, { title: 'x', expected_version: 9 })
      if (n % 6 === 4) return people.member.patch(`/api/tasks/${uuid7()}`, { title: `Card ${n}` })
      if (n % 6 === 5) return people.member.patch(`/api/tasks/${task.id}`, { assignee_id: people.viewer.userId })
      return people.member.patch(`/api/tasks/${task.id}`, { title: `New ${n}` })
    }),
  )
  expect(answers.map(answer => answer.status)).toEqual(tasks.map((_, n) => [200, 404, 403, 409, 404, 422][n % 6]))
  for (const [n, task] of tasks.entries()) {
    const now = await readTask(people.member, task.id)
    expect([now.title, now.version]).toEqual(n % 6 === 0 ? [`New ${n}`, 2] : [task.title, 1])
  }
})

test('one Idempotency-Key used ten times at once has one effect', async () => {
  const tasks = await makeTasks(6)
  const calls = tasks.flatMap((task, n) =>
    Array.from({ length: 10 }, () =>
      people.member.request('PATCH', `/api/tasks/${task.id}`, JSON.stringify({ title: `Once ${n}` }), {
        'content-type': 'application/json',
        'idempotency-key': `once-${task.id}`,
      }),
    ),
  )
  const answers = await Promise.all(calls)
  for (const [n, task] of tasks.entries()) {
    const own = answers.slice(n * 10, n * 10 + 10)
    const texts = new Set(own.filter(answer => answer.status === 200).map(answer => answer.text))
    expect(texts.size).toBe(1)
    for (const answer of own) expect([200, 409]).toContain(answer.status)
    const log = dataOf<{ action: string }[]>(await people.member.get(`/api/tasks/${task.id}/activity?limit=100`))
    expect(log.filter(entry => entry.action === 'task.update')).toHaveLength(1)
  }
})

test('ticks, comments and titles at once leave right counters, and so does an offline queue', async () => {
  const tasks = await makeTasks(5)
  const items: string[] = []
  for (const task of tasks) {
    const list = written(await people.member.post(`/api/tasks/${task.id}/checklists`, { title: 'To do' })).data.id
    for (let n = 0; n < 4; n += 1) {
      items.push(written(await people.member.post(`/api/checklists/${list}/items`, { content: `Item ${n}` })).data.id)
    }
  }
  await Promise.all([
    ...items.map(id => people.member.patch(`/api/checklist-items/${id}`, { is_done: true }).then(written)),
    ...tasks.map(task => people.admin.patch(`/api/tasks/${task.id}`, { priority: 'high' }).then(written)),
    ...tasks.map(task =>
      people.member.post(`/api/tasks/${task.id}/comments`, { body_markdown: 'Done.' }).then(written),
    ),
  ])
  const mutations = [
    ...items.map(id => ({ name: 'checklist_item.set_done', args: { id, is_done: false } })),
    ...tasks.flatMap(task => [1, 2].map(n => ({ name: 'task.update', args: { id: task.id, title: `Queued ${n}` } }))),
    ...tasks.map(task => ({ name: 'comment.create', args: { task_id: task.id, body_markdown: 'Undone.' } })),
  ]
  const transactions = mutations.map(mutation => ({ id: uuid7(), mutations: [mutation] }))
  const answer = await people.member.post('/api/transactions', { transactions })
  const results = dataOf<{ results: { id: string; status: string }[] }>(answer).results
  expect(results.map(result => [result.id, result.status])).toEqual(transactions.map(({ id }) => [id, 'applied']))
  for (const task of tasks) {
    const now = await readTask(people.member, task.id)
    expect(now).toMatchObject({
      title: 'Queued 2',
      priority: 'high',
      comment_count: 2,
      checklist_total: 4,
      checklist_done: 0,
    })
  }
  expect(await verifyCounters(server.database, false)).toMatchObject({ differing: [], repaired: 0 })
})
