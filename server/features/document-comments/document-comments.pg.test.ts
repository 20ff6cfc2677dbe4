// Comments on documents: threads on a text, who may what, and that they stay with their text.
import { describe, expect, test } from 'vitest'
import { dataOf, makeBoard, type Row, transact, written } from '#server/testing/board.ts'
import type { Client } from '#server/testing/client.ts'
import { asMarkdown, atHome, inApplication, inProject, makeDocument } from '#server/testing/library.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
const { owner, admin, member, editor, viewer, stranger } = people

interface Thread extends Row {
  readonly quote: string | null
  readonly body_text: string
  readonly resolved_at: string | null
  readonly deleted_at: string | null
  readonly place: { readonly block: number; readonly text: string } | null
  readonly replies: readonly Thread[]
}

const open = (text: string) => makeDocument(owner, inApplication(board), asMarkdown(text))
const say = (by: Client, documentId: string, body: string, more: object = {}) =>
  by.post(`/api/documents/${documentId}/comments`, { body_markdown: body, ...more })
const threads = async (by: Client, documentId: string, query = 'with_place=true') =>
  dataOf<Thread[]>(await by.get(`/api/documents/${documentId}/comments?${query}`))
const rewrite = async (by: Client, id: string, text: string) =>
  written(await by.put(`/api/documents/${id}/content`, asMarkdown(text).content))

describe('on a text', () => {
  test('a comment stays with its text while the document changes, and is told when the text goes', async () => {
    const { id } = await open('First line\n\nThe old quay and the new quay')
    written(await say(viewer, id, 'Which one?', { find: { text: 'quay', occurrence: 2 } }))
    expect(await threads(owner, id)).toMatchObject([{ quote: 'quay', place: { block: 1, text: 'quay' }, replies: [] }])
    await rewrite(owner, id, 'Zero\n\nFirst line\n\nThe old quay and the brand new quay, indeed')
    expect((await threads(viewer, id))[0]?.place).toEqual({ block: 2, text: 'quay' })
    await rewrite(owner, id, 'Zero\n\nFirst line')
    expect(await threads(viewer, id)).toMatchObject([{ quote: 'quay', place: null }])
    expect((await threads(viewer, id, ''))[0]).not.toHaveProperty('place')
  })

  test('what is not in the document, or is no position, is refused', async () => {
    const { id } = await open('A text')
    const tries = [
      { find: { text: 'pier' } },
      { find: { text: 'text', occurrence: 2 } },
      { anchor: { start: 'AAAA', end: 'AAAA', quote: 'A' } },
      { find: { text: 'text' }, anchor: { start: 'BAEHZGVmYXVsdAA=', end: 'BAEHZGVmYXVsdAA=', quote: 'A' } },
    ]
    const answers = await Promise.all(tries.map(more => say(owner, id, 'Hm', more)))
    expect(answers.map(answer => [answer.status, answer.issues])).toEqual([
      [422, ['find out_of_range']],
      [422, ['find out_of_range']],
      [422, ['anchor.end bad_format', 'anchor.start bad_format']],
      [422, expect.arrayContaining(['anchor bad_format'])],
    ])
    expect(answers[0]?.text).toContain('No paragraph of the document holds that text; upper and lower case differ.')
    expect(answers[1]?.text).toContain('The document holds that text only once.')
    expect(await threads(owner, id)).toEqual([])
  })
})

