// Content over REST and what is stored of typed text (domain rules, sections 8.2 to 8.4 and 8.8).
import pg from 'pg'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import * as Y from 'yjs'
import { appendUpdate, jsonOf, replaceUpdate } from '#server/content/document-state.ts'
import { markdownToContent } from '#server/content/markdown.ts'
import { must } from '#server/kernel/must.ts'
import { apply, dataOf, enrol, makeBoard, transact, written } from '#server/testing/board.ts'
import type { Client } from '#server/testing/client.ts'
import {
  asMarkdown,
  atHome,
  type DocumentRow,
  inApplication,
  makeDocument,
  readContent,
  readDocument,
} from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { verifyContents } from './index.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
let paper: DocumentRow
let url: string

beforeEach(async () => {
  paper = await makeDocument(people.editor, inApplication(board), asMarkdown('One\n\nTwo'))
  url = `/api/documents/${paper.id}`
})

const write = (value: string, more: Record<string, unknown> = {}, by: Client = people.editor) =>
  by.put(`${url}/content`, { format: 'markdown', value, ...more })
const bytesOf = async (path: string, by: Client & { token?: string } = people.viewer): Promise<Uint8Array> => {
  const answer = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${by.token}` } })
  expect(answer.headers.get('content-type')).toBe('application/octet-stream')
  return new Uint8Array(await answer.arrayBuffer())
}
const stateNow = () => bytesOf(`${url}/content?format=yjs`)
/** What somebody types in an open document: into the log, as the sockets do. */
const type = async (markdown: string): Promise<void> => {
  const update = appendUpdate(await stateNow(), markdownToContent(markdown, 'document'))
  await queryOnce(server.databaseUrl, 'insert into document_updates (document_id, update) values ($1, $2)', [
    paper.id,
    Buffer.from(update),
  ])
}
const stored = async () =>
  (
    await queryOnce(
      server.databaseUrl,
      `select c.content_markdown, c.content_plain, c.content_json, c.ydoc,
              (select count(*)::int from document_updates u where u.document_id = c.document_id) as log
         from document_contents c where c.document_id = $1`,
      [paper.id],
    )
  ).rows[0] as { content_markdown: string; content_plain: string; content_json: object; ydoc: Buffer; log: number }

/** Who is recorded as having typed, oldest first. */
const typists = async () => {
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select actor_name from activities
      where document_id = $1 and action = 'document.write' and via = 'socket' order by created_at, actor_name`,
    [paper.id],
  )
  return rows.map(row => row.actor_name as string)
}

test('D100 what is written over REST is Markdown, plain text, JSON and Yjs state at once', async () => {
  const answer = written(await write('# Log\n\n- [x] done\n- [ ] open'))
  expect(answer).toMatchObject({
    data: { content_version: 2, excerpt: 'Log done open', word_count: 3, version: 1 },
    shapes: ['documents'],
  })
  const row = await stored()
  expect(row).toMatchObject({ content_markdown: '# Log\n\n- [x] done\n- [ ] open', content_plain: 'Log\ndone\nopen' })
  expect(jsonOf(row.ydoc)).toEqual(row.content_json)
  expect(jsonOf(await stateNow())).toEqual(row.content_json)
  expect((await readContent(people.viewer, paper.id, 'text')).value).toBe('Log\ndone\nopen')
  expect((await readContent(people.viewer, paper.id, 'json')).value).toEqual(row.content_json)
})

test('D99 content read as Markdown and written back is the same, and no change', async () => {
  const text =
    '## Heading\n\n> quoted\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```ts\ncode\n```\n\n1. first\n2. second'
  written(await write(text))
  const { value } = await readContent(people.viewer, paper.id)
  const again = written(await write(value))
  expect(again).toMatchObject({ txid: null, data: { content_version: 2 } })
  expect((await readContent(people.viewer, paper.id)).value).toBe(value)
})

test('append and prepend add blocks at the ends', async () => {
  written(await write('Three', { mode: 'append' }))
  written(await people.editor.patch(`${url}/content`, { format: 'markdown', value: 'Zero', mode: 'prepend' }))
  expect((await readContent(people.viewer, paper.id)).value).toBe('Zero\n\nOne\n\nTwo\n\nThree')
})

