// Commands of the knowledge base: the same over REST and as a mutation, and recorded.
import { expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { apply, dataOf, makeBoard, written } from '#server/testing/board.ts'
import { asMarkdown, inApplication, makeDocument, makeFolder } from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

interface Twin {
  readonly folder: string
  readonly document: string
  readonly tag: string
  readonly template: string
  readonly snapshot: string
  readonly name: string
}

let count = 0
const makeTwin = async (): Promise<Twin> => {
  count += 1
  const at = inApplication(board)
  const parent = await makeFolder(people.owner, at)
  const folder = await makeFolder(people.owner, at, { parent_id: parent.id, name: 'Folder' })
  const document = await makeDocument(people.owner, at, {
    folder_id: folder.id,
    title: 'Document',
    ...asMarkdown('Text'),
  })
  const tag = written(await people.owner.post('/api/document-tags', { ...at, name: `Tag ${count}` })).data.id
  const snapshot = written(await people.owner.post(`/api/documents/${document.id}/snapshots`, { name: 'Kept' })).data.id
  const template = { ...at, name: `Template ${count}`, document_id: document.id }
  const made = written(await people.owner.post('/api/document-templates', template)).data.id
  return { template: made, folder: folder.id, document: document.id, tag, snapshot, name: `Made ${count}` }
}

type Step = readonly [
  command: string,
  method: 'POST' | 'PATCH' | 'PUT' | 'DELETE',
  path: (twin: Twin) => string,
  body: (twin: Twin) => Record<string, unknown>,
  /** What the path says, as an argument. */
  args: (twin: Twin) => Record<string, unknown>,
]

const none = () => ({})
const document = (twin: Twin) => ({ id: twin.document })
const ofDocument = (twin: Twin) => ({ document_id: twin.document })
const folder = (twin: Twin) => ({ id: twin.folder })
const at = (twin: Twin) => `/api/documents/${twin.document}`
const folderAt = (twin: Twin) => `/api/document-folders/${twin.folder}`

// in this order: each stands on those before it; names of their own come first, since both twins go to the root
const steps: readonly Step[] = [
  ['document.update', 'PATCH', at, twin => ({ title: twin.name }), document],
  ['document.move', 'POST', twin => `${at(twin)}/move`, () => ({ folder_id: null }), document],
  ['document.move', 'POST', twin => `${at(twin)}/move`, twin => ({ folder_id: twin.folder }), document],
  ['document.write', 'PUT', twin => `${at(twin)}/content`, () => ({ format: 'markdown', value: 'New' }), document],
  ['tag.assign', 'POST', twin => `${at(twin)}/tags`, twin => ({ tag_id: twin.tag }), ofDocument],
  [
    'tag.unassign',
    'DELETE',
    twin => `${at(twin)}/tags/${twin.tag}`,
    none,
    twin => ({ ...ofDocument(twin), tag_id: twin.tag }),
  ],
  [
    'tag.update',
    'PATCH',
    twin => `/api/document-tags/${twin.tag}`,
    () => ({ color: '#ABCDEF' }),
    twin => ({ id: twin.tag }),
  ],
  ['tag.delete', 'DELETE', twin => `/api/document-tags/${twin.tag}`, none, twin => ({ id: twin.tag })],
  [
    'template.update',
    'PATCH',
    twin => `/api/document-templates/${twin.template}`,
    () => ({ description: 'New', ...asMarkdown('New') }),
    twin => ({ id: twin.template }),
  ],
  [
    'template.delete',
    'DELETE',
    twin => `/api/document-templates/${twin.template}`,
    none,
    twin => ({ id: twin.template }),
  ],
  ['lock.acquire', 'POST', twin => `${at(twin)}/lock`, none, ofDocument],
  ['lock.release', 'DELETE', twin => `${at(twin)}/lock`, none, ofDocument],
  ['lock.force_take', 'POST', twin => `${at(twin)}/lock/force-take`, none, ofDocument],
  [
    'snapshot.restore',
    'POST',
    twin => `/api/snapshots/${twin.snapshot}/restore`,
    none,
    twin => ({ id: twin.snapshot }),
  ],
  [
    'snapshot.rename',
    'PATCH',
    twin => `/api/snapshots/${twin.snapshot}`,
    () => ({ name: 'Other' }),
    twin => ({ id: twin.snapshot }),
  ],
  ['snapshot.delete', 'DELETE', twin => `/api/snapshots/${twin.snapshot}`, none, twin => ({ id: twin.snapshot })],
  ['folder.update', 'PATCH', folderAt, twin => ({ name: `${twin.name} folder` }), folder],
  ['folder.move', 'POST', twin => `${folderAt(twin)}/move`, () => ({ parent_id: null }), folder],
  ['document.delete', 'DELETE', at, none, document],
  ['document.restore', 'POST', twin => `${at(twin)}/restore`, none, document],
  ['folder.delete', 'DELETE', folderAt, none, folder],
  ['folder.restore', 'POST', twin => `${folderAt(twin)}/restore`, none, folder],
]

const ids = (twin: Twin) => [twin.folder, twin.document, twin.tag, twin.template, twin.snapshot]

/** What an answer says, without what differs between twins: ids, names, ranks, times. */
const comparable = (data: object): unknown =>
  Object.fromEntries(
    Object.entries(data)
      .filter(([name]) => !/(^|_)(id|ids|at|rank|path|title|name|holder)$/.test(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )

test('D80 D125 each command does the same over REST and as a mutation, and leaves an activity', async () => {
  const [rest, queue] = [await makeTwin(), await makeTwin()]
  for (const [command, method, path, body, args] of steps) {
    server.clock.advance(1000)
    const sent = method === 'DELETE' ? null : JSON.stringify(body(rest))
    const headers: Record<string, string> = sent === null ? {} : { 'content-type': 'application/json' }
    const overRest = written(await people.owner.request(method, path(rest), sent, headers))
    const mutation = { name: command, args: { ...body(queue), ...args(queue) } }
    const overQueue = await apply(people.owner, [mutation])
    expect([command, comparable(must(overQueue.results?.[0]).data)]).toEqual([command, comparable(overRest.data)])
    expect([command, overQueue.txid === null]).toEqual([command, overRest.txid === null])
    const activity = async (twin: Twin) => {
      const { rows } = await queryOnce(
        server.databaseUrl,
        `select actor_id, edited_at, via, changes from activities
          where action = $1 and (entity_id = any($2) or document_id = any($2)) order by edited_at desc limit 1`,
        [command, ids(twin)],
      )
      return must(rows[0]) as { actor_id: string; edited_at: Date; via: string; changes: Record<string, unknown> }
    }
    const [ofRest, ofQueue] = [await activity(rest), await activity(queue)]
    const by = { actor_id: people.owner.userId, edited_at: server.clock.now() }
    expect([command, ofRest, ofQueue]).toMatchObject([command, { ...by, via: 'api' }, { ...by, via: 'transaction' }])
    // old and new value of the fields that it changed, the same ones either way
    expect([command, Object.keys(ofQueue.changes)]).toEqual([command, Object.keys(ofRest.changes)])
    if (/\.(update|move|rename)$/.test(command)) expect([command, ofRest.changes]).not.toEqual([command, {}])
    for (const change of Object.values(ofRest.changes)) {
      expect(Object.keys(change as object).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['new', 'old'])
    }
  }
})

test('D125 what happened to a document is read by whoever reads it', async () => {
  const twin = await makeTwin()
  written(await people.owner.patch(at(twin), { title: 'Read' }))
  const log = dataOf<{ action: string; changes: unknown; document_id: string }[]>(
    await people.viewer.get(`${at(twin)}/activity`),
  )
  expect(log.map(row => row.action)).toEqual(['document.update', 'snapshot.create', 'document.create'])
  expect(log[0]).toMatchObject({ document_id: twin.document, changes: { title: { old: 'Document', new: 'Read' } } })
  expect((await people.stranger.get(`${at(twin)}/activity`)).code).toBe('not_found')
})
