// Where cards land (domain rules, sections 6.3 and 6.4).
import { beforeEach, describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import {
  apply,
  type Board,
  column,
  makeBoard,
  makeTask,
  readTask,
  type Row,
  transact,
  written,
} from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
let board: Board
let a: Row
let b: Row
let c: Row
let d: Row

beforeEach(async () => {
  board = await makeBoard(server, people)
  a = await makeTask(people.member, board.projectId, { title: 'A' })
  b = await makeTask(people.member, board.projectId, { title: 'B' })
  c = await makeTask(people.member, board.projectId, { title: 'C' })
  d = await makeTask(people.member, board.projectId, { title: 'D' })
})

const move = async (id: string, body: Record<string, unknown>) =>
  written(await people.member.put(`/api/tasks/${id}/move`, body))
const names = new Map<string, string>()
const todo = async (): Promise<string> => {
  for (const [name, row] of Object.entries({ A: a, B: b, C: c, D: d })) names.set(row.id, name)
  return (await column(people.viewer, board.projectId, board.statuses.todo)).map(id => names.get(id) ?? '?').join(' ')
}
const setRank = (id: string, rank: string) =>
  queryOnce(server.databaseUrl, 'update tasks set rank = $2 where id = $1', [id, rank])

describe('anchors', () => {
  test.each([
    ['after A', () => ({ after_id: a.id }), 'A D B C'],
    ['before B', () => ({ before_id: b.id }), 'A D B C'],
    ['after A and before B', () => ({ after_id: a.id, before_id: b.id }), 'A D B C'],
    ['before A', () => ({ before_id: a.id }), 'D A B C'],
    ['after A and before C, no longer adjacent: below A', () => ({ after_id: a.id, before_id: c.id }), 'A D B C'],
    ['after C and before A, reversed: below C', () => ({ after_id: c.id, before_id: a.id }), 'A B C D'],
    ['top', () => ({ position: 'top' }), 'D A B C'],
    ['bottom', () => ({ position: 'bottom' }), 'A B C D'],
    ['an unknown anchor and a known one', () => ({ after_id: uuid7(), before_id: b.id }), 'A D B C'],
    ['itself and a known one', () => ({ after_id: d.id, before_id: b.id }), 'A D B C'],
    ['an anchor beats the position', () => ({ before_id: b.id, position: 'top' }), 'A D B C'],
  ])('D53 moving D in A B C D: %s', async (_name, body, expected) => {
    await move(d.id, body())
    expect(await todo()).toBe(expected)
  })

  test('D53 position bottom gives it last', async () => {
    await move(a.id, { position: 'bottom' })
    expect(await todo()).toBe('B C D A')
  })

  test('D56 vanished anchors and no status change leave the rank; txid null', async () => {
    await move(b.id, { status_id: board.statuses.active })
    await people.member.delete(`/api/tasks/${c.id}`)
    for (const anchors of [{ after_id: b.id }, { before_id: c.id }, { after_id: b.id, before_id: c.id }]) {
      const answer = await move(d.id, anchors)
      expect(answer).toMatchObject({ txid: null, data: { rank: d.rank, version: 1 } })
    }
    expect(await todo()).toBe('A D')
  })

  test('D56 vanished anchors with a status change: the bottom of the new column', async () => {
    await move(a.id, { status_id: board.statuses.active })
    await move(d.id, { status_id: board.statuses.active, after_id: b.id })
    expect(await column(people.viewer, board.projectId, board.statuses.active)).toEqual([a.id, d.id])
  })

  test('moving into a column beside one of its cards', async () => {
    await move(a.id, { status_id: board.statuses.active })
    await move(b.id, { status_id: board.statuses.active })
    const answer = await move(d.id, { status_id: board.statuses.active, before_id: b.id })
    expect(answer.shapes).toEqual(
      ['project_aggregates', 'projects', 'tasks'].filter(name => answer.shapes?.includes(name)),
    )
    expect(await column(people.viewer, board.projectId, board.statuses.active)).toEqual([a.id, d.id, b.id])
  })

  test('D50 an anchor of another project is ignored, a status of another project refused', async () => {
    const other = await makeBoard(server, people)
    const foreign = await makeTask(people.owner, other.projectId)
    expect((await move(d.id, { after_id: foreign.id })).txid).toBeNull()
    const refused = await people.member.put(`/api/tasks/${d.id}/move`, { status_id: other.statuses.done })
    expect(refused.issues).toEqual(['status_id status_foreign'])
    expect(await readTask(people.member, d.id)).toMatchObject({ rank: d.rank, version: 1 })
  })

  test('nothing said is nothing_to_change; no rank is bad_format', async () => {
    expect((await people.member.put(`/api/tasks/${d.id}/move`, {})).issues).toEqual([' nothing_to_change'])
    for (const rank of ['', '0', 'a', 'Zz-', 'a10']) {
      const answer = await people.member.put(`/api/tasks/${d.id}/move`, { rank })
      expect([rank, answer.status, answer.issues]).toEqual([rank, 422, ['rank bad_format']])
    }
  })

  test('a client rank without anchors is taken as it is; with anchors only between them', async () => {
    expect((await move(d.id, { rank: 'Zz' })).data.rank).toBe('Zz')
    expect(await todo()).toBe('D A B C')
    const between = await move(d.id, { rank: `${a.rank}V`, after_id: a.id, before_id: b.id })
    expect(between.data.rank).toBe(`${a.rank}V`)
    const outside = await move(d.id, { rank: 'Zz', after_id: b.id, before_id: c.id })
    expect(outside.data.rank).not.toBe('Zz')
    expect(await todo()).toBe('A B D C')
  })
})

describe('ranks', () => {
  test('D54 300 inserts at one spot and 300 at the top keep their order, no rank above 200', async () => {
    // the checklist's thousand take long over HTTP: a hundred transactions of fifty mutations say the same
    const made: string[] = []
    for (let batch = 0; batch < 6; batch += 1) {
      const ids = Array.from({ length: 50 }, () => uuid7())
      await apply(
        people.member,
        ids.map(id => ({ name: 'task.create', args: { id, project_id: board.projectId, title: 'x', after_id: a.id } })),
      )
      made.unshift(...ids.toReversed())
    }
    const tops: string[] = []
    for (let batch = 0; batch < 6; batch += 1) {
      const ids = Array.from({ length: 50 }, () => uuid7())
      await apply(
        people.member,
        ids.map(id => ({
          name: 'task.create',
          args: { id, project_id: board.projectId, title: 'x', position: 'top' },
        })),
      )
      tops.unshift(...ids.toReversed())
    }
    const { rows } = await queryOnce(
      server.databaseUrl,
      'select id, rank from tasks where project_id = $1 order by rank, id',
      [board.projectId],
    )
    const list = rows as { id: string; rank: string }[]
    expect(list.map(row => row.id)).toEqual([...tops, a.id, ...made, b.id, c.id, d.id])
    expect(Math.max(...list.map(row => row.rank.length))).toBeLessThanOrEqual(100)
  })

  test('equal neighbours: the column is written anew, in its order', async () => {
    await setRank(b.id, a.rank)
    const [first, second] = [a.id, b.id].toSorted()
    const answer = await move(d.id, { after_id: first, before_id: second })
    expect(await column(people.viewer, board.projectId, board.statuses.todo)).toEqual([first, d.id, second, c.id])
    expect(answer.txid).not.toBeNull()
    const { rows } = await queryOnce(server.databaseUrl, 'select distinct rank from tasks where project_id = $1', [
      board.projectId,
    ])
    expect(rows).toHaveLength(4)
  })

  test('a rank that would pass 100 characters makes the server rewrite the column', async () => {
    await setRank(a.id, `a0${'0'.repeat(97)}1`)
    await setRank(b.id, `a0${'0'.repeat(97)}2`)
    await move(d.id, { after_id: a.id, before_id: b.id })
    expect(await todo()).toBe('A D B C')
    const { rows } = await queryOnce(
      server.databaseUrl,
      'select max(length(rank)) as longest from tasks where project_id = $1',
      [board.projectId],
    )
    expect((rows[0] as { longest: number }).longest).toBeLessThan(20)
  })

  test('concurrent moves to one spot never get the same rank', async () => {
    const cards = await Promise.all(Array.from({ length: 8 }, () => makeTask(people.member, board.projectId)))
    await Promise.all(cards.map(card => move(card.id, { after_id: a.id })))
    const ids = await column(people.viewer, board.projectId, board.statuses.todo)
    expect(ids[0]).toBe(a.id)
    expect(new Set(ids.slice(1, 9))).toEqual(new Set(cards.map(card => card.id)))
    const { rows } = await queryOnce(
      server.databaseUrl,
      'select count(distinct rank)::int as n from tasks where project_id = $1',
      [board.projectId],
    )
    expect(rows).toEqual([{ n: 12 }])
  })

  test('D55 two clients that drop different cards at one spot while apart keep both there', async () => {
    const earlier = server.clock.now()
    server.clock.advance(5000)
    await apply(people.member, [{ name: 'task.move', args: { id: c.id, after_id: a.id, before_id: b.id } }], {
      editedAt: new Date(earlier.getTime() + 1000),
    })
    await apply(people.admin, [{ name: 'task.move', args: { id: d.id, after_id: a.id, before_id: b.id } }], {
      editedAt: new Date(earlier.getTime() + 2000),
    })
    expect(await todo()).toBe('A D C B')
  })
})

test('D39 an offline move to a deleted status lands in its redirect target with a warning', async () => {
  const { review, active } = board.statuses
  written(await people.admin.delete(`/api/statuses/${review}?target_status_id=${active}`))
  const result = await transact(people.member, [{ name: 'task.move', args: { id: a.id, status_id: review } }])
  expect(result).toMatchObject({
    status: 'applied',
    results: [{ data: { status_id: active }, warnings: ['status_redirected'] }],
  })
  // redirects follow each other
  written(await people.admin.delete(`/api/statuses/${active}?target_status_id=${board.statuses.issue}`))
  const updated = written(await people.member.patch(`/api/tasks/${b.id}`, { status_id: review }))
  expect(updated).toMatchObject({ data: { status_id: board.statuses.issue }, warnings: ['status_redirected'] })
})
