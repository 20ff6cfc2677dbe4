// Templates of documents, and documents made from them.
import { describe, expect, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { apply, dataOf, makeBoard, type People, type Row, transact, written } from '#server/testing/board.ts'
import { createClient } from '#server/testing/client.ts'
import { asMarkdown, atHome, inApplication, inProject, makeDocument, readContent } from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)
const here = inApplication(board)

let made = 0
const makeTemplate = async (by: keyof People, at: object, args: Record<string, unknown> = {}): Promise<Row> => {
  made += 1
  const body = { ...at, name: `Template ${made}`, ...('document_id' in args ? {} : asMarkdown('Text')), ...args }
  return written(await people[by].post('/api/document-templates', body)).data
}
const read = async (by: keyof People, id: string): Promise<Row> =>
  dataOf<Row>(await people[by].get(`/api/document-templates/${id}`))
const namesFor = async (by: keyof People, query: string): Promise<unknown[]> =>
  dataOf(await people[by].get(`/api/document-templates?${query}`)).map(row => row.name)
const hours = (count: number) => count * 3_600_000
const dayAfter = (milliseconds: number): string =>
  new Date(server.clock.now().getTime() + milliseconds).toISOString().slice(0, 10)

describe('rights', () => {
  test('editors write those of an application, members read them, strangers know nothing', async () => {
    const answer = written(
      await people.editor.post('/api/document-templates', { ...here, name: 'Minutes', ...asMarkdown('# Minutes') }),
    )
    expect(answer.shapes).toEqual(['document_templates'])
    const { id } = answer.data
    const url = `/api/document-templates/${id}`
    expect(answer.data).toMatchObject({ created_by_id: people.editor.userId, description: null, version: 1 })
    expect(await read('viewer', id)).toMatchObject({ name: 'Minutes', content_markdown: '# Minutes' })
    const list = dataOf(
      await people.viewer.get(`/api/document-templates?scope=application&scope_id=${board.applicationId}`),
    )
    expect(list.map(row => [row.name, 'content_json' in row, 'content_markdown' in row])).toEqual([
      ['Minutes', false, false],
    ])
    const writes = (by: keyof People) =>
      Promise.all([
        people[by].post('/api/document-templates', { ...here, name: 'Other', ...asMarkdown('x') }),
        people[by].patch(url, { name: 'Other' }),
        people[by].delete(url),
      ])
    expect((await writes('viewer')).map(refused => refused.code)).toEqual(['forbidden', 'forbidden', 'forbidden'])
    expect((await writes('stranger')).map(refused => refused.code)).toEqual(['not_found', 'not_found', 'not_found'])
    expect((await people.stranger.get(url)).code).toBe('not_found')
    written(await people.owner.delete(url))
    expect((await people.viewer.get(url)).code).toBe('not_found')
  })

  test('one’s own are one’s own', async () => {
    const { id } = await makeTemplate('viewer', atHome, { name: 'Diary' })
    expect(await namesFor('viewer', 'scope=personal')).toEqual(['Diary'])
    expect(await namesFor('owner', 'scope=personal')).toEqual([])
    expect((await people.owner.get(`/api/document-templates/${id}`)).code).toBe('not_found')
    expect((await people.owner.delete(`/api/document-templates/${id}`)).code).toBe('not_found')
    const answer = written(await people.viewer.delete(`/api/document-templates/${id}`))
    expect(answer.shapes).toEqual(['personal_document_templates'])
  })

  test('a project has none of its own', async () => {
    const answer = await people.owner.post('/api/document-templates', {
      ...inProject(board),
      name: 'x',
      ...asMarkdown('x'),
    })
    expect(answer.issues).toEqual(['scope not_in_enum'])
  })

  test('an archived application refuses every write, and lends its documents', async () => {
    const other = await makeBoard(server, people)
    const paper = await makeDocument(people.owner, inApplication(other), asMarkdown('Kept'))
    const { id } = await makeTemplate('owner', inApplication(other))
    written(await people.owner.post(`/api/applications/${other.applicationId}/archive`))
    const refused = [
      await people.owner.post('/api/document-templates', { ...inApplication(other), name: 'x', ...asMarkdown('x') }),
      await people.owner.patch(`/api/document-templates/${id}`, { name: 'x' }),
      await people.owner.delete(`/api/document-templates/${id}`),
    ]
    expect(refused.map(answer => answer.code)).toEqual(Array.from({ length: 3 }, () => 'application_archived'))
    const own = await makeTemplate('viewer', atHome, { document_id: paper.id })
    expect(own.content_markdown).toBe('Kept')
  })
})

