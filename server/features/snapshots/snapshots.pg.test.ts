// Snapshots: kept by hand and by themselves, restored, compared and thinned (domain rules, section 8.4).
import pg from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { appendUpdate, jsonOf } from '#server/content/document-state.ts'
import { markdownToContent } from '#server/content/markdown.ts'
import { must } from '#server/kernel/must.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { apply, dataOf, makeBoard, type Person, written } from '#server/testing/board.ts'
import { asMarkdown, type DocumentRow, inApplication, makeDocument, readContent } from '#server/testing/library.ts'
import { queryOnce, until } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'
import { thinSnapshots } from './index.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
let paper: DocumentRow
let url: string

beforeEach(async () => {
  paper = await makeDocument(people.editor, inApplication(board), asMarkdown('First'))
  url = `/api/documents/${paper.id}`
})

interface Snapshot {
  readonly id: string
  readonly kind: string
  readonly name: string | null
  readonly contributor_ids: string[]
  readonly content_version: number
  readonly word_count: number
  readonly size_bytes: number
}
const list = async (kind?: string) =>
  dataOf<Snapshot[]>(await people.viewer.get(`${url}/snapshots?limit=200${kind === undefined ? '' : `&kind=${kind}`}`))
const keep = async (name: string): Promise<Snapshot> =>
  written(await people.editor.post(`${url}/snapshots`, { name })).data as unknown as Snapshot
const write = async (value: string) => written(await people.editor.put(`${url}/content`, { format: 'markdown', value }))
const type = async (text: string): Promise<void> => {
  const { rows } = await queryOnce(server.databaseUrl, 'select ydoc from document_contents where document_id = $1', [
    paper.id,
  ])
  const update = appendUpdate((rows[0] as { ydoc: Buffer }).ydoc, markdownToContent(text, 'document'))
  await queryOnce(server.databaseUrl, 'insert into document_updates (document_id, update) values ($1, $2)', [
    paper.id,
    Buffer.from(update),
  ])
}
/** As if everything kept so far had been kept so much earlier. */
const age = (interval: string) =>
  queryOnce(
    server.databaseUrl,
    'update document_snapshots set created_at = created_at - $2::interval where document_id = $1',
    [paper.id, interval],
  )
const text = async () => (await readContent(people.viewer, paper.id)).value

test('D101 restoring keeps what was there before, and restoring that gives it back', async () => {
  const named = await keep('First draft')
  expect(named).toMatchObject({ kind: 'named', word_count: 1, content_version: 1, name: 'First draft' })
  await write('Second')
  await type('typed')
  const from = server.events.length
  const restored = written(await people.member.post(`/api/snapshots/${named.id}/restore`))
  expect(restored).toMatchObject({ data: { content_version: 3 }, shapes: ['documents'] })
  expect(server.events.slice(from)).toEqual([{ type: 'document.content', documentId: paper.id }])
  expect(await text()).toBe('First')
  const before = must((await list('before_restore'))[0])
  const content = dataOf<{ value: string }>(
    await people.viewer.get(`/api/snapshots/${before.id}/content?format=markdown`),
  )
  expect(content.value).toBe('Second\n\ntyped')
  written(await people.editor.post(`/api/snapshots/${before.id}/restore`))
  expect(await text()).toBe('Second\n\ntyped')
  const again = written(await people.editor.post(`/api/snapshots/${before.id}/restore`))
  expect(again.txid).toBeNull()
  expect(await list('before_restore')).toHaveLength(2)
})

test('a replacement keeps what it replaces; adding does not', async () => {
  await write('Second')
  written(await people.editor.put(`${url}/content`, { format: 'markdown', value: 'more', mode: 'append' }))
  const kept = await list()
  expect(kept.map(row => row.kind)).toEqual(['before_replace'])
  expect(dataOf<object>(await people.viewer.get(`/api/snapshots/${must(kept[0]).id}/content?format=text`))).toEqual({
    format: 'text',
    value: 'First',
    content_version: 1,
  })
  // what changes nothing keeps nothing
  await write(await text())
  expect(await list()).toHaveLength(1)
})

