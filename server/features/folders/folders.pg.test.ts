// Folders: names, depth, moves and the trash (domain rules, sections 4, 8.1 and 8.9).
import { describe, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { apply, dataOf, makeBoard, transact, written } from '#server/testing/board.ts'
import {
  asMarkdown,
  atHome,
  type FolderRow,
  inApplication,
  inProject,
  makeDocument,
  makeFolder,
  readContent,
  readDocument,
} from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

const row = async (id: string) =>
  (
    await queryOnce(
      server.databaseUrl,
      'select name, parent_id, path, depth, version, deleted_at, trash_root_id from document_folders where id = $1',
      [id],
    )
  ).rows[0] as (FolderRow & { trash_root_id: string | null }) | undefined

const chain = async (length: number): Promise<FolderRow[]> => {
  const list: FolderRow[] = []
  for (let depth = 0; depth < length; depth += 1) {
    const above = list.at(-1)
    list.push(await makeFolder(people.editor, inApplication(board), above ? { parent_id: above.id } : {}))
  }
  return list
}

test('D94 a folder lies in its scope, at most five levels below the topmost, and never below itself', async () => {
  const [top, ...below] = await chain(6)
  expect(below.map(folder => folder.depth)).toEqual([1, 2, 3, 4, 5])
  expect(must(below[0]).path).toBe(`/${must(top).id}/${must(below[0]).id}/`)
  const deeper = await people.editor.post('/api/document-folders', {
    ...inApplication(board),
    name: 'Too deep',
    parent_id: must(below.at(-1)).id,
  })
  expect(deeper.issues).toEqual(['parent_id depth_exceeded'])
  const foreign = await people.member.post('/api/document-folders', {
    ...inProject(board),
    name: 'Elsewhere',
    parent_id: must(top).id,
  })
  expect(foreign.issues).toEqual(['parent_id folder_foreign'])
  const cycle = await people.editor.post(`/api/document-folders/${must(top).id}/move`, {
    parent_id: must(below[2]).id,
  })
  expect(cycle.issues).toEqual(['parent_id parent_cycle'])
  const itself = await people.editor.post(`/api/document-folders/${must(top).id}/move`, { parent_id: must(top).id })
  expect(itself.issues).toEqual(['parent_id parent_cycle'])
})

test('D94 a move checks the whole subtree and rewrites its paths and depths', async () => {
  const [a, b, c] = await chain(3)
  const deep = await chain(4)
  const refused = await people.editor.post(`/api/document-folders/${must(a).id}/move`, { parent_id: must(deep[3]).id })
  expect(refused.issues).toEqual(['parent_id depth_exceeded'])
  written(await people.editor.post(`/api/document-folders/${must(a).id}/move`, { parent_id: must(deep[2]).id }))
  expect(await row(must(c).id)).toMatchObject({
    depth: 5,
    path: `${must(deep[2]).path}${must(a).id}/${must(b).id}/${must(c).id}/`,
    version: 2,
  })
  written(await people.editor.post(`/api/document-folders/${must(a).id}/move`, { parent_id: null }))
  expect(await row(must(c).id)).toMatchObject({ depth: 2, path: `/${must(a).id}/${must(b).id}/${must(c).id}/` })
})

test('D94 two moves at once form no cycle', async () => {
  const [one, other] = [
    await makeFolder(people.editor, inApplication(board)),
    await makeFolder(people.editor, inApplication(board)),
  ]
  const answers = await Promise.all([
    people.editor.post(`/api/document-folders/${one.id}/move`, { parent_id: other.id }),
    people.owner.post(`/api/document-folders/${other.id}/move`, { parent_id: one.id }),
  ])
  expect(answers.map(answer => answer.status).toSorted((a, b) => a - b)).toEqual([200, 422])
})

test('D95 names are unique per place, across folders and documents, whatever their case and blanks', async () => {
  const at = inApplication(board)
  const folder = await makeFolder(people.editor, at)
  const plan = await makeDocument(people.editor, at, { title: 'Plan', folder_id: folder.id })
  const taken = await people.editor.post('/api/document-folders', { ...at, name: ' plan ', parent_id: folder.id })
  expect(taken.code).toBe('name_taken')
  expect((taken.body as { error: { details: unknown } }).error.details).toEqual({ existing_id: plan.id })
  const renamed = await makeFolder(people.editor, at, {
    name: ' plan ',
    parent_id: folder.id,
    on_name_conflict: 'rename',
  })
  expect(renamed.name).toBe('plan (2)')
  const third = await makeDocument(people.editor, at, {
    title: 'PLAN',
    folder_id: folder.id,
    on_name_conflict: 'rename',
  })
  expect(third.title).toBe('PLAN (3)')
  // elsewhere the name is free
  await makeDocument(people.editor, at, { title: 'Plan' })
  expect((await people.editor.patch(`/api/document-folders/${renamed.id}`, { name: 'PLAN' })).code).toBe('name_taken')
  expect((await people.editor.patch(`/api/documents/${plan.id}`, { title: 'plan (2)' })).code).toBe('name_taken')
})

test('D14 the database itself refuses a second live name in a place', async () => {
  const at = inApplication(board)
  const first = await makeFolder(people.editor, at)
  const second = await makeFolder(people.editor, at)
  await expect(
    queryOnce(server.databaseUrl, 'update document_folders set name = upper($1) where id = $2', [
      first.name,
      second.id,
    ]),
  ).rejects.toMatchObject({ constraint: 'place_names_name_key' })
  const tree = [await makeFolder(people.editor, at, { parent_id: first.id })]
  await expect(
    queryOnce(server.databaseUrl, 'update document_folders set parent_id = $1 where id = $2', [
      must(tree[0]).id,
      first.id,
    ]),
  ).rejects.toMatchObject({ constraint: 'document_folders_cycle_check' })
  const personal = await makeFolder(people.viewer, atHome)
  await expect(
    queryOnce(server.databaseUrl, 'update document_folders set parent_id = $1 where id = $2', [personal.id, first.id]),
  ).rejects.toMatchObject({ code: '23503' })
})

describe('the trash', () => {
  test('D105 a folder and what is below it go and come back together', async () => {
    const at = inApplication(board)
    const [top, inner] = await chain(2)
    const paper = await makeDocument(people.editor, at, { folder_id: must(inner).id, ...asMarkdown('Kept') })
    const earlier = await makeDocument(people.editor, at, { folder_id: must(inner).id })
    written(await people.editor.delete(`/api/documents/${earlier.id}`))
    const gone = written(await people.editor.delete(`/api/document-folders/${must(top).id}`))
    expect(gone.shapes).toEqual(['documents', 'folders'])
    expect(await row(must(inner).id)).toMatchObject({ trash_root_id: must(top).id })
    expect((await readDocument(people.viewer, paper.id)).deleted_at).not.toBeNull()
    const trash = dataOf<{ id: string; kind: string; deleted_at: string; purge_at: string }[]>(
      await people.editor.get(`/api/documents/trash?scope=application&scope_id=${board.applicationId}&limit=200`),
    )
    const listed = trash.filter(one => [must(top).id, must(inner).id, paper.id, earlier.id].includes(one.id))
    // what went along is not listed by itself
    expect(listed.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)).map(one => [one.kind, one.id])).toEqual([
      ['document', earlier.id],
      ['folder', must(top).id],
    ])
    expect(Date.parse(must(listed[0]).purge_at) - Date.parse(must(listed[0]).deleted_at)).toBe(30 * 86_400_000)

    written(await people.member.post(`/api/document-folders/${must(top).id}/restore`))
    expect(await row(must(inner).id)).toMatchObject({ deleted_at: null, trash_root_id: null })
    expect(await readDocument(people.viewer, paper.id)).toMatchObject({ deleted_at: null, folder_id: must(inner).id })
    expect((await readContent(people.viewer, paper.id)).value).toBe('Kept')
    expect((await readDocument(people.viewer, earlier.id)).deleted_at).not.toBeNull()
  })

  test('D105 a document whose folder is gone comes back to the root of its scope', async () => {
    const at = inApplication(board)
    const folder = await makeFolder(people.editor, at)
    const paper = await makeDocument(people.editor, at, { folder_id: folder.id })
    written(await people.editor.delete(`/api/documents/${paper.id}`))
    written(await people.editor.delete(`/api/document-folders/${folder.id}`))
    const back = written(await people.editor.post(`/api/documents/${paper.id}/restore`)).data
    expect(back).toMatchObject({ folder_id: null, deleted_at: null })
    expect((await people.editor.post(`/api/documents/${paper.id}/restore`)).code).toBe('not_in_trash')
  })

  test('D105 a name that was given away meanwhile refuses the return', async () => {
    const at = inApplication(board)
    const folder = await makeFolder(people.editor, at, { name: 'Charts' })
    written(await people.editor.delete(`/api/document-folders/${folder.id}`))
    const other = await makeDocument(people.editor, at, { title: 'charts' })
    const refused = await people.editor.post(`/api/document-folders/${folder.id}/restore`)
    expect(refused.code).toBe('name_taken')
    expect((refused.body as { error: { details: unknown } }).error.details).toEqual({ existing_id: other.id })
  })

  test('a purge takes what went along and leaves what went on its own', async () => {
    const at = inApplication(board)
    const [top, inner] = await chain(2)
    const along = await makeDocument(people.editor, at, { folder_id: must(inner).id })
    const alone = await makeDocument(people.editor, at, { folder_id: must(inner).id })
    expect((await people.editor.delete(`/api/document-folders/${must(top).id}/permanent`)).code).toBe('not_in_trash')
    written(await people.editor.delete(`/api/documents/${alone.id}`))
    written(await people.editor.delete(`/api/document-folders/${must(top).id}`))
    written(await people.editor.delete(`/api/document-folders/${must(top).id}/permanent`))
    expect(await row(must(inner).id)).toBeUndefined()
    expect((await people.editor.get(`/api/documents/${along.id}`)).code).toBe('not_found')
    expect(written(await people.editor.post(`/api/documents/${alone.id}/restore`)).data).toMatchObject({
      folder_id: null,
    })
    const left = await queryOnce(
      server.databaseUrl,
      `select (select count(*)::int from field_clocks where entity_id = any($1)) as clocks,
              (select count(*)::int from place_names where entity_id = any($1)) as names`,
      [[must(top).id, must(inner).id, along.id]],
    )
    expect(left.rows).toEqual([{ clocks: 0, names: 0 }])
  })
})