describe('threads', () => {
  test('replies stand below, once; settled and opened again as a whole', async () => {
    const { id } = await open('Text')
    const thread = written(await say(member, id, 'Question')).data
    const reply = written(await say(viewer, id, 'Answer', { parent_id: thread.id })).data
    expect((await say(owner, id, 'Deeper', { parent_id: reply.id })).issues).toEqual(['parent_id reply_to_reply'])
    const { id: other } = await open('Other')
    expect((await say(owner, other, 'Lost', { parent_id: thread.id })).issues).toEqual(['parent_id parent_foreign'])
    expect(await threads(owner, id)).toMatchObject([
      { id: thread.id, replies: [{ id: reply.id, body_text: 'Answer' }] },
    ])
    const act = (by: Client, what: string, on = thread.id) => by.post(`/api/document-comments/${on}/${what}`)
    expect((await act(viewer, 'resolve')).code).toBe('forbidden')
    expect((await act(owner, 'resolve', reply.id)).issues).toEqual(['id reply_to_reply'])
    expect(written(await act(editor, 'resolve')).data).toMatchObject({ resolved_by_id: editor.userId })
    expect(written(await act(owner, 'resolve'))).toMatchObject({ txid: null, data: { resolved_by_id: editor.userId } })
    expect(await threads(owner, id, 'resolved=false')).toEqual([])
    expect(await threads(owner, id, 'resolved=true')).toHaveLength(1)
    expect(written(await act(member, 'reopen')).data).toMatchObject({ resolved_at: null, resolved_by_id: null })
  })

  test('authors rewrite their own; owners delete as well, and a tombstone stays', async () => {
    const { id } = await open('Text')
    const { id: comment } = written(await say(viewer, id, 'Mine')).data
    const path = `/api/document-comments/${comment}`
    expect((await owner.patch(path, { body_markdown: 'Yours' })).code).toBe('forbidden')
    expect((await editor.delete(path)).code).toBe('forbidden')
    expect(written(await viewer.patch(path, { body_markdown: 'Mine, still' })).data).toMatchObject({ version: 2 })
    expect(written(await viewer.patch(path, { body_markdown: 'Mine, still' })).txid).toBeNull()
    written(await owner.delete(path))
    expect(await threads(viewer, id)).toMatchObject([{ body: null, body_text: '', deleted_at: expect.any(String) }])
    expect((await viewer.patch(path, { body_markdown: 'Again' })).code).toBe('comment_deleted')
    const activity = dataOf<{ action: string }[]>(await owner.get(`/api/documents/${id}/activity`))
    expect(activity.map(entry => entry.action)).toEqual(
      expect.arrayContaining(['document_comment.create', 'document_comment.update', 'document_comment.delete']),
    )
  })

  test('they go with their document, and not to a copy of it', async () => {
    const { id } = await open('Text')
    written(await say(owner, id, 'Here'))
    const copy = written(await owner.post(`/api/documents/${id}/duplicate`, {})).data
    expect(await threads(owner, copy.id)).toEqual([])
    written(await owner.delete(`/api/documents/${id}`))
    expect(await threads(owner, id)).toHaveLength(1)
    written(await owner.delete(`/api/documents/${id}/permanent`))
    const { rows } = await server.database.pool.query('select 1 from document_comments where document_id = $1', [id])
    expect(rows).toEqual([])
  })
})

describe('who', () => {
  test('whoever reads a document comments on it; a personal one has its person alone', async () => {
    const places = [inApplication(board), inProject(board), atHome]
    const may = await Promise.all(
      places.map(async at => {
        const { id } = await makeDocument(owner, at)
        const answers = await Promise.all(
          [owner, admin, member, editor, viewer, stranger].map(person => say(person, id, 'Ahoy')),
        )
        return answers.map(answer => answer.status)
      }),
    )
    expect(may).toEqual([
      [201, 201, 201, 201, 201, 404],
      [201, 201, 201, 201, 201, 404],
      [201, 404, 404, 404, 404, 404],
    ])
  })

  test('a lock on the document holds nobody back; an archived application everybody', async () => {
    const { id } = await open('Text')
    written(await owner.post(`/api/documents/${id}/lock`))
    written(await say(viewer, id, 'While it is locked'))
    written(await owner.delete(`/api/documents/${id}/lock`))
    written(await owner.post(`/api/applications/${board.applicationId}/archive`))
    expect((await say(viewer, id, 'Too late')).code).toBe('application_archived')
    written(await owner.post(`/api/applications/${board.applicationId}/unarchive`))
  })
})