describe('name, limits', () => {
  test('names are unique whatever their case, in an application and for a person', async () => {
    const first = await makeTemplate('editor', here, { name: 'Ship' })
    const taken = await people.editor.post('/api/document-templates', { ...here, name: 'SHIP', ...asMarkdown('x') })
    expect([taken.code, taken.body]).toMatchObject(['name_taken', { error: { details: { existing_id: first.id } } }])
    await makeTemplate('editor', atHome, { name: 'Ship' })
    await makeTemplate('viewer', atHome, { name: 'Ship' })
    const second = await makeTemplate('editor', here, { name: 'Boat' })
    const url = `/api/document-templates/${second.id}`
    expect((await people.editor.patch(url, { name: 'ship' })).code).toBe('name_taken')
    expect(written(await people.editor.patch(url, { name: 'BOAT' })).data.name).toBe('BOAT')
    expect(await namesFor('viewer', `scope=application&scope_id=${board.applicationId}`)).toEqual(['BOAT', 'Ship'])
    for (const [id, constraint] of [
      [second.id, 'document_templates_application_name_key'],
      [(await makeTemplate('viewer', atHome)).id, 'document_templates_user_name_key'],
    ]) {
      await expect(
        queryOnce(server.databaseUrl, `update document_templates set name = 'sHIP' where id = $1`, [id]),
      ).rejects.toMatchObject({ constraint })
    }
  })

  test('at most 200 of an application', async () => {
    const full = await makeBoard(server, people)
    await queryOnce(
      server.databaseUrl,
      `insert into document_templates (id, application_id, name, content_json, content_markdown)
       select gen_random_uuid(), $1, 'template ' || n, '{"type":"doc"}', '' from generate_series(1, 199) n`,
      [full.applicationId],
    )
    const make = (name: string) =>
      people.owner.post('/api/document-templates', { ...inApplication(full), name, ...asMarkdown('x') })
    written(await make('the last one'))
    expect((await make('one more')).code).toBe('limit_reached')
  })

  test('at most 256 KiB of content, wherever it comes from; 500 characters of description', async () => {
    // what stands around one text as JSON
    const around = JSON.stringify({
      type: 'doc',
      content: [{ type: 'paragraph', content: [{ type: 'text', text: '' }] }],
    }).length
    const text = 'x'.repeat(256 * 1024 - around)
    const { id } = await makeTemplate('editor', here, asMarkdown(text))
    const long = { format: 'markdown', value: `${text}x` }
    const paper = await makeDocument(people.editor, here, { content: long })
    const refused = async (body: object) =>
      (await people.editor.post('/api/document-templates', { ...here, name: 'Long', ...body })).issues
    expect(await refused({ content: long })).toEqual(['content.value too_long'])
    expect(await refused({ document_id: paper.id })).toEqual(['document_id too_long'])
    expect(await refused({ ...asMarkdown('x'), description: 'x'.repeat(501) })).toEqual(['description too_long'])
    const answer = await people.editor.patch(`/api/document-templates/${id}`, { content: long })
    expect(answer.issues).toEqual(['content.value too_long'])
  })
})