test('the later edit of a name or place wins, each on its own', async () => {
  const folder = await makeFolder(people.editor, inApplication(board))
  const other = await makeFolder(people.editor, inApplication(board))
  server.clock.advance(60_000)
  const at = (seconds: number) => ({ editedAt: new Date(server.clock.now().getTime() - seconds * 1000) })
  await apply(people.editor, [{ name: 'folder.update', args: { id: folder.id, name: 'Later' } }], at(10))
  const late = await transact(
    people.owner,
    [{ name: 'folder.update', args: { id: folder.id, name: 'Earlier' } }],
    at(20),
  )
  expect(late.results?.[0]?.superseded).toMatchObject([{ field: 'name', your_value: 'Earlier', value: 'Later' }])
  expect(late.txid).toBeNull()
  await apply(people.owner, [{ name: 'folder.move', args: { id: folder.id, parent_id: other.id } }], at(20))
  expect(await row(folder.id)).toMatchObject({ name: 'Later', parent_id: other.id })
  const moved = written(await people.editor.post(`/api/document-folders/${folder.id}/move`, { parent_id: other.id }))
  expect(moved.txid).toBeNull()
})

test('the tree shows live folders in order, with what lies in them', async () => {
  const at = inProject(board)
  const first = await makeFolder(people.member, at, { name: 'First' })
  const second = await makeFolder(people.member, at, { name: 'Second' })
  const child = await makeFolder(people.member, at, { name: 'Child', parent_id: second.id })
  await makeDocument(people.member, at, { folder_id: child.id })
  await makeDocument(people.member, at)
  written(await people.member.post(`/api/document-folders/${second.id}/move`, { before_id: first.id }))
  const url = `/api/document-folders/tree?scope=project&scope_id=${board.projectId}`
  const tree = dataOf<{ folders: unknown[]; unfiled: unknown }>(await people.viewer.get(url))
  expect(tree).toMatchObject({
    folders: [
      { id: second.id, document_count: 0, children: [{ id: child.id, document_count: 1, children: [] }] },
      { id: first.id, children: [] },
    ],
    unfiled: { document_count: 1 },
  })
  expect((await people.stranger.get(url)).code).toBe('not_found')
})

