// Markdown folders in and out (domain rules, section 5.15), through the commands of documents.
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { appendUpdate } from '#server/content/document-state.ts'
import { markdownToContent } from '#server/content/markdown.ts'
import { commandMap } from '#server/features.ts'
import type { ImportDeps } from './importer.ts'
import { dataOf, type Person, type Row, written } from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import { type DocumentsReport, type DocumentTarget, exportMarkdown, importMarkdown } from './index.ts'

let server: TestServer
let owner: Person
let target: DocumentTarget
let folder: string

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signUp('owner')
})
afterAll(() => server.close())
beforeEach(async () => {
  const applicationId = written(await owner.post('/api/applications', { name: 'Papers' })).data.id
  target = { scope: 'application', scopeId: applicationId, applicationId }
  folder = await mkdtemp(join(tmpdir(), 'skerry-markdown-'))
  return () => rm(folder, { recursive: true, force: true })
})

const write = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(folder, 'in', path)), { recursive: true })
  await writeFile(join(folder, 'in', path), text)
}

const run = (more: { update?: boolean; target?: DocumentTarget; from?: string } = {}): Promise<DocumentsReport> =>
  importMarkdown(
    { database: server.database, mutation: server.app.mutation, commands: commandMap(server.app.features) },
    {
      folder: more.from ?? join(folder, 'in'),
      target: more.target ?? target,
      userId: owner.userId,
      update: more.update,
    },
  )

const documents = async (applicationId = target.applicationId): Promise<Row[]> =>
  (
    await queryOnce(
      server.databaseUrl,
      `select d.id, d.title, d.word_count, d.content_version, f.name as folder, p.name as above, c.content_markdown,
              (select array_agg(t.name order by t.name) from document_tag_assignments a
                 join document_tags t on t.id = a.tag_id where a.document_id = d.id) as tags
         from documents d left join document_folders f on f.id = d.folder_id
         left join document_folders p on p.id = f.parent_id join document_contents c on c.document_id = d.id
        where d.application_id = $1 order by d.title collate "C"`,
      [applicationId],
    )
  ).rows