describe('content', () => {
  test('Markdown, JSON and text are given, JSON and Markdown read back', async () => {
    const markdown = '# {{title}}\n\n- [ ] order **paint**\n\n| a | b |\n| --- | --- |\n| 1 | {{date}} |'
    const one = await makeTemplate('editor', here, asMarkdown(markdown))
    expect((await read('viewer', one.id)).content_markdown).toBe(markdown)
    const other = await makeTemplate('editor', here, { content: { format: 'json', value: one.content_json } })
    expect(await read('viewer', other.id)).toMatchObject({
      content_json: one.content_json,
      content_markdown: markdown,
    })
    const plain = await makeTemplate('editor', here, { content: { format: 'text', value: '# no heading\n\n*stars*' } })
    expect(plain.content_json).toEqual({
      type: 'doc',
      content: [
        { type: 'paragraph', content: [{ type: 'text', text: '# no heading' }] },
        { type: 'paragraph' },
        { type: 'paragraph', content: [{ type: 'text', text: '*stars*' }] },
      ],
    })
  })

  test('it is checked, and comes from one place', async () => {
    const post = async (body: object) =>
      (await people.editor.post('/api/document-templates', { ...here, name: 'Bad', ...body })).issues
    const wrong = { type: 'doc', content: [{ type: 'video' }] }
    expect(await post({ content: { format: 'json', value: wrong } })).toEqual(['content.value.content.0 bad_format'])
    expect(await post({})).toEqual(['content required'])
    expect(await post({ ...asMarkdown('x'), document_id: uuid7() })).toEqual(['content required'])
  })

  test('of a document that the caller reads, as it is at that moment', async () => {
    const paper = await makeDocument(people.member, inProject(board), asMarkdown('# Plan\n\nfirst'))
    written(
      await people.member.patch(`/api/documents/${paper.id}/content`, {
        format: 'markdown',
        value: 'second',
        mode: 'append',
      }),
    )
    // a viewer may not write there, but read
    const template = await makeTemplate('viewer', atHome, { document_id: paper.id })
    expect(template.content_markdown).toBe('# Plan\n\nfirst\n\nsecond')
    written(await people.member.put(`/api/documents/${paper.id}/content`, { format: 'markdown', value: 'third' }))
    expect((await read('viewer', template.id)).content_markdown).toBe('# Plan\n\nfirst\n\nsecond')
    const own = await makeDocument(people.owner, atHome)
    for (const id of [own.id, uuid7()]) {
      const answer = await people.editor.post('/api/document-templates', { ...here, name: 'x', document_id: id })
      expect(answer.code).toBe('not_found')
    }
  })

  test('the activity keeps what was replaced, of a long one the beginning', async () => {
    const { id } = await makeTemplate('editor', here, asMarkdown('x'.repeat(200_000)))
    const url = `/api/document-templates/${id}`
    written(await people.editor.patch(url, asMarkdown('Short')))
    written(await people.editor.patch(url, asMarkdown('Shorter')))
    const log = await queryOnce(
      server.databaseUrl,
      `select changes -> 'content_markdown' as change from activities
        where entity_id = $1 and action = 'template.update' order by id`,
      [id],
    )
    expect(log.rows.map(row => (row as { change: unknown }).change)).toEqual([
      { old: 'x'.repeat(102_400), new: 'Short' },
      { old: 'Short', new: 'Shorter' },
    ])
  })

  test('name and description are decided by the later edit, each on its own; content by arrival', async () => {
    const { id } = await makeTemplate('editor', here, { name: 'Merged' })
    const url = `/api/document-templates/${id}`
    server.clock.advance(60_000)
    const at = (seconds: number) => ({ editedAt: new Date(server.clock.now().getTime() - seconds * 1000) })
    const change = (args: object) => [{ name: 'template.update', args: { id, ...args } }]
    await apply(people.editor, change({ name: 'Later', ...asMarkdown('later') }), at(10))
    const late = await transact(
      people.owner,
      change({ name: 'Earlier', description: 'What for', ...asMarkdown('earlier') }),
      at(20),
    )
    expect(late.results?.[0]).toMatchObject({
      data: { name: 'Later', description: 'What for', content_markdown: 'earlier', version: 3 },
      superseded: [{ field: 'name', your_value: 'Earlier', value: 'Later' }],
    })
    const { rows } = await queryOnce(
      server.databaseUrl,
      `select changes from activities where entity_id = $1 and actor_id = $2`,
      [id, people.owner.userId],
    )
    expect(rows).toEqual([
      {
        changes: {
          description: { old: null, new: 'What for' },
          content_markdown: { old: 'later', new: 'earlier' },
        },
      },
    ])
    const patch = (body: object) => people.editor.patch(url, body)
    expect((await patch({})).issues).toEqual([' nothing_to_change'])
    const same = written(await patch({ name: 'Later', ...asMarkdown('earlier') }))
    expect([same.txid, same.data.version]).toEqual([null, 3])
    expect((await patch({ ...asMarkdown('x'), expected_version: 2 })).code).toBe('version_conflict')
    expect(written(await patch({ ...asMarkdown('x'), expected_version: 3 })).data.version).toBe(4)
  })
})

