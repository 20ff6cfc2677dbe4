// Tags of documents (domain rules, sections 3, 4 and 7).
import { expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { apply, dataOf, makeBoard, type People, type Row, transact, written } from '#server/testing/board.ts'
import { atHome, inApplication, inProject, makeDocument, readDocument } from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

const makeTag = async (by: keyof People, at: object, name: string, more = {}): Promise<Row> =>
  written(await people[by].post('/api/document-tags', { ...at, name, ...more })).data

test('D106 tags persist, are listed with their uses, and go off every document with their deletion', async () => {
  const at = inApplication(board)
  const tag = await makeTag('editor', at, 'Draft', { color: '#aabbcc' })
  expect(tag).toMatchObject({ color: '#AABBCC', version: 1 })
  const [one, other] = [await makeDocument(people.editor, at), await makeDocument(people.member, inProject(board))]
  const assigned = written(await people.editor.post(`/api/documents/${one.id}/tags`, { tag_id: tag.id }))
  expect(assigned.shapes).toEqual(['tag_assignments'])
  // project documents use the tags of their application
  written(await people.member.post(`/api/documents/${other.id}/tags`, { tag_id: tag.id }))
  const again = written(await people.editor.post(`/api/documents/${one.id}/tags`, { tag_id: tag.id }))
  expect([again.txid, again.data.id]).toEqual([null, assigned.data.id])
  const list = async () =>
    dataOf<{ name: string; use_count: number }[]>(
      await people.viewer.get(`/api/document-tags?scope=application&scope_id=${board.applicationId}`),
    ).map(row => [row.name, row.use_count])
  expect(await list()).toEqual([['Draft', 2]])
  written(await people.editor.delete(`/api/documents/${one.id}/tags/${tag.id}`))
  expect(written(await people.editor.delete(`/api/documents/${one.id}/tags/${tag.id}`)).txid).toBeNull()
  expect(await list()).toEqual([['Draft', 1]])
  expect((await people.viewer.delete(`/api/document-tags/${tag.id}`)).code).toBe('forbidden')
  written(await people.editor.delete(`/api/document-tags/${tag.id}`))
  expect(await list()).toEqual([])
  expect((await readDocument(people.viewer, other.id)).tags).toEqual([])
})

test('D106 a tag of another application or person is refused', async () => {
  const elsewhere = await makeBoard(server, people)
  const paper = await makeDocument(people.owner, inApplication(board))
  const own = await makeDocument(people.owner, atHome)
  const [foreign, mine, viewers] = [
    await makeTag('owner', inApplication(elsewhere), 'foreign'),
    await makeTag('owner', atHome, 'mine'),
    await makeTag('viewer', atHome, 'mine'),
  ]
  const assign = async (document: string, tag: string) =>
    (await people.owner.post(`/api/documents/${document}/tags`, { tag_id: tag })).issues
  for (const tag of [foreign.id, mine.id, uuid7()]) expect(await assign(paper.id, tag)).toEqual(['tag_id tag_foreign'])
  for (const tag of [foreign.id, viewers.id]) expect(await assign(own.id, tag)).toEqual(['tag_id tag_foreign'])
  expect(await assign(own.id, mine.id)).toEqual([])
  const created = await people.owner.post('/api/documents', {
    ...inApplication(board),
    title: 'With foreign tag',
    tag_ids: [foreign.id],
  })
  expect(created.issues).toEqual(['tag_ids tag_foreign'])
  await expect(
    queryOnce(
      server.databaseUrl,
      `insert into document_tag_assignments (id, application_id, document_id, tag_id) values ($1, $2, $3, $4)`,
      [uuid7(), board.applicationId, paper.id, foreign.id],
    ),
  ).rejects.toMatchObject({ code: '23503' })
})

test('D14 tag names are unique whatever their case, in an application and for a person', async () => {
  const first = await makeTag('editor', inApplication(board), 'Ship')
  const taken = await people.editor.post('/api/document-tags', { ...inApplication(board), name: 'SHIP' })
  expect([taken.code, taken.body]).toMatchObject(['name_taken', { error: { details: { existing_id: first.id } } }])
  await makeTag('editor', atHome, 'Ship')
  await makeTag('viewer', atHome, 'Ship')
  const second = await makeTag('editor', inApplication(board), 'Boat')
  expect((await people.editor.patch(`/api/document-tags/${second.id}`, { name: 'ship' })).code).toBe('name_taken')
  await expect(
    queryOnce(server.databaseUrl, `update document_tags set name = 'sHIP' where id = $1`, [second.id]),
  ).rejects.toMatchObject({ constraint: 'document_tags_application_name_key' })
})

test('name and colour of a tag are decided by the later edit, each on its own', async () => {
  const tag = await makeTag('editor', inApplication(board), 'Merged')
  server.clock.advance(60_000)
  const at = (seconds: number) => ({ editedAt: new Date(server.clock.now().getTime() - seconds * 1000) })
  await apply(people.editor, [{ name: 'tag.update', args: { id: tag.id, name: 'Later' } }], at(10))
  const late = await transact(
    people.owner,
    [{ name: 'tag.update', args: { id: tag.id, name: 'Earlier', color: '#000000' } }],
    at(20),
  )
  expect(late.results?.[0]).toMatchObject({
    data: { name: 'Later', color: '#000000' },
    superseded: [{ field: 'name', your_value: 'Earlier', value: 'Later' }],
  })
  expect((await people.editor.patch(`/api/document-tags/${tag.id}`, {})).issues).toEqual([' nothing_to_change'])
})

test('at most 500 tags in an application', async () => {
  const full = await makeBoard(server, people)
  await queryOnce(
    server.databaseUrl,
    `insert into document_tags (id, application_id, name)
     select gen_random_uuid(), $1, 'tag ' || n from generate_series(1, 499) n`,
    [full.applicationId],
  )
  const make = (name: string) => people.owner.post('/api/document-tags', { ...inApplication(full), name })
  written(await make('the last one'))
  expect((await make('one more')).code).toBe('limit_reached')
})