test('D98 a replacement leaves what is typed meanwhile in other blocks', async () => {
  // somebody types in the second block of the state he has, and his update comes later than the replacement of the first
  const state = await stateNow()
  const typed = replaceUpdate(state, markdownToContent('One\n\nTwo and a half', 'document'))
  written(await write('Uno\n\nTwo'))
  const sent = await people.editor.request('POST', `${url}/updates`, Buffer.from(typed), {
    'content-type': 'application/octet-stream',
  })
  expect(written(sent).data).toMatchObject({ content_version: 3 })
  expect((await readContent(people.viewer, paper.id)).value).toBe('Uno\n\nTwo and a half')
  const again = await people.editor.request('POST', `${url}/updates`, Buffer.from(typed), {
    'content-type': 'application/octet-stream',
  })
  expect(written(again).txid).toBeNull()
})

test('D3 D4 D125 an update is a write like any other: replayed under its key, with its client and its time', async () => {
  const send = (body: Uint8Array, more: Record<string, string> = {}) =>
    people.editor.request('POST', `${url}/updates`, Buffer.from(body), {
      'content-type': 'application/octet-stream',
      'idempotency-key': `update-${paper.id}`,
      'skerry-client': 'skerry-desktop/1.0',
      ...more,
    })
  const update = appendUpdate(await stateNow(), markdownToContent('typed', 'document'))
  const first = await send(update)
  written(first)
  const second = await send(update)
  expect([second.status, second.text]).toEqual([first.status, first.text])
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  expect((await send(Buffer.from([0, 0]))).code).toBe('idempotency_mismatch')
  expect((await send(update, { 'skerry-client': 'odd' })).code).toBe('invalid_header')
  expect((await send(update, { 'skerry-edited-at': 'yesterday' })).code).toBe('invalid_header')
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select via from activities where document_id = $1 and action = 'document.write'`,
    [paper.id],
  )
  expect(rows).toEqual([{ via: 'desktop' }])
})

test('updates that come in the wrong order are both there in the end', async () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, await stateNow())
  const made: Uint8Array[] = []
  doc.on('update', update => void made.push(update))
  const text = new Y.XmlText()
  const paragraph = new Y.XmlElement('paragraph')
  paragraph.insert(0, [text])
  doc.getXmlFragment('default').push([paragraph])
  text.insert(0, 'b')
  expect(made).toHaveLength(2)
  for (const update of made.toReversed()) {
    const sent = await people.editor.request('POST', `${url}/updates`, Buffer.from(update), {
      'content-type': 'application/octet-stream',
    })
    expect(written(sent).txid).not.toBeNull()
  }
  expect((await readContent(people.viewer, paper.id)).value).toBe('One\n\nTwo\n\nb')
})

const nested = (levels: number): Y.Doc => {
  const doc = new Y.Doc()
  let at: Y.XmlFragment = doc.getXmlFragment('default')
  for (let level = 0; level <= levels; level += 1) {
    const inner = new Y.XmlElement('blockquote')
    at.insert(0, [inner])
    at = inner
  }
  return doc
}

test('an update that is none is refused, so is one that nests too deep, and so is another content type', async () => {
  const send = (body: Uint8Array<ArrayBuffer>, type = 'application/octet-stream') =>
    people.editor.request('POST', `${url}/updates`, body, { 'content-type': type })
  expect((await send(Buffer.from('no update at all'))).issues).toEqual([' bad_format'])
  // Yjs reads this deletion of nothing, and could not write it again
  expect((await send(Buffer.from([0, 1, 5, 1, 0, 0]))).issues).toEqual([' bad_format'])
  expect((await send(Buffer.from(Y.encodeStateAsUpdate(nested(501))))).issues).toEqual([' too_long'])
  expect((await send(Buffer.alloc(0))).status).toBe(422)
  expect((await send(Buffer.from([0, 0]), 'text/plain')).code).toBe('unsupported_media_type')
  expect(
    (
      await people.viewer.request('POST', `${url}/updates`, Buffer.from([0, 0]), {
        'content-type': 'application/octet-stream',
      })
    ).code,
  ).toBe('forbidden')
})

test('reads and writes see what is typed and not stored yet', async () => {
  await type('Typed')
  expect((await readContent(people.viewer, paper.id)).value).toBe('One\n\nTwo\n\nTyped')
  written(await write('Last', { mode: 'append' }))
  expect((await readContent(people.viewer, paper.id)).value).toBe('One\n\nTwo\n\nTyped\n\nLast')
  expect(await stored()).toMatchObject({ log: 0, content_plain: 'One\nTwo\nTyped\nLast' })
})

test('a read takes no more than it answers: no state where nothing is typed, no content for a 304', async () => {
  await queryOnce(server.databaseUrl, `update document_contents set ydoc = 'no state' where document_id = $1`, [
    paper.id,
  ])
  expect((await readContent(people.viewer, paper.id)).value).toBe('One\n\nTwo')
  expect((await readContent(people.viewer, paper.id, 'text')).value).toBe('One\nTwo')
  expect((await readContent(people.viewer, paper.id, 'json')).value).toMatchObject({ type: 'doc' })
  await queryOnce(server.databaseUrl, 'delete from document_contents where document_id = $1', [paper.id])
  expect((await people.viewer.get(`${url}/content`, { 'if-none-match': '"1"' })).status).toBe(304)
  expect((await people.viewer.get(`${url}/content`)).code).toBe('not_found')
})

test('one document is answered after one look at what its reader is', async () => {
  const asked = vi.spyOn(pg.Client.prototype, 'query')
  onTestFinished(() => asked.mockRestore())
  expect(await readDocument(people.viewer, paper.id)).toMatchObject({ my_access: { view: true, edit: false } })
  const texts = asked.mock.calls.map(call => JSON.stringify(call[0]))
  expect(texts.filter(text => text.includes('application_members'))).toHaveLength(1)
})

test('a strict write needs the version it names, and nothing typed since', async () => {
  const read = await people.viewer.get(`${url}/content`)
  expect(read.headers.get('etag')).toBe('"1"')
  expect((await people.viewer.get(`${url}/content`, { 'if-none-match': '"1"' })).status).toBe(304)
  const strict = (version: string) =>
    people.editor.put(`${url}/content`, { format: 'markdown', value: 'Strict' }, { 'if-match': version })
  expect((await strict('"2"')).code).toBe('version_conflict')
  await type('Typed')
  expect((await people.viewer.get(`${url}/content`)).headers.get('etag')).toBe('W/"1"')
  expect((await strict('"1"')).code).toBe('version_conflict')
  await server.app.documents.store(paper.id, [people.editor.userId])
  expect(written(await strict('"2"')).data).toMatchObject({ content_version: 3 })
  expect((await write('x', { expected_content_version: 1 })).code).toBe('version_conflict')
  const empty = `/api/documents/${(await makeDocument(people.editor, inApplication(board))).id}/content`
  const etag = (await people.viewer.get(empty)).headers.get('etag') ?? ''
  const first = { format: 'markdown', value: 'First' }
  expect(etag).toBe('"0"')
  expect(written(await people.editor.put(empty, first, { 'if-match': etag })).data).toMatchObject({
    content_version: 1,
  })
  expect((await people.editor.put(empty, first, { 'if-match': etag })).code).toBe('version_conflict')
})

test('content that is none is refused with every problem', async () => {
  const put = (body: Record<string, unknown>) => people.editor.put(`${url}/content`, body)
  const bad = await put({ format: 'json', value: { type: 'doc', content: [{ type: 'script' }, { type: 'nonsense' }] } })
  expect(bad.issues).toEqual(['value.content.0 bad_format', 'value.content.1 bad_format'])
  expect((await put({ format: 'markdown', value: 7 })).issues).toEqual(['value bad_format'])
  expect((await put({ format: 'markdown' })).issues).toEqual(['value required'])
  expect((await put({ format: 'html', value: '' })).issues).toEqual(['format not_in_enum'])
  expect((await put({ format: 'markdown', value: '> '.repeat(200) })).status).toBe(422)
  const created = await people.editor.post('/api/documents', {
    ...inApplication(board),
    title: 'Bad',
    content: { format: 'json', value: { type: 'doc', content: [{ type: 'script' }] } },
  })
  expect(created.issues).toEqual(['content.value.content.0 bad_format'])
  expect((await write('x'.repeat(11 * 1024 * 1024))).code).toBe('body_too_large')
})

test('what several servers have logged side by side is stored, also beyond MAX_DOCUMENT_MB; then only less is taken', async () => {
  const half = 'x'.repeat(6 * 1024 * 1024)
  // each found room for its own
  for (const side of ['left', 'right']) await type(`${side} ${half}`)
  await server.app.documents.store(paper.id, [people.editor.userId])
  const { log, ydoc, content_plain: text } = await stored()
  expect([log, ydoc.length > 12 * 1024 * 1024, text.length > 2 * half.length]).toEqual([0, true, true])
  expect((await write('more', { mode: 'append' })).code).toBe('body_too_large')
  written(await write('less'))
  expect((await readContent(people.viewer, paper.id)).value).toBe('less')
})

test('content is written in transactions too, and rolled back with them', async () => {
  const args = { id: paper.id, mode: 'replace', format: 'markdown', value: 'From afar' }
  await apply(people.editor, [{ name: 'document.write', args }])
  expect((await readContent(people.viewer, paper.id)).value).toBe('From afar')
  const events = server.events.length
  const result = await transact(people.editor, [
    { name: 'document.write', args: { ...args, value: 'Never' } },
    { name: 'document.update', args: { id: paper.id, title: '' } },
  ])
  expect(result.status).toBe('rejected')
  expect((await readContent(people.viewer, paper.id)).value).toBe('From afar')
  expect(server.events.length).toBe(events)
})

test('open documents are told after the commit', async () => {
  const from = server.events.length
  written(await write('New'))
  written(await write('New'))
  expect(server.events.slice(from)).toEqual([{ type: 'document.content', documentId: paper.id }])
})

describe('storing what was typed', () => {
  test('folds exactly the log, derives everything, and says so once', async () => {
    await type('Ahoy')
    await type('there')
    const by = [people.member.userId, people.editor.userId]
    expect(await server.app.documents.store(paper.id, by)).toEqual({ contentVersion: 2 })
    expect(await stored()).toMatchObject({ log: 0, content_markdown: 'One\n\nTwo\n\nAhoy\n\nthere' })
    expect(await readDocument(people.viewer, paper.id)).toMatchObject({
      version: 1,
      word_count: 4,
      content_updated_by_id: people.editor.userId,
    })
    expect(await typists()).toHaveLength(2)
    expect(await server.app.documents.store(paper.id, by)).toEqual({ contentVersion: 2 })
    server.clock.advance(9 * 60_000)
    await type('soon')
    await server.app.documents.store(paper.id, by)
    expect(await typists()).toHaveLength(2)
    server.clock.advance(2 * 60_000)
    await type('later')
    await server.app.documents.store(paper.id, [people.member.userId])
    expect(await typists()).toHaveLength(3)
  })

  test('who typed what a write over REST has stored with its own, wrote all the same', async () => {
    await type('Ahoy')
    written(await write('One\n\nTwo\n\nAhoy\n\nthere', {}, people.editor))
    expect(await stored()).toMatchObject({ log: 0 })
    const by = [people.member.userId]
    expect(await server.app.documents.store(paper.id, by)).toEqual({ contentVersion: 2 })
    expect(await server.app.documents.store(paper.id, by)).toEqual({ contentVersion: 2 })
    expect(await typists()).toEqual(['member'])
    expect(await readDocument(people.viewer, paper.id)).toMatchObject({ content_updated_by_id: people.editor.userId })
  })

  test('two at once fold each update once', async () => {
    for (let n = 0; n < 5; n += 1) await type(`n${n}`)
    const ends = await Promise.all([1, 2, 3].map(() => server.app.documents.store(paper.id, [])))
    expect(ends.map(end => end?.contentVersion)).toEqual([2, 2, 2])
    expect(await stored()).toMatchObject({ log: 0, content_plain: 'One\nTwo\nn0\nn1\nn2\nn3\nn4' })
  })

  test('a document that is gone stores nothing; people without an account stand in no row', async () => {
    expect(await server.app.documents.store('00000000-0000-7000-8000-000000000000', [])).toBeUndefined()
    await type('x')
    expect(await server.app.documents.store(paper.id, ['00000000-0000-7000-8000-000000000000'])).toEqual({
      contentVersion: 2,
    })
  })

  test('what Postgres cannot hold is stored without it, and the state stays whole', async () => {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, await stateNow())
    const text = must(doc.getXmlFragment('default').get(0) as Y.XmlElement).get(0) as Y.XmlText
    text.insert(0, 'a\0b\ud800')
    await queryOnce(server.databaseUrl, 'insert into document_updates (document_id, update) values ($1, $2)', [
      paper.id,
      Buffer.from(Y.encodeStateAsUpdate(doc)),
    ])
    await server.app.documents.store(paper.id, [])
    expect((await stored()).content_plain).toMatch(/^ab.One\nTwo$/)
  })

  test('an update that is no update locks nobody out', async () => {
    await queryOnce(server.databaseUrl, 'insert into document_updates (document_id, update) values ($1, $2)', [
      paper.id,
      Buffer.from('garbage'),
    ])
    expect((await readContent(people.viewer, paper.id)).value).toBe('One\n\nTwo')
    await server.app.documents.store(paper.id, [])
    expect((await stored()).log).toBe(0)
  })
})

test('mentions of members are kept as rows and follow the content', async () => {
  const mentioning = (...ids: string[]) => ({
    format: 'json',
    value: {
      type: 'doc',
      content: [{ type: 'paragraph', content: ids.map(id => ({ type: 'mention', attrs: { id, label: 'Somebody' } })) }],
    },
  })
  const rows = async () =>
    (
      await queryOnce(server.databaseUrl, 'select user_id, application_id from mentions where document_id = $1', [
        paper.id,
      ])
    ).rows
  const put = (...ids: string[]) => people.editor.put(`${url}/content`, mentioning(...ids))
  const answer = written(await put(people.viewer.userId, people.stranger.userId))
  expect(answer.shapes).toEqual(['documents', 'mentions'])
  expect(await rows()).toEqual([{ user_id: people.viewer.userId, application_id: board.applicationId }])
  written(await put(people.owner.userId))
  expect(await rows()).toEqual([{ user_id: people.owner.userId, application_id: board.applicationId }])
  const own = await makeDocument(people.viewer, atHome)
  written(await people.viewer.put(`/api/documents/${own.id}/content`, mentioning(people.viewer.userId)))
  expect(dataOf<object>(await people.viewer.get(`/api/documents/${own.id}`))).toMatchObject({ content_version: 1 })
})

test('rights are looked up anew for each question', async () => {
  const guest = await server.signUp('guest')
  const actor = { kind: 'user', userId: guest.userId, displayName: '', sessionPublicId: '', isAdmin: false } as const
  const access = () => server.app.documents.access(actor, paper.id)
  expect(await access()).toBeUndefined()
  await enrol(server, board.applicationId, guest.userId, 'editor')
  expect(await access()).toEqual({ edit: true })
  written(await people.owner.post(`${url}/lock`))
  expect(await access()).toEqual({ edit: false })
  server.clock.advance(301_000)
  expect(await access()).toEqual({ edit: true })
  written(
    await people.owner.patch(`/api/applications/${board.applicationId}/members/${guest.userId}`, { role: 'viewer' }),
  )
  expect(await access()).toEqual({ edit: false })
  written(await people.owner.delete(`/api/applications/${board.applicationId}/members/${guest.userId}`))
  expect(await access()).toBeUndefined()
  expect(await server.app.documents.access({ kind: 'anonymous' }, paper.id)).toBeUndefined()
})

test('verifying finds stored texts that the state does not say, and repairs them', async () => {
  const { database, app } = server
  expect(await verifyContents(database, app.write, false)).toMatchObject({ differing: [], repaired: 0 })
  await queryOnce(server.databaseUrl, 'update documents set word_count = 99 where id = $1', [paper.id])
  await queryOnce(server.databaseUrl, `update document_contents set content_plain = 'x' where document_id = $1`, [
    paper.id,
  ])
  const differing = [{ id: paper.id, columns: ['content_plain', 'word_count'] }]
  expect(await verifyContents(database, app.write, true)).toMatchObject({ differing, repaired: 1 })
  expect(await verifyContents(database, app.write, false)).toMatchObject({ differing: [] })
  expect(await readDocument(people.viewer, paper.id)).toMatchObject({ word_count: 2 })
})