test('D1 D2 ids of folders are kept, taken once, and version 7', async () => {
  const id = uuid7()
  const folder = await makeFolder(people.editor, inApplication(board), { id })
  expect(folder.id).toBe(id)
  const again = await people.editor.post('/api/document-folders', { ...inApplication(board), name: folder.name, id })
  expect(again.code).toBe('id_taken')
  const old = { ...inApplication(board), name: 'x', id: '00000000-0000-4000-8000-000000000000' }
  expect((await people.editor.post('/api/document-folders', old)).issues).toEqual(['id bad_format'])
})

test('at most 2,000 folders in an application, however many projects make them at once', async () => {
  const full = await makeBoard(server, people)
  const second = written(
    await people.owner.post(`/api/applications/${full.applicationId}/projects`, { name: 'Second', key: 'SECOND' }),
  ).data.id
  await queryOnce(
    server.databaseUrl,
    `insert into document_folders (id, scope, application_id, name, path, rank)
     select gen_random_uuid(), 'application', $1, 'Folder ' || n, '', 'a' || n from generate_series(1, 1999) n`,
    [full.applicationId],
  )
  const make = (projectId: string) =>
    people.owner.post('/api/document-folders', { scope: 'project', scope_id: projectId, name: 'Last' })
  const answers = await Promise.all([make(full.projectId), make(second)])
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(answers.filter(({ code }) => code === 'limit_reached')).toHaveLength(1)
})

test('a folder with more documents than a statement has parameters goes, comes back and is purged', async () => {
  const folder = await makeFolder(people.editor, inApplication(board))
  await queryOnce(
    server.databaseUrl,
    `insert into documents (id, scope, application_id, folder_id, title, rank)
     select gen_random_uuid(), 'application', $1, $2, 'Paper ' || n, 'a' || n from generate_series(1, 3400) n`,
    [board.applicationId, folder.id],
  )
  const counted = async (condition: string) => {
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select count(*)::int as n from documents where folder_id = $1 and ${condition}`,
      [folder.id],
    )
    return (rows[0] as { n: number }).n
  }
  written(await people.editor.delete(`/api/document-folders/${folder.id}`))
  expect(await counted('deleted_at is not null')).toBe(3400)
  written(await people.editor.post(`/api/document-folders/${folder.id}/restore`))
  expect(await counted('deleted_at is null')).toBe(3400)
  written(await people.editor.delete(`/api/document-folders/${folder.id}`))
  written(await people.editor.delete(`/api/document-folders/${folder.id}/permanent`))
  expect(await counted('true')).toBe(0)
})