describe('who hears of it', () => {
  const mention = (name: string, id: string) => ({
    body: {
      type: 'doc',
      content: [{ type: 'paragraph', content: [{ type: 'mention', attrs: { id, label: name } }] }],
    },
  })
  const heard = async (by: Client, documentId: string) =>
    dataOf<{ type: string; entity_id: string; title: string }[]>(await by.get('/api/notifications'))
      .filter(row => row.entity_id === documentId)
      .map(row => row.type)

  test('members who are named, once however often; strangers become text; the thread hears of replies', async () => {
    const { id } = await open('Text')
    const { id: thread } = written(
      await owner.post(`/api/documents/${id}/comments`, mention('member', member.userId)),
    ).data
    written(
      await owner.patch(`/api/document-comments/${thread}`, {
        body_markdown: `[@member](skerry-user:${member.userId}) please`,
      }),
    )
    expect(await heard(member, id)).toEqual(['mention'])
    written(await owner.post(`/api/documents/${id}/comments`, mention('stranger', stranger.userId)))
    expect(await heard(stranger, id)).toEqual([])
    written(await say(viewer, id, 'Me too', { parent_id: thread }))
    written(await say(member, id, 'Done', { parent_id: thread }))
    expect(await heard(owner, id)).toEqual(['task_commented', 'task_commented'])
    expect(await heard(viewer, id)).toEqual(['task_commented'])
    expect(await heard(member, id)).toEqual(['mention'])
  })
})

test('a queue may hold them: a document, a comment and a reply in one transaction', async () => {
  const [document, comment, reply] = ['a1', 'a2', 'a3'].map(tail => `01890000-0000-7000-8000-0000000000${tail}`)
  const result = await transact(owner, [
    {
      name: 'document.create',
      args: { id: document, ...inApplication(board), title: 'Offline', ...asMarkdown('one two') },
    },
    {
      name: 'document_comment.create',
      args: { id: comment, document_id: document, body_markdown: 'Hm', find: { text: 'two' } },
    },
    {
      name: 'document_comment.create',
      args: { id: reply, document_id: document, parent_id: comment, body_markdown: 'Yes' },
    },
  ])
  expect(result.status).toBe('applied')
  expect(await threads(owner, document ?? '')).toMatchObject([
    { place: { block: 0, text: 'two' }, replies: [{ id: reply }] },
  ])
  const again = await say(owner, document ?? '', 'Once more', { id: comment })
  expect(again.code).toBe('id_taken')
})

test('a document has at most 2,000 comments and 8 MiB of them', async () => {
  const fill = (documentId: string, count: number, bytes: number) =>
    server.database.pool.query(
      `insert into document_comments (id, application_id, document_id, author_id, author_name, body, body_text)
       select gen_random_uuid(), application_id, id, $2, 'owner', jsonb_build_object('type', repeat('x', $4)), 'x'
         from documents, generate_series(1, $3) where id = $1`,
      [documentId, owner.userId, count, bytes],
    )
  const [many, large] = [await open('Many'), await open('Large')]
  await fill(many.id, 1999, 1)
  const { id } = written(await say(viewer, many.id, 'The last')).data
  expect((await say(viewer, many.id, 'One more', { parent_id: id })).code).toBe('limit_reached')
  const { id: short } = written(await say(viewer, large.id, 'Short')).data
  await fill(large.id, 32, 256 * 1024 - 100)
  const long = 'x'.repeat(4000)
  expect((await say(viewer, large.id, long)).code).toBe('limit_reached')
  expect((await viewer.patch(`/api/document-comments/${short}`, { body_markdown: long })).code).toBe('limit_reached')
  written(await viewer.patch(`/api/document-comments/${short}`, { body_markdown: 'Less' }))
})