test('content of a snapshot in every format, and the difference to now or to another', async () => {
  const first = await keep('One')
  await write('First\n\nSecond')
  const second = await keep('Two')
  await write('Second')
  const at = `/api/snapshots/${first.id}`
  expect(dataOf<{ value: unknown }>(await people.viewer.get(`${at}/content`)).value).toMatchObject({ type: 'doc' })
  const state = await fetch(`${server.url}${at}/content?format=yjs`, {
    headers: { authorization: `Bearer ${people.viewer.token}` },
  })
  expect(jsonOf(new Uint8Array(await state.arrayBuffer()))).toMatchObject({ content: [{ type: 'paragraph' }] })
  // the present text is the stored one where nothing is typed: no state is read for it
  await queryOnce(server.databaseUrl, `update document_contents set ydoc = 'no state' where document_id = $1`, [
    paper.id,
  ])
  const diff = async (query = '') => dataOf<object>(await people.viewer.get(`${at}/diff${query}`))
  expect(await diff()).toMatchObject({ added: 1, removed: 1, unified: expect.stringContaining('-First\n+Second\n') })
  expect(await diff(`?against=${second.id}`)).toMatchObject({ added: 1, removed: 0 })
  const other = await makeDocument(people.editor, inApplication(board))
  const foreign = written(await people.editor.post(`/api/documents/${other.id}/snapshots`, { name: 'x' })).data.id
  expect((await people.viewer.get(`${at}/diff?against=${foreign}`)).code).toBe('not_found')
  expect((await people.stranger.get(`${at}/diff`)).code).toBe('not_found')
})

test('a name makes an automatic snapshot last; others delete only their own', async () => {
  await write('Second')
  const automatic = must((await list())[0])
  written(await people.admin.patch(`/api/snapshots/${automatic.id}`, { name: 'Worth keeping' }))
  expect(await list('named')).toMatchObject([{ id: automatic.id, name: 'Worth keeping' }])
  expect((await people.admin.delete(`/api/snapshots/${automatic.id}`)).code).toBe('forbidden')
  written(await people.editor.delete(`/api/snapshots/${automatic.id}`))
  const other = await keep('Mine')
  written(await people.owner.delete(`/api/snapshots/${other.id}`))
  expect(await list()).toEqual([])
})

