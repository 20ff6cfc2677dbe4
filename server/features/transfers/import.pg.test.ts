// Import of Backlog.md folders (domain rules, section 5.15): D128, on Skerry's own roadmap and on Backlog.md's.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commandMap } from '#server/features.ts'
import { verifyCounters } from '#server/kernel/counters.ts'
import { must } from '#server/kernel/must.ts'
import { dataOf, type Person, type Row, written } from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startTestServer, type TestServer } from '#server/testing/server.ts'
import { importBacklogMd, type ImportReport } from './index.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const shared = process.env.SKERRY_SHARED ?? join(root, '../shared')

let server: TestServer
let owner: Person
let applicationId: string
let folder: string

beforeAll(async () => {
  server = await startTestServer()
  owner = await server.signUp('owner')
})
afterAll(() => server.close())
beforeEach(async () => {
  applicationId = written(await owner.post('/api/applications', { name: 'Imports' })).data.id
  folder = await mkdtemp(join(tmpdir(), 'skerry-import-'))
  return () => rm(folder, { recursive: true, force: true })
})

const run = (from: string, userId = owner.userId, commands = commandMap(server.app.features)): Promise<ImportReport> =>
  importBacklogMd(
    { database: server.database, mutation: server.app.mutation, commands },
    { folder: from, applicationId, userId },
  )

const write = async (path: string, front: string, body = ''): Promise<void> => {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), `---\n${front}\n---\n${body}`)
}

const tasksOf = async (report: ImportReport): Promise<Row[]> =>
  (
    await queryOnce(
      server.databaseUrl,
      `select t.*, s.name as status, s.category, p.task_key as parent from tasks t join task_statuses s on s.id = t.status_id
         left join tasks p on p.id = t.parent_id where t.project_id = $1 order by t.number`,
      [report.projectId],
    )
  ).rows

const state = async () =>
  (
    await queryOnce(
      server.databaseUrl,
      `select (select count(*) from tasks where application_id = $1)::int as tasks,
              (select sum(version) from tasks where application_id = $1)::int as versions,
              (select count(*) from task_statuses where application_id = $1)::int as statuses,
              (select count(*) from checklist_items where application_id = $1)::int as items,
              (select count(*) from documents where application_id = $1)::int as documents,
              (select count(*) from projects where application_id = $1)::int as projects,
              (select count(*) from activities where application_id = $1)::int as activities`,
      [applicationId],
    )
  ).rows[0] as Record<string, number>

const markdownIn = async (at: string): Promise<number> =>
  (await readdir(at, { recursive: true }).catch(() => [])).filter(
    name => name.endsWith('.md') && basename(name).toLowerCase() !== 'readme.md',
  ).length

describe.each([
  ['skerry-backlog', join(root, 'e2e/data/skerry-backlog')],
  ['backlog-md', join(shared, 'data/backlog-md')],
])('%s', (name, from) => {
  const missing = existsSync(from)
    ? ''
    : `; not run: ${from} is missing, SKERRY_SHARED names the folder that holds data/`
  test.skipIf(missing !== '')(`D128 comes whole, and a second time adds nothing (${name}${missing})`, async () => {
    const places = ['tasks', 'completed', 'drafts', 'archive/tasks', 'archive/drafts']
    let files = 0
    for (const place of places) files += await markdownIn(join(from, place))
    const report = await run(from)
    expect(report.errors).toEqual([])
    expect([report.created, report.skipped, report.failed]).toEqual([files, 0, 0])
    const before = await state()
    expect([before.tasks, before.items]).toEqual([files, report.checklistItems])
    const archived = (await tasksOf(report)).filter(task => task.archived_at !== null)
    const away =
      (await markdownIn(join(from, 'completed'))) +
      (await markdownIn(join(from, 'archive/tasks'))) +
      (await markdownIn(join(from, 'archive/drafts')))
    expect(archived).toHaveLength(away)

    const papers = (await markdownIn(join(from, 'docs'))) + (await markdownIn(join(from, 'decisions')))
    expect(report.documents).toMatchObject({ created: papers, skipped: 0 })

    const again = await run(from)
    expect(again.documents).toMatchObject({ created: 0, skipped: papers, folders: 0 })
    expect([again.projectId, again.created, again.skipped, again.failed]).toEqual([report.projectId, 0, files, 0])
    expect(await state()).toEqual(before)
    expect((await verifyCounters(server.database, false)).differing).toEqual([])
    const activity = dataOf<{ actor_kind: string; via: string }[]>(
      await owner.get(`/api/projects/${report.projectId}/activity?action=task.create&limit=1`),
    )
    expect(activity).toMatchObject([{ actor_kind: 'import', via: 'import' }])
  })
})

