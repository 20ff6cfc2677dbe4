// Pages of the log whose rows hold much: what is sent and what is in memory stays bounded, and nothing is left out.
import { expect, test } from 'vitest'
import { makeBoard } from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

interface Entry {
  readonly id: string
  readonly changes: { readonly text?: { readonly old: string; readonly new: string } }
  readonly superseded: unknown
}

interface Answer {
  readonly data: readonly Entry[]
  readonly next_cursor: string | null
}

const count = 45
const length = 100_000

test('long texts are cut in lists, and whole with full=true, twenty rows a page', async () => {
  await queryOnce(
    server.databaseUrl,
    `insert into activities (id, created_at, application_id, project_id, actor_name, actor_kind, action, entity_type,
       entity_id, entity_label, edited_at, via, changes)
     select gen_random_uuid(), now() - make_interval(secs => g), $1, $2, 'Ann', 'user', 'large.update', 'project', $2, 'x', now(), 'web',
       jsonb_build_object('text', jsonb_build_object('old', repeat('o', $3::int), 'new', repeat('n', $3::int)))
     from generate_series(1, $4::int) g`,
    [board.applicationId, board.projectId, length, count],
  )
  const path = `/api/projects/${board.projectId}/activity?action=large&limit=200`
  const list = (await people.owner.get(path)).body as Answer
  expect([list.data.length, list.next_cursor]).toEqual([count, null])
  for (const { changes, superseded } of list.data) {
    expect([changes.text?.old.length, changes.text?.new.length]).toEqual([501, 501])
    expect(superseded).toEqual({})
  }
  const seen: string[] = []
  const sizes: number[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const answer = await people.owner.get(`${path}&full=true${cursor === '' ? '' : `&cursor=${cursor}`}`)
    const { data, next_cursor } = answer.body as Answer
    for (const { id, changes } of data) {
      seen.push(id)
      expect([changes.text?.old.length, changes.text?.new.length]).toEqual([length, length])
    }
    sizes.push(data.length)
    cursor = next_cursor
  }
  expect(sizes).toEqual([20, 20, 5])
  expect(seen).toEqual(list.data.map(({ id }) => id))
})
