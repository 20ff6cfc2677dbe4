// Comments and mentions (domain rules, sections 3, 4 and 5.8).
import { beforeEach, describe, expect, test } from 'vitest'
import { dataOf, makeBoard, makeTask, type People, readTask, type Row, written } from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
let task: Row
let url: string

beforeEach(async () => {
  task = await makeTask(people.member, board.projectId)
  url = `/api/tasks/${task.id}/comments`
})

interface Comment extends Row {
  readonly body: unknown
  readonly body_text: string
  readonly replies: Comment[]
  readonly mentions: { user_id: string }[]
}
const write = async (by: keyof People, markdown: string, more: Record<string, unknown> = {}): Promise<Comment> =>
  written(await people[by].post(url, { body_markdown: markdown, ...more })).data as Comment
const read = async (query = '') => dataOf<Comment[]>(await people.viewer.get(`${url}${query}`))
const mentioning = (...ids: string[]) => ({
  type: 'doc',
  content: [
    {
      type: 'paragraph',
      content: [
        { type: 'text', text: 'Look ' },
        ...ids.map(id => ({ type: 'mention', attrs: { id, label: 'Somebody' } })),
      ],
    },
  ],
})

test('D81 every member comments; only the author edits; author and owner delete', async () => {
  const comment = await write('viewer', 'Ahoy **you**')
  expect(comment).toMatchObject({
    author_id: people.viewer.userId,
    author_name: 'viewer',
    body_text: 'Ahoy you',
    version: 1,
  })
  const at = `/api/comments/${comment.id}`
  for (const by of [people.owner, people.admin, people.editor]) {
    expect((await by.patch(at, { body_markdown: 'x' })).code).toBe('forbidden')
  }
  expect((await people.admin.delete(at)).code).toBe('forbidden')
  expect((await people.stranger.patch(at, { body_markdown: 'x' })).code).toBe('not_found')
  expect((await people.stranger.post(url, { body_markdown: 'x' })).code).toBe('not_found')
  const edited = written(await people.viewer.patch(at, { body_markdown: 'Ahoy all' }))
  expect(edited.data).toMatchObject({ body_text: 'Ahoy all', version: 2 })
  expect(edited.data.body_edited_at).not.toBeNull()
  expect((await people.owner.delete(at)).status).toBe(200)
})

test('D6 an edit to the same text changes nothing', async () => {
  const body = mentioning(people.viewer.userId)
  const comment = written(await people.member.post(url, { body })).data
  const answers = [
    await people.member.patch(`/api/comments/${comment.id}`, { body }),
    await people.member.patch(`/api/comments/${comment.id}`, { body: comment.body }),
  ]
  expect(answers.map(answer => written(answer).txid)).toEqual([null, null])
  expect((await read())[0]).toMatchObject({ version: 1, body_edited_at: null })
})

test('D82 replies nest one level; a deleted comment with replies is a tombstone without text', async () => {
  const comment = await write('member', 'Top secret')
  const reply = await write('viewer', 'Reply', { parent_id: comment.id })
  const second = await people.viewer.post(url, { body_markdown: 'x', parent_id: reply.id })
  expect(second.issues).toEqual(['parent_id reply_to_reply'])
  const other = await makeTask(people.member, board.projectId)
  const foreign = await people.viewer.post(`/api/tasks/${other.id}/comments`, {
    body_markdown: 'x',
    parent_id: comment.id,
  })
  expect(foreign.issues).toEqual(['parent_id parent_foreign'])
  expect((await readTask(people.viewer, task.id)).comment_count).toBe(2)

  const gone = written(await people.member.delete(`/api/comments/${comment.id}`))
  expect(gone.data).toMatchObject({ body: null, body_text: '', deleted_by_id: people.member.userId })
  const [seen] = await read()
  expect(seen).toMatchObject({
    id: comment.id,
    body: null,
    body_text: '',
    replies: [{ id: reply.id, body_text: 'Reply' }],
  })
  expect((await people.viewer.get(url)).text).not.toContain('Top secret')
  expect((await readTask(people.viewer, task.id)).comment_count).toBe(1)
  expect((await people.member.delete(`/api/comments/${comment.id}`)).code).toBe('comment_deleted')
  expect((await people.member.patch(`/api/comments/${comment.id}`, { body_markdown: 'x' })).code).toBe(
    'comment_deleted',
  )
  expect((await read('?flat=true')).map(row => row.id)).toEqual([reply.id, comment.id])
})