test('fields, columns, checklists, parents and dates arrive where they belong', async () => {
  await writeFile(
    join(folder, 'config.yml'),
    'project_name: Roadmap\ntask_prefix: rm\nstatuses: ["To Do", "Doing", "Done"]\n',
  )
  await write('milestones/m-1 - first.md', 'id: m-1\ntitle: First light')
  await write(
    'tasks/rm-1.md',
    `id: rm-1\ntitle: Root\nstatus: Doing\nassignee: ['@owner']\npriority: high\nlabels: [Paint, paint]\nmilestone: m-1\ncreated_date: '2026-01-02 03:04'\ndue_date: '2026-12-24'\ndependencies: [rm-2]`,
    '\n## Description\n\nText.\n\n## Acceptance Criteria\n\n- [x] #1 one\n- [ ] #2 two\n',
  )
  await write('tasks/rm-1.1.md', `id: rm-1.1\ntitle: Child\nstatus: Waiting\nparent_task_id: rm-1`)
  await write('completed/rm-2.md', `id: rm-2\ntitle: Finished\nstatus: done\nupdated_date: '2026-03-01'`, '- [x] it\n')
  await write('drafts/draft-1.md', 'id: draft-1\ntitle: Perhaps\nstatus: Draft')
  const report = await run(folder)
  expect([report.errors, report.created]).toEqual([[], 4])
  const tasks = new Map((await tasksOf(report)).map(task => [task.title, task]))
  expect(tasks.get('Root')).toMatchObject({
    task_key: 'RM-1',
    status: 'Doing',
    category: 'active',
    assignee_id: owner.userId,
    priority: 'high',
    labels: ['First light', 'Paint'],
    due_date: expect.anything(),
    checklist_total: 2,
    checklist_done: 1,
    created_at: new Date('2026-01-02T03:04:00Z'),
    subtask_total: 1,
  })
  expect(tasks.get('Root')?.description).toBe('Text.\n\n## Dependencies\n\n- RM-2 Finished')
  // a name that the board does not have becomes a column; what is not todo goes to somebody
  expect(tasks.get('Child')).toMatchObject({
    parent: 'RM-1',
    task_type: 'subtask',
    status: 'Waiting',
    assignee_id: owner.userId,
    description: 'Imported as RM-1.1.',
  })
  expect(tasks.get('Finished')).toMatchObject({
    task_key: 'RM-2',
    category: 'done',
    completed_at: new Date('2026-03-01T00:00:00Z'),
  })
  expect(tasks.get('Finished')).toMatchObject({ archived_at: new Date('2026-03-01T00:00:00Z'), checklist_total: 1 })
  expect(tasks.get('Perhaps')).toMatchObject({ category: 'todo', labels: ['draft'], assignee_id: null })
  const renumbered = { message: expect.stringContaining('its description names the id') }
  const somebody = {
    message: 'Nobody is named; a task that is under way or done needs somebody: it is assigned to owner, who imports.',
  }
  expect(report.warnings).toEqual([
    { ...somebody, file: 'completed/rm-2.md' },
    { ...renumbered, file: 'drafts/draft-1.md', detail: 'DRAFT-1 is RM-3 now' },
    { ...somebody, file: 'tasks/rm-1.1.md' },
    { ...renumbered, file: 'tasks/rm-1.1.md', detail: 'RM-1.1 is RM-4 now' },
  ])
})