const files = async (at: string): Promise<Record<string, string>> => {
  const entries = await readdir(at, { recursive: true, withFileTypes: true })
  const paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const read = await Promise.all(
    paths.map(async path => [path.slice(at.length + 1), await readFile(path, 'utf8')] as const),
  )
  return Object.fromEntries(read.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

test('a folder becomes documents with folders, titles and tags; a second run adds nothing, an update rewrites', async () => {
  await write('readme.md', '# Welcome\n\nHello **all**.\n')
  await write('guides/setup.md', '---\ntitle: Setting up\ntags: [How-to, ops]\n---\n\n1. one\n2. two\n')
  await write('guides/deep/more.md', '---\ntags: OPS\n---\n| a | b |\n| --- | --- |\n| 1 | 2 |\n')
  await write('guides/picture.png', 'no picture')
  await write('.hidden/secret.md', 'no')
  const report = await run()
  expect(report).toMatchObject({ created: 3, skipped: 0, folders: 2, tags: 2, errors: [] })
  expect(report.warnings.map(({ file, message }) => `${file}: ${message}`)).toEqual([
    '.hidden: Hidden files and folders, and node_modules, stay outside.',
    'guides/picture.png: Files that are no Markdown stay outside.',
  ])
  const rows = await documents()
  expect(rows).toMatchObject([
    { title: 'Setting up', folder: 'guides', above: null, tags: ['How-to', 'OPS'], word_count: 2 },
    { title: 'Welcome', folder: null, tags: null, content_markdown: '# Welcome\n\nHello **all**.' },
    {
      title: 'more',
      folder: 'deep',
      above: 'guides',
      tags: ['OPS'],
      content_markdown: '| a | b |\n| --- | --- |\n| 1 | 2 |',
    },
  ])

  expect(await run()).toMatchObject({ created: 0, skipped: 3, folders: 0, tags: 0 })
  expect(await documents()).toEqual(rows)

  await write('readme.md', '# Welcome\n\nHello **everybody**.\n')
  expect(await run({ update: true })).toMatchObject({ created: 0, updated: 1, skipped: 2, errors: [] })
  const changed = await documents()
  expect(changed.map(row => row.content_markdown)).toContain('# Welcome\n\nHello **everybody**.')
  // what says the same is not written again
  expect(changed.filter(row => row.title !== 'Welcome')).toEqual(rows.filter(row => row.title !== 'Welcome'))
})

test('5.15 an update rewrites where the file has changed, and says so where people have written too', async () => {
  await write('same.md', 'one\r\n\r\ntwo')
  await write('file.md', 'before')
  await write('both.md', 'before')
  await run()
  const ids = new Map((await documents()).map(row => [row.title, row.id]))
  const add = async (title: string, value: string) =>
    written(
      await owner.patch(`/api/documents/${ids.get(title)}/content`, { format: 'markdown', value, mode: 'append' }),
    )
  const texts = async () => Object.fromEntries((await documents()).map(row => [row.title, row.content_markdown]))
  await add('same', 'by a person')
  await add('both', 'by a person')
  expect(await run({ update: true })).toMatchObject({ updated: 0, skipped: 3, warnings: [], errors: [] })
  expect(await texts()).toEqual({ same: 'one\n\ntwo\n\nby a person', file: 'before', both: 'before\n\nby a person' })

  // other ends of lines are no change
  await write('same.md', 'one\n\ntwo')
  await write('file.md', 'after')
  await write('both.md', 'after')
  const report = await run({ update: true })
  expect(report).toMatchObject({ updated: 2, skipped: 1, errors: [] })
  expect(report.warnings).toEqual([
    { file: 'both.md', message: expect.stringContaining('both changed'), detail: 'both' },
  ])
  expect(await texts()).toEqual({ same: 'one\n\ntwo\n\nby a person', file: 'after', both: 'after' })
  const kept = dataOf<{ kind: string; id: string }[]>(await owner.get(`/api/documents/${ids.get('both')}/snapshots`))
  expect(kept.map(snapshot => snapshot.kind)).toContain('before_replace')
  expect(await run({ update: true })).toMatchObject({ updated: 0, skipped: 3, warnings: [] })

  await owner.delete(`/api/documents/${ids.get('file')}`)
  await write('file.md', 'once more')
  expect(await run({ update: true })).toMatchObject({
    updated: 0,
    skipped: 3,
    errors: [],
    warnings: [{ file: 'file.md' }],
  })
})

test('what an older version imported without a hash is rewritten only if nobody has written in it', async () => {
  for (const name of ['equal', 'file', 'people']) await write(`${name}.md`, 'before')
  await run()
  await queryOnce(
    server.databaseUrl,
    `update external_refs set source_hash = null, fields_hash = null, content_version = null`,
  )
  const people = (await documents()).find(row => row.title === 'people')?.id as string
  const add = { format: 'markdown', value: 'by a person', mode: 'append' }
  written(await owner.patch(`/api/documents/${people}/content`, add))
  await write('file.md', 'after')
  const first = await run({ update: true })
  expect(first).toMatchObject({
    updated: 1,
    skipped: 2,
    errors: [],
    warnings: [{ file: 'people.md', detail: 'people' }],
  })
  expect((await documents()).map(row => row.content_markdown)).toEqual(['before', 'after', 'before\n\nby a person'])

  // from then on it is known
  expect(await run({ update: true })).toMatchObject({ updated: 0, skipped: 3, warnings: [] })
  await write('equal.md', 'after')
  await write('people.md', 'after')
  const second = await run({ update: true })
  expect(second).toMatchObject({ updated: 2, skipped: 1, warnings: [{ file: 'people.md', detail: 'people' }] })
})

/** An update of `in`, with `meanwhile` done after the document was read and before anything is written. */
const updateWhile = (meanwhile: () => Promise<unknown>): Promise<DocumentsReport> => {
  const { mutation } = server.app
  let pending: (() => Promise<unknown>) | undefined = meanwhile
  const database: ImportDeps['database'] = {
    ...server.database,
    write: async work => {
      const due = pending
      pending = undefined
      await due?.()
      return server.database.write(work)
    },
  }
  return importMarkdown(
    { database: server.database, mutation: { ...mutation, database }, commands: commandMap(server.app.features) },
    { folder: join(folder, 'in'), target, userId: owner.userId, update: true },
  )
}

/** What a person has typed live, as the log has it. */
const type = async (id: string, words: string): Promise<void> => {
  const { rows } = await queryOnce(server.databaseUrl, 'select ydoc from document_contents where document_id = $1', [
    id,
  ])
  const update = Buffer.from(appendUpdate(rows[0]?.ydoc as Uint8Array, markdownToContent(words, 'document')))
  await queryOnce(server.databaseUrl, 'insert into document_updates (document_id, update) values ($1, $2)', [
    id,
    update,
  ])
}

describe('5.15 what people write between the look at a document and its update', () => {
  let id: string
  const append = async () =>
    written(
      await owner.patch(`/api/documents/${id}/content`, { format: 'markdown', value: 'by a person', mode: 'append' }),
    )
  const text = async () => (await documents())[0]?.content_markdown
  const forget = () =>
    queryOnce(
      server.databaseUrl,
      'update external_refs set source_hash = null, fields_hash = null, content_version = null',
    )
  beforeEach(async () => {
    await write('a.md', 'before')
    await run()
    id = (await documents())[0]?.id as string
  })

  test('appended, no hash known: it stays, with a warning', async () => {
    await forget()
    await write('a.md', 'after')
    const report = await updateWhile(append)
    expect(report).toMatchObject({ updated: 0, errors: [], warnings: [{ file: 'a.md', detail: 'a' }] })
    expect(await text()).toBe('before\n\nby a person')
  })

  test('typed live, hash known: it is rewritten, with a warning, and a snapshot has it', async () => {
    await write('a.md', 'after')
    const report = await updateWhile(() => type(id, 'by a person'))
    expect(report).toMatchObject({
      updated: 1,
      errors: [],
      warnings: [{ file: 'a.md', message: expect.stringContaining('both changed') }],
    })
    expect(await text()).toBe('after')
    const snapshots = dataOf<{ kind: string; id: string }[]>(await owner.get(`/api/documents/${id}/snapshots`))
    const kept = snapshots.find(snapshot => snapshot.kind === 'before_replace')?.id
    expect(dataOf(await owner.get(`/api/snapshots/${kept}/content?format=markdown`))).toMatchObject({
      value: 'before\n\nby a person',
    })
  })

  test('appended, hash known: it is rewritten, with a warning', async () => {
    await write('a.md', 'after')
    const report = await updateWhile(append)
    expect(report).toMatchObject({ updated: 1, errors: [], warnings: [{ file: 'a.md' }] })
    expect(await text()).toBe('after')
  })

  test('appended to what was equal: it is not noted as imported, and the next change of the file says so', async () => {
    await forget()
    expect(await updateWhile(append)).toMatchObject({ updated: 0, errors: [], warnings: [{ file: 'a.md' }] })
    await write('a.md', 'after')
    const report = await run({ update: true })
    expect(report).toMatchObject({
      updated: 1,
      warnings: [{ file: 'a.md', message: expect.stringContaining('both changed') }],
    })
  })
})

test('a title and tags that change in the file are said, once, and stay as they are in the document', async () => {
  await write('a.md', '---\ntitle: A\ntags: [x]\n---\ntext')
  await run()
  await write('a.md', '---\ntitle: B\ntags: [x, y]\n---\ntext')
  const left = { file: 'a.md', message: expect.stringContaining('title or the tags'), detail: 'A' }
  expect(await run({ update: true })).toMatchObject({ updated: 0, skipped: 1, errors: [], warnings: [left] })
  expect(await documents()).toMatchObject([{ title: 'A', tags: ['x'], content_version: 1 }])
  expect(await run({ update: true })).toMatchObject({ updated: 0, warnings: [] })
  await write('a.md', '---\ntitle: C\n---\nother text')
  expect(await run({ update: true })).toMatchObject({ updated: 1, errors: [], warnings: [left] })

  // what an older version imported says nothing of it: what the file says now is noted
  await queryOnce(server.databaseUrl, 'update external_refs set fields_hash = null')
  expect(await run({ update: true })).toMatchObject({ updated: 0, warnings: [] })
  await write('a.md', '---\ntitle: D\n---\nother text')
  expect(await run({ update: true })).toMatchObject({ updated: 0, warnings: [left] })
})

test('what does not come along is warned of, each kind with its files', async () => {
  await write(
    'a.md',
    '---\ntitle: A\nauthor: Ann\n---\n[b](b.md), ![p](p.png), note[^1], <kbd>K</kbd>\n\n[^1]: a note\n',
  )
  await write('how.md', '[a](a.md)')
  await symlink('a.md', join(folder, 'in', 'link.md'))
  const report = await run()
  expect(report).toMatchObject({ created: 2, errors: [] })
  expect(report.warnings.map(({ file, message, detail }) => [file, message.split(' ')[0], detail])).toEqual([
    ['a.md', 'Links', 'b.md'],
    ['a.md', 'Footnotes', '[^1] and 1 more'],
    ['a.md', 'HTML', '<kbd> and 1 more'],
    ['a.md', 'Images', 'p.png'],
    ['how.md', 'Links', 'a.md'],
    ['a.md', 'Front', 'author'],
    ['link.md', 'Symbolic', undefined],
  ])
  expect((await documents()).map(row => row.title)).toEqual(['A', 'how'])
})

test('no folder is made that nothing comes into', async () => {
  await write('guide/how.md', 'how')
  await write('guide/deep.md', '>'.repeat(300))
  const options = { folder: join(folder, 'in'), target, userId: owner.userId, path: ['A', 'B'] }
  const at = { database: server.database, mutation: server.app.mutation, commands: commandMap(server.app.features) }
  expect(await run()).toMatchObject({ created: 1, folders: 1 })
  const again = await importMarkdown(at, options)
  expect(again).toMatchObject({ created: 0, skipped: 1, folders: 0, errors: [{ file: 'guide/deep.md' }] })
  const out = join(folder, 'out')
  expect(await exportMarkdown(server.database, { folder: out, target })).toMatchObject({ documents: 1, folders: 1 })
  expect(await readdir(out)).toEqual(['guide'])
})

test('an export is what the import reads: in again, out again, the same', async () => {
  await write('a/one.md', '---\ntitle: "One: first / best?"\ntags: [x]\n---\n\n- [x] done\n  - [ ] nested\n')
  await write('a/b/two.md', 'plain text with \\*stars\\*\n')
  await write('One.md', 'upper\n')
  await write('c/one.md', '---\ntitle: ONE\n---\nlower\n')
  await write('c/spaced.md', '---\ntitle: 漢\u3000字  and\u00a0so\ntags: [a  b]\n---\nwide\n')
  expect((await run()).errors).toEqual([])
  const first = join(folder, 'out')
  expect(await exportMarkdown(server.database, { folder: first, target })).toEqual({
    documents: 5,
    folders: 3,
    withFiles: 0,
    inProjects: [],
  })
  const wrote = await files(first)
  expect(Object.keys(wrote)).toEqual([
    'One.md',
    'a/One- first - best-.md',
    'a/b/two.md',
    'c/ONE.md',
    'c/漢\u3000字  and\u00a0so.md',
  ])
  expect(await documents()).toContainEqual(
    expect.objectContaining({ title: '漢\u3000字  and\u00a0so', tags: ['a  b'] }),
  )
  expect(wrote['a/One- first - best-.md']).toBe(
    '---\ntitle: "One: first / best?"\ntags:\n  - x\n---\n\n- [x] done\n  - [ ] nested\n',
  )

  const project = written(
    await owner.post(`/api/applications/${target.applicationId}/projects`, { name: 'P', key: 'PP' }),
  )
  const other: DocumentTarget = { ...target, scope: 'project', scopeId: project.data.id }
  expect(await run({ from: first, target: other })).toMatchObject({ created: 5, folders: 3, tags: 0, errors: [] })
  const second = join(folder, 'again')
  await exportMarkdown(server.database, { folder: second, target: other })
  expect(await files(second)).toEqual(wrote)
  // whoever exports the application hears of what it does not contain
  const third = await exportMarkdown(server.database, { folder: join(folder, 'third'), target })
  expect(third.inProjects).toEqual([{ key: 'PP', documents: 5 }])
  await expect(exportMarkdown(server.database, { folder: second, target })).rejects.toMatchObject({
    code: 'bad_request',
  })
})

test('a path names the folder that documents go into or come from', async () => {
  await write('one.md', 'one')
  await write('deep/two.md', 'two')
  const at = { database: server.database, mutation: server.app.mutation, commands: commandMap(server.app.features) }
  const options = { folder: join(folder, 'in'), target, userId: owner.userId }
  expect(await importMarkdown(at, { ...options, path: ['Guides', 'Ropes'] })).toMatchObject({ created: 2, folders: 3 })
  expect(await documents()).toMatchObject([
    { title: 'one', folder: 'Ropes', above: 'Guides' },
    { title: 'two', folder: 'deep', above: 'Ropes' },
  ])
  const out = join(folder, 'out')
  await exportMarkdown(server.database, { folder: out, target, path: ['guides', 'ROPES'] })
  expect(Object.keys(await files(out))).toEqual(['deep/two.md', 'one.md'])
  const missing = exportMarkdown(server.database, { folder: join(folder, 'none'), target, path: ['Ropes'] })
  await expect(missing).rejects.toMatchObject({ code: 'bad_request' })
})

test('names and titles are cut between characters, and front matter may be empty', async () => {
  const waves = '🌊'.repeat(300)
  await write('long.md', `---\ntitle: a${waves}\ntags: ["b${waves}"]\n---\nlong`)
  await write('even.md', `---\ntitle: ${waves}\ntags: ["${waves}"]\n---\neven`)
  await write('empty.md', '---\n---\ntext')
  expect(await run()).toMatchObject({ created: 3, errors: [], warnings: [] })
  expect((await documents()).map(row => [row.title, row.tags])).toEqual([
    [`a${'🌊'.repeat(127)}`, [`b${'🌊'.repeat(49)}`]],
    ['empty', null],
    ['🌊'.repeat(127), ['🌊'.repeat(50)]],
  ])
})

test('bad files are named and the rest goes on; a folder without Markdown, and a stranger, are refused', async () => {
  await expect(run()).rejects.toMatchObject({ code: 'bad_request' })
  await write('good.md', 'fine')
  await write('bad.md', '---\ntitle: "never closed\n---\n')
  await write('deep.md', '>'.repeat(300))
  await write('star.md', '---\ntitle: Rules\nglobs: *.ts\n---\nrules')
  await write('1/2/3/4/5/6/7/low.md', 'low')
  const report = await run()
  expect(report.created).toBe(2)
  expect(report.errors.map(error => error.file).toSorted()).toEqual(['bad.md', 'deep.md', 'star.md'])
  expect(report.warnings).toEqual([expect.objectContaining({ file: '1/2/3/4/5/6/7/low.md' })])
  expect((await documents()).find(row => row.title === 'low')).toMatchObject({ folder: '6 - 7', above: '5' })

  await write('good.md', 'better')
  await write('1/2/3/4/5/6/7/low.md', 'lower')
  const stranger = await server.signUp(`stranger-${target.applicationId}`)
  const refused = await importMarkdown(
    { database: server.database, mutation: server.app.mutation, commands: commandMap(server.app.features) },
    { folder: join(folder, 'in'), target: { ...target }, userId: stranger.userId, update: true },
  )
  expect(refused).toMatchObject({ created: 0, updated: 0 })
  expect(refused.errors.length).toBeGreaterThanOrEqual(4)
})