test('a tombstone keeps its text out of the activity log as well', async () => {
  const comment = await write('member', 'Password: hunter2')
  written(await people.member.delete(`/api/comments/${comment.id}`))
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select action, entity_label from activities where entity_id = $1 and action = 'comment.delete'`,
    [comment.id],
  )
  expect(rows).toEqual([{ action: 'comment.delete', entity_label: '' }])
})

describe('mentions', () => {
  test('D83 of members are kept, of others become text', async () => {
    const body = mentioning(people.viewer.userId, people.stranger.userId)
    const comment = written(await people.member.post(url, { body })).data as Comment
    expect((await read())[0]?.mentions.map(row => row.user_id)).toEqual([people.viewer.userId])
    expect(JSON.stringify(comment.body)).not.toContain(people.stranger.userId)
    expect(comment.body_text).toContain('Somebody')
  })

  test('an edit adds and removes exactly the changed ones; deleting removes all', async () => {
    const first = written(
      await people.member.post(url, { body: mentioning(people.viewer.userId, people.editor.userId) }),
    ).data
    const rows = async () =>
      (
        await queryOnce(server.databaseUrl, 'select id, user_id from mentions where comment_id = $1 order by user_id', [
          first.id,
        ])
      ).rows as {
        id: string
        user_id: string
      }[]
    const before = await rows()
    written(
      await people.member.patch(`/api/comments/${first.id}`, {
        body: mentioning(people.viewer.userId, people.owner.userId),
      }),
    )
    const after = await rows()
    expect(after.map(row => row.user_id)).toEqual([people.viewer.userId, people.owner.userId].toSorted())
    expect(after.find(row => row.user_id === people.viewer.userId)).toEqual(
      before.find(row => row.user_id === people.viewer.userId),
    )
    written(await people.member.delete(`/api/comments/${first.id}`))
    expect(await rows()).toEqual([])
  })
})

test('what is no comment: empty, two bodies, unknown nodes, too long', async () => {
  const post = (body: Record<string, unknown>) => people.viewer.post(url, body)
  expect((await post({ body_markdown: '   ' })).issues).toEqual(['body too_short'])
  expect((await post({})).status).toBe(422)
  expect((await post({ body_markdown: 'x', body: mentioning() })).status).toBe(422)
  expect((await post({ body: { type: 'doc', content: [{ type: 'script' }] } })).status).toBe(422)
  expect((await post({ body_markdown: 'x'.repeat(50_001) })).status).toBe(422)
  expect(await read()).toEqual([])
})

test('D11 paging in either order returns each once, replies with their parents', async () => {
  const made: string[] = []
  for (let n = 0; n < 5; n += 1) made.push((await write('viewer', `n${n}`)).id)
  for (const order of ['asc', 'desc']) {
    const found: string[] = []
    let cursor = ''
    do {
      const answer = await people.viewer.get(`${url}?limit=2&order=${order}${cursor && `&cursor=${cursor}`}`)
      found.push(...dataOf(answer).map(row => row.id))
      cursor = (answer.body as { next_cursor: string | null }).next_cursor ?? ''
    } while (cursor !== '')
    expect(found).toEqual(order === 'asc' ? made : made.toReversed())
  }
})

describe('bounds', () => {
  /** So many comments with a body of about `bytes` each, past the limits of requests. */
  const fill = (count: number, bytes: number) =>
    queryOnce(
      server.databaseUrl,
      `insert into comments (id, application_id, project_id, task_id, author_id, author_name, body, body_text)
       select gen_random_uuid(), application_id, project_id, id, $2, 'viewer', jsonb_build_object('type', repeat('x', $4)), 'x'
         from tasks, generate_series(1, $3) where id = $1`,
      [task.id, people.viewer.userId, count, bytes],
    )

  test('a task has at most 2,000 comments', async () => {
    await fill(1998, 1)
    const { id } = await write('viewer', 'One more')
    await write('viewer', 'The last', { parent_id: id })
    expect((await people.viewer.post(url, { body_markdown: 'x' })).code).toBe('limit_reached')
  })

  test('and at most 8 MiB of them, which an edit cannot pass either, unless it makes one smaller', async () => {
    const { id } = await write('viewer', 'Short')
    await fill(32, 256 * 1024 - 100)
    const at = `/api/comments/${id}`
    written(await people.viewer.patch(at, { body_markdown: 'Still short' }))
    expect((await people.viewer.post(url, { body_markdown: 'x'.repeat(4000) })).code).toBe('limit_reached')
    expect((await people.viewer.patch(at, { body_markdown: 'x'.repeat(4000) })).code).toBe('limit_reached')
    await fill(1, 4000)
    written(await people.viewer.patch(at, { body_markdown: 'Less' }))
  })
})