test('whoever is unknown is one kind of warning, whatever their names, and each is named', async () => {
  for (const [index, name] of ['@ada', '@grace', '@ada'].entries())
    await write(`tasks/t-${index}.md`, `id: t-${index + 1}\ntitle: Of ${name}\nstatus: Done\nassignee: ['${name}']`)
  const { warnings } = await run(folder)
  expect(new Set(warnings.map(({ message }) => message)).size).toBe(1)
  expect(warnings.map(({ detail }) => detail)).toEqual(['@ada', '@grace', '@ada'])
})

test('docs and decisions become documents of the project, in folders, a decision with its state', async () => {
  await write('tasks/t-1.md', 'id: t-1\ntitle: Task')
  await write('docs/guides/doc-1 - How.md', 'id: doc-1\ntitle: How to sail\ntags: [sea]', '\n## Rig\n\n- [ ] hoist\n')
  await write('docs/doc-2.md', 'id: doc-1\ntitle: How to sail', 'The same id again.')
  await write(
    'decisions/decision-1.md',
    "id: decision-1\ntitle: Oak\ndate: '2025-06-22'\nstatus: accepted",
    'It floats.',
  )
  const report = await run(folder)
  expect(report).toMatchObject({ errors: [], documents: { created: 3, folders: 3, tags: 1 } })
  const { rows } = await queryOnce(
    server.databaseUrl,
    `select d.title, d.scope, f.name as folder, c.content_markdown from documents d
       join document_folders f on f.id = d.folder_id join document_contents c on c.document_id = d.id
      where d.project_id = $1 order by f.name collate "C"`,
    [report.projectId],
  )
  expect(rows).toEqual([
    {
      title: 'Oak',
      scope: 'project',
      folder: 'Decisions',
      content_markdown: 'Status: accepted  \nDate: 2025-06-22\n\nIt floats.',
    },
    { title: 'How to sail', scope: 'project', folder: 'Docs', content_markdown: 'The same id again.' },
    { title: 'How to sail', scope: 'project', folder: 'guides', content_markdown: '## Rig\n\n- [ ] hoist' },
  ])
  expect((await run(folder)).documents).toMatchObject({ created: 0, skipped: 3 })
})

test('malformed front matter is reported with file and line, and the rest goes on', async () => {
  await write('tasks/t-1.md', 'id: t-1\ntitle: Good')
  await write('tasks/t-2.md', 'id: t-2\ntitle: "never closed\nstatus: x')
  await write('tasks/t-3.md', 'id: t-3')
  await write('docs/picture.png', '')
  await mkdir(join(folder, 'drafts'))
  await writeFile(join(folder, 'drafts/t-4.md'), 'just text')
  const report = await run(folder)
  expect([report.created, report.failed]).toEqual([1, 3])
  const places = report.errors.map(error => `${error.file}:${error.line}`).toSorted()
  expect(places).toEqual(['drafts/t-4.md:1', expect.stringMatching(/^tasks\/t-2\.md:[1-4]$/), 'tasks/t-3.md:1'])
  expect(report.errors.find(error => error.file === 'tasks/t-3.md')?.message).toContain('title')
  expect(report.warnings).toMatchObject([{ file: 'docs/picture.png' }])
  const fixed = await (async () => {
    await write('tasks/t-3.md', 'id: t-3\ntitle: Mended')
    return run(folder)
  })()
  expect([fixed.created, fixed.skipped, fixed.failed]).toEqual([1, 1, 2])
})

test('double ids, missing parents and loops are warned of; no task is lost, a second run adds nothing', async () => {
  await write('tasks/a.md', 'id: t-1\ntitle: First')
  await write('completed/b.md', 'id: t-1\ntitle: Twin\nstatus: Done')
  await write('tasks/c.md', 'id: t-2\ntitle: Orphan\nparent_task_id: t-99')
  await write('tasks/d.md', 'id: t-3\ntitle: Egg\nparent_task_id: t-4')
  await write('tasks/e.md', 'id: t-4\ntitle: Hen\nparent_task_id: t-3')
  await write('tasks/f.md', 'id: t-5\ntitle: Own parent\nparent_task_id: t-5')
  const report = await run(folder)
  expect([report.errors, report.created]).toEqual([[], 6])
  const warned = new Set(report.warnings.map(warning => warning.file))
  for (const file of ['tasks/c.md', 'tasks/d.md', 'tasks/e.md', 'tasks/f.md'])
    expect([file, warned.has(file)]).toEqual([file, true])
  expect(report.warnings).toContainEqual({
    file: 'completed/b.md',
    message: expect.stringContaining('same id'),
    detail: 'T-1 is TASK-6 now; tasks/a.md keeps the number',
  })
  const tasks = await tasksOf(report)
  expect(tasks.map(task => task.parent)).toEqual(tasks.map(() => null))
  expect(new Set(tasks.map(task => task.number)).size).toBe(6)
  const before = await state()
  expect(await run(folder)).toMatchObject({ created: 0, skipped: 6 })
  expect(await state()).toEqual(before)
})