describe('documents from templates', () => {
  test('placeholders become title, day and name of the person; the title is the one that was free', async () => {
    const template = await makeTemplate(
      'editor',
      here,
      asMarkdown('# {{title}}\n\n**{{date}}**, {{author}}: {{other}}'),
    )
    for (const [zone, offset] of [
      ['Pacific/Kiritimati', 14],
      ['Pacific/Pago_Pago', -11],
    ] as const) {
      written(await people.member.patch('/api/me', { time_zone: zone, display_name: 'Mia' }))
      const paper = await makeDocument(people.member, inProject(board), {
        title: 'Log',
        template_id: template.id,
        on_name_conflict: 'rename',
      })
      expect(paper).toMatchObject({ content_version: 1 })
      expect((await readContent(people.viewer, paper.id)).value).toBe(
        `# ${paper.title}\n\n**${dayAfter(hours(offset))}**, Mia: {{other}}`,
      )
    }
  })

  test('made offline, with their template, they say the day on which they were made', async () => {
    written(await people.member.patch('/api/me', { time_zone: 'UTC' }))
    const [template, paper] = [uuid7(), uuid7()]
    const day = dayAfter(0)
    const editedAt = server.clock.now()
    server.clock.advance(hours(48))
    await apply(
      people.member,
      [
        { name: 'template.create', args: { id: template, ...here, name: 'Offline', ...asMarkdown('On {{date}}') } },
        { name: 'document.create', args: { id: paper, ...here, title: 'Offline', template_id: template } },
      ],
      { editedAt },
    )
    expect((await readContent(people.viewer, paper)).value).toBe(`On ${day}`)
    // the template may go: the document has its content
    written(await people.editor.delete(`/api/document-templates/${template}`))
    expect((await readContent(people.viewer, paper)).value).toBe(`On ${day}`)
  })

  test('a template of another application or person is refused, one’s own serves everywhere', async () => {
    const elsewhere = await makeBoard(server, people)
    const [foreign, shared, mine, viewers] = [
      await makeTemplate('owner', inApplication(elsewhere)),
      await makeTemplate('owner', here),
      await makeTemplate('owner', atHome),
      await makeTemplate('viewer', atHome),
    ]
    const create = (at: object, template: string) =>
      people.owner.post('/api/documents', { ...at, title: uuid7(), template_id: template })
    const refused = ['template_id template_foreign']
    for (const id of [foreign.id, viewers.id, uuid7()]) expect((await create(here, id)).issues).toEqual(refused)
    for (const id of [shared.id, viewers.id]) expect((await create(atHome, id)).issues).toEqual(refused)
    for (const [at, id] of [
      [here, shared.id],
      [inProject(board), shared.id],
      [here, mine.id],
      [atHome, mine.id],
    ] as const) {
      written(await create(at, id))
    }
    const both = await people.owner.post('/api/documents', {
      ...here,
      title: 'Both',
      template_id: shared.id,
      ...asMarkdown('x'),
    })
    expect(both.issues).toEqual(['template_id bad_format'])
  })

  test('a token that is limited to applications does not reach one’s own', async () => {
    const [shared, mine] = [await makeTemplate('owner', here), await makeTemplate('owner', atHome)]
    const { token } = dataOf<{ token: string }>(
      await people.owner.post('/auth/tokens', {
        name: 'script',
        scopes: ['read', 'write'],
        application_ids: [board.applicationId],
      }),
    )
    const limited = createClient(server.url, { authorization: `Bearer ${token}` })
    const create = (id: string) => limited.post('/api/documents', { ...here, title: uuid7(), template_id: id })
    written(await create(shared.id))
    expect((await create(mine.id)).issues).toEqual(['template_id template_foreign'])
    expect((await limited.get(`/api/document-templates/${mine.id}`)).code).toBe('not_found')
  })

  test('they mention members alone', async () => {
    const ids = [people.viewer.userId, people.stranger.userId]
    const content = ids.map(id => ({ type: 'mention', attrs: { id, label: 'Somebody' } }))
    const value = { type: 'doc', content: [{ type: 'paragraph', content }] }
    const template = await makeTemplate('editor', here, { content: { format: 'json', value } })
    const paper = await makeDocument(people.editor, here, { template_id: template.id })
    const { rows } = await queryOnce(server.databaseUrl, 'select user_id from mentions where document_id = $1', [
      paper.id,
    ])
    expect(rows).toEqual([{ user_id: people.viewer.userId }])
  })
})

test('no edit clock stays behind, neither of a deleted template nor of those of a deleted application', async () => {
  const other = await makeBoard(server, people)
  const [one, two] = [
    await makeTemplate('owner', inApplication(other)),
    await makeTemplate('owner', inApplication(other)),
  ]
  const clocks = async () =>
    (
      await queryOnce(server.databaseUrl, 'select entity_id from field_clocks where entity_id = any($1)', [
        [one.id, two.id],
      ])
    ).rows.length
  expect(await clocks()).toBe(2)
  written(await people.owner.delete(`/api/document-templates/${one.id}`))
  expect(await clocks()).toBe(1)
  written(await people.owner.delete(`/api/applications/${other.applicationId}`))
  expect(await clocks()).toBe(0)
})