describe('automatic snapshots', () => {
  const minute = 60_000

  test('D102 editing for 30 minutes yields at least three', async () => {
    for (let minutes = 0; minutes <= 30; minutes += 1) {
      await type(`minute ${minutes}`)
      await server.app.documents.store(paper.id, [minutes % 2 === 0 ? people.member.userId : people.editor.userId])
      server.clock.advance(minute)
    }
    const kept = await list('auto')
    expect(kept.length).toBeGreaterThanOrEqual(3)
    expect(kept.length).toBeLessThanOrEqual(4)
    expect(must(kept[0]).contributor_ids.toSorted()).toEqual([people.member.userId, people.editor.userId].toSorted())
  })

  test('each version of any kind names everybody who has written since the one before, and nobody else', async () => {
    const store = async (who: Person, text: string) => {
      server.clock.advance(minute)
      await type(text)
      await server.app.documents.store(paper.id, [who.userId])
    }
    const versions = async () => (await list()).map(({ kind, contributor_ids: ids }) => [kind, ids.toSorted()])
    const { member, editor, admin, owner } = people
    const ids = (...who: Person[]) => who.map(one => one.userId).toSorted()
    await store(member, 'first')
    expect(await versions()).toEqual([['auto', ids(editor, member)]])
    // no activity of its own: one is there for ten minutes
    await store(member, 'second')
    await store(admin, 'third')
    await keep('Kept')
    await store(owner, 'fourth')
    await write('All of it anew')
    await age('11 minutes')
    // from a queue, written before any of that
    const earlier = new Date(server.clock.now().getTime() - 60 * minute)
    const args = { id: paper.id, mode: 'append', format: 'markdown', value: 'from a train' }
    await apply(member, [{ name: 'document.write', args }], { editedAt: earlier })
    expect(await versions()).toEqual([
      ['auto', ids(editor, member)],
      ['before_replace', ids(owner)],
      ['named', ids(member, admin)],
      ['auto', ids(editor, member)],
    ])
  })

  test('when the last editor leaves after changes, and not without any', async () => {
    await type('a')
    await server.app.documents.store(paper.id, [people.member.userId])
    await type('b')
    await server.app.documents.store(paper.id, [people.member.userId])
    expect(await list('auto')).toHaveLength(1)
    await server.app.documents.store(paper.id, [], { lastLeft: true })
    await server.app.documents.store(paper.id, [], { lastLeft: true })
    const kept = await list('auto')
    expect(kept).toHaveLength(2)
    expect(must(kept[0]).content_version).toBe(3)
  })

  test('D102 thinning leaves all of a day, one an hour of a week, one a day of 90 days, and every named one', async () => {
    const now = server.clock.now().getTime()
    const hour = 3_600_000
    const day = 24 * hour
    // on the half hour, so that two of them ten minutes apart lie in one hour and one day
    const half = (age: number) => new Date(Math.floor((now - age) / hour) * hour + hour / 2)
    const put = async (kind: string, at: Date): Promise<string> => {
      const id = uuid7()
      await queryOnce(
        server.databaseUrl,
        `insert into document_snapshots (id, created_at, application_id, document_id, kind, name, word_count, size_bytes, content_version)
         values ($1, $2, $3, $4, $5, $6, 0, 0, 0)`,
        [id, at, board.applicationId, paper.id, kind, kind === 'named' ? 'Kept' : null],
      )
      return id
    }
    const earlier = (at: Date) => new Date(at.getTime() - 10 * minute)
    const stays: string[] = []
    const goes: string[] = []
    for (const age of [2 * hour, 20 * hour])
      stays.push(await put('auto', half(age)), await put('auto', earlier(half(age))))
    for (const age of [2 * day, 3 * day, 6 * day]) {
      stays.push(await put('auto', half(age)))
      goes.push(await put('auto', earlier(half(age))))
    }
    for (const age of [20 * day, 80 * day]) {
      stays.push(await put('auto', half(age)))
      goes.push(await put('auto', earlier(half(age))))
    }
    goes.push(await put('auto', half(91 * day)), await put('before_replace', half(91 * day)))
    stays.push(await put('named', half(400 * day)))
    for (const at of [half(80 * day), earlier(half(80 * day))]) stays.push(await put('before_restore', at))
    expect(await thinSnapshots(server.app.write)).toBe(goes.length)
    expect((await list()).map(row => row.id).toSorted()).toEqual(stays.toSorted())
    expect(await thinSnapshots(server.app.write)).toBe(0)
  })
})

test('writes over REST leave automatic snapshots as typing does', async () => {
  const append = async (value: string) =>
    written(await people.editor.patch(`${url}/content`, { format: 'markdown', value, mode: 'append' }))
  await append('Second')
  expect(await list()).toMatchObject([{ kind: 'auto', content_version: 2, contributor_ids: [people.editor.userId] }])
  await append('Third')
  expect(await list()).toHaveLength(1)
  await age('11 minutes')
  await append('Fourth')
  expect((await list()).map(row => row.content_version)).toEqual([4, 2])
})

test('a snapshot that is given a name while it is thinned stays', async () => {
  await write('Second')
  const [kept] = await list()
  await age('91 days')
  const renaming = new pg.Client({ connectionString: server.databaseUrl })
  await renaming.connect()
  await renaming.query('begin')
  await renaming.query(`update document_snapshots set kind = 'named', name = 'Kept' where id = $1`, [must(kept).id])
  const thinning = thinSnapshots(server.app.write)
  await until('the deletion waits for the name', async () => {
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%document_snapshots%'`,
    )
    return rows.length > 0
  })
  await renaming.query('commit')
  await renaming.end()
  await thinning
  expect(await list('named')).toMatchObject([{ id: must(kept).id, name: 'Kept' }])
})