test('a number that was given once is given to nobody else, also when its task is gone for good', async () => {
  await write('tasks/a.md', 'id: task-1\ntitle: First')
  await write('tasks/b.md', 'id: task-3\ntitle: Third')
  const first = await run(folder)
  const own = written(await owner.post(`/api/projects/${first.projectId}/tasks`, { title: 'A person’s' })).data
  expect(own.task_key).toBe('TASK-4')
  written(await owner.delete(`/api/tasks/${own.id}`))
  written(await owner.delete(`/api/tasks/${own.id}/permanent`))
  await write('tasks/c.md', 'id: task-4\ntitle: Fourth')
  await write('tasks/d.md', 'id: task-6\ntitle: Sixth')
  const second = await run(folder)
  expect(second.warnings).toEqual([
    { file: 'tasks/c.md', message: expect.stringContaining('is not free'), detail: 'TASK-4 is TASK-7 now' },
  ])
  const tasks = (await tasksOf(second)).map(task => [task.task_key, task.title, task.description])
  expect(tasks).toEqual([
    ['TASK-1', 'First', null],
    ['TASK-3', 'Third', null],
    ['TASK-6', 'Sixth', null],
    ['TASK-7', 'Fourth', 'Imported as TASK-4.'],
  ])
})

test('where a person takes a number during the import, the task says and the report names the key that it got', async () => {
  await write('tasks/a.md', 'id: task-1\ntitle: First')
  await write('tasks/b.md', 'id: task-2\ntitle: Second', 'Text.')
  await write('drafts/c.md', 'id: draft-1\ntitle: Draft')
  const commands = new Map(commandMap(server.app.features))
  const create = must(commands.get('task.create'))
  commands.set('task.create', {
    ...create,
    run: async (context, input) => {
      const { title, project_id: projectId } = input as { title: string; project_id: string }
      if (title === 'Second') written(await owner.post(`/api/projects/${projectId}/tasks`, { title: 'A person’s' }))
      return create.run(context, input)
    },
  })
  const report = await run(folder, owner.userId, commands)
  expect(report.errors).toEqual([])
  expect(report.warnings.map(({ file, detail }) => [file, detail])).toEqual([
    ['tasks/b.md', 'TASK-2 is TASK-3 now'],
    ['drafts/c.md', 'DRAFT-1 is TASK-4 now'],
  ])
  expect((await tasksOf(report)).map(task => [task.task_key, task.title, task.description])).toEqual([
    ['TASK-1', 'First', null],
    ['TASK-2', 'A person’s', null],
    ['TASK-3', 'Second', 'Text.\n\nImported as TASK-2.'],
    ['TASK-4', 'Draft', 'Imported as DRAFT-1.'],
  ])
})

test('a number whose task a person ends for good during the import is not given again', async () => {
  await write('tasks/a.md', 'id: task-1\ntitle: First')
  await write('tasks/b.md', 'id: task-2\ntitle: Second')
  const commands = new Map(commandMap(server.app.features))
  const create = must(commands.get('task.create'))
  commands.set('task.create', {
    ...create,
    run: async (context, input) => {
      const { title, project_id: projectId } = input as { title: string; project_id: string }
      if (title === 'Second') {
        const { id } = written(await owner.post(`/api/projects/${projectId}/tasks`, { title: 'A person’s' })).data
        written(await owner.delete(`/api/tasks/${id}`))
        written(await owner.delete(`/api/tasks/${id}/permanent`))
      }
      return create.run(context, input)
    },
  })
  const report = await run(folder, owner.userId, commands)
  expect(report.warnings.map(({ detail }) => detail)).toEqual(['TASK-2 is TASK-3 now'])
})

test('a number that was skipped is free: a file that comes later, or was mended, has its own', async () => {
  await write('tasks/a.md', 'id: task-1\ntitle: First')
  await write('tasks/b.md', 'id: task-2')
  await write('tasks/c.md', 'id: task-3\ntitle: Third')
  expect(await run(folder)).toMatchObject({ created: 2, errors: [{ file: 'tasks/b.md' }] })
  await write('tasks/b.md', 'id: task-2\ntitle: Second')
  const second = await run(folder)
  expect(second).toMatchObject({ created: 1, warnings: [], errors: [] })
  expect((await tasksOf(second)).map(task => [task.task_key, task.title])).toEqual([
    ['TASK-1', 'First'],
    ['TASK-2', 'Second'],
    ['TASK-3', 'Third'],
  ])
})

test('a file that failed keeps no number: the report names no keeper that is not there', async () => {
  await write('tasks/a.md', 'id: task-1\ntitle: "\\0"')
  await write('completed/b.md', 'id: task-1\ntitle: Twin\nstatus: Done\nassignee: owner')
  const report = await run(folder)
  expect(report).toMatchObject({ created: 1, errors: [{ file: 'tasks/a.md' }], warnings: [] })
  expect(await tasksOf(report)).toMatchObject([{ task_key: 'TASK-1', title: 'Twin' }])
})

test('every file, and every field, that does not come along is a warning', async () => {
  await writeFile(join(folder, 'config.yml'), 'project_name: All\n')
  await write('tasks/a.md', 'id: task-1\ntitle: First\nmilestone: m-1\nonStatusChange: beep\nempty: []')
  await write('tasks/readme.md', 'title: How')
  await write('decisions/d.md', 'id: decision-1\ntitle: Oak\ndate: 2025-06-22\nauthor: Ann', 'It floats.')
  await write('milestones/m-1.md', 'id: m-1\ntitle: Light', '\n## Description\n\nWhy.\n')
  await write('milestones/m-2.md', 'id: m-2')
  for (const path of ['tasks/pic.png', 'tasks/sub/notes.txt', 'milestones/m.txt', 'docs/x.markdown', 'archive/y.md'])
    await write(path, '')
  for (const path of ['assets/z.png', 'LICENSE']) await write(path, '')
  const report = await run(folder)
  expect(report).toMatchObject({ created: 1, errors: [], documents: { created: 1 } })
  expect(
    report.warnings.map(({ file, message, detail }) => [file, message.split(' ').slice(0, 2).join(' '), detail]),
  ).toEqual([
    ['assets', 'Only tasks,', undefined],
    ['tasks/a.md', 'Front matter', 'onStatusChange'],
    ['milestones/m-1.md', 'Of a', undefined],
    ['milestones/m-2.md', 'The front', undefined],
    ['decisions/d.md', 'Front matter', 'author'],
    ['LICENSE', 'Files that', undefined],
    ['archive/y.md', 'Only tasks,', undefined],
    ['docs/x.markdown', 'Only tasks,', undefined],
    ['milestones/m.txt', 'Files that', undefined],
    ['tasks/pic.png', 'Files that', undefined],
    ['tasks/readme.md', 'A readme.md', undefined],
    ['tasks/sub/notes.txt', 'Files that', undefined],
  ])
})

test('a folder that is none, and a person who may not, are refused', async () => {
  await expect(run(folder)).rejects.toMatchObject({ message: expect.stringContaining('holds no Backlog.md tasks') })
  for (const none of [join(folder, 'none'), fileURLToPath(import.meta.url)]) {
    const message = `${none} is no folder; name one with Backlog.md tasks.`
    await expect(run(none)).rejects.toMatchObject({ code: 'bad_request', message })
  }
  await write('tasks/a.md', 'id: t-1\ntitle: First')
  const stranger = await server.signUp(`stranger-${applicationId}`)
  await expect(run(folder, stranger.userId)).rejects.toMatchObject({ code: 'not_found' })
  expect(await state()).toMatchObject({ tasks: 0, projects: 0 })
})
