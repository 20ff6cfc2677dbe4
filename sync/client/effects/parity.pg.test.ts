// What a client shows before the server has answered, against what the server then does: for each command with an
// effect, the rows that a person sees are the same before and after.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import * as Y from 'yjs'
import { asMarkdown } from '#server/testing/library.ts'
import { until } from '#server/testing/postgres.ts'
import { commandMap } from '#server/features.ts'
import { commandsWithEffect } from '../apply.ts'
import type { Client } from '../client.ts'
import type { Collection } from '../collection.ts'
import { createRelay, type Relay } from '../testing/relay.ts'
import { type Board, type ClientStack, newId, type Person, startClientStack } from '../testing/stack.ts'
import type { AnyRow, Mutation, ShapeRows } from '../types.ts'

/** Commands that a queue may hold and that show nothing before the answer, each with its reason. */
const serverFirst: Readonly<Record<string, string>> = {
  'member.set_role': 'a right is there when the server says so; a screen that shows it earlier invites to use it',
  'member.remove': 'what becomes of the person’s tasks depends on rows of others that this client may not hold',
  'member.leave': 'the copy of the whole application goes with it, which a refusal could not bring back',
  'project_member.add': 'a right, see member.set_role',
  'project_member.set_role': 'a right, see member.set_role',
  'project_member.remove': 'see member.remove',
  'project_member.leave': 'see member.remove',
  'invitation.create': 'whom an address belongs to, and the link, are known to the server only',
  'invitation.resend': 'a mail is sent or not',
  'invitation.cancel': 'may be crossed by the answer of the invited person',
  'invitation.accept': 'access begins when the server gives it',
  'invitation.reject': 'the invitation may have been withdrawn',
  'folder.create': 'the server may give it another name, and checks names across folders and documents of a place',
  'folder.update': 'a name, see folder.create',
  'folder.move': 'depth and names are checked over rows that this client may not hold',
  'folder.delete': 'a lock on something in it may refuse',
  'folder.restore': 'goes where its folder is still there, under a name that is still free',
  'folder.purge': 'cannot be taken back',
  'document.create': 'a name, see folder.create; excerpt and word count are made of the content',
  'document.update': 'a name, see folder.create; a lock may refuse',
  'document.move': 'a name, see folder.create; a lock may refuse',
  'document.write': 'what becomes of the text depends on what others typed; open editors have it at once',
  'document.delete': 'a lock may refuse',
  'document.restore': 'see folder.restore',
  'document.purge': 'cannot be taken back',
  'document.duplicate': 'the copy has what the document holds at the server',
  'tag.create': 'the name may be taken',
  'tag.update': 'the name may be taken',
  'tag.delete': 'goes off documents that this client may not hold',
  'tag.assign': 'the id of the assignment is the server’s',
  'tag.unassign': 'see tag.assign',
  'template.create': 'the name may be taken; what a document holds, and the Markdown, are made at the server',
  'template.update': 'see template.create',
  'template.delete': 'a template is deleted when the server says so: until then documents are made from it',
  'snapshot.create': 'snapshots are in no shape',
  'snapshot.rename': 'see snapshot.create',
  'snapshot.delete': 'see snapshot.create',
  'snapshot.restore': 'see document.write',
  'lock.acquire': 'a lock is there when the server says so',
  'lock.heartbeat': 'see lock.acquire',
  'lock.release': 'see lock.acquire',
  'lock.force_take': 'see lock.acquire',
  'notification_preference.set': 'the row may not be there yet; nothing that a client shows depends on it',
}

const shapes = [
  'application',
  'my_memberships',
  'application_members',
  'projects',
  'project_members',
  'project_aggregates',
  'task_statuses',
  'tasks',
  'checklists',
  'checklist_items',
  'comments',
  'mentions',
  'documents',
  'document_comments',
  'personal_documents',
  'personal_document_comments',
  'my_notifications',
  'my_counters',
] as const
type Shape = (typeof shapes)[number]

let stack: ClientStack
let ann: Person
let board: Board
let relay: Relay
let client: Client
let copies: Map<Shape, Collection>
const done = new Set<string>()

beforeAll(async () => {
  stack = await startClientStack()
  ann = await stack.person('ann')
})
afterAll(() => stack.close())

const follow = async (applicationId: string): Promise<void> => {
  copies = new Map()
  for (const shape of shapes) {
    const scope = /^(my|personal)_/.test(shape) ? {} : { application_id: applicationId }
    copies.set(shape, (await client.follow(shape as keyof ShapeRows, scope)) as unknown as Collection)
  }
}

beforeEach(async () => {
  board = await ann.makeBoard()
  relay = createRelay()
  client = await ann.open(board.applicationId, { fetch: relay.fetch })
  await follow(board.applicationId)
  await Promise.all([...copies.values()].map(copy => copy.ready()))
})
afterEach(() => client.close())

const rows = (shape: Shape): readonly AnyRow[] => copies.get(shape)?.rows() ?? []

// the server's own: numbers, versions, and times of arrival
const hidden = new Set(['version', 'created_at', 'updated_at', 'number', 'task_key', 'body', 'unarchived_at', 'rank'])
/** Rows whose ids the server makes are told apart by what they join. */
const joins = new Set<Shape>(['my_memberships', 'application_members', 'project_members'])
const listOf: Readonly<Partial<Record<Shape, string>>> = {
  tasks: 'status_id',
  task_statuses: 'project_id',
  checklists: 'task_id',
  checklist_items: 'checklist_id',
}

const isLater = (a: AnyRow, b: AnyRow): boolean =>
  a.rank === b.rank ? String(a.id) > String(b.id) : String(a.rank) > String(b.rank)

/** How many rows stand before `row` in its list, as a person sees it. */
const placeOf = (shape: Shape, row: AnyRow): number | undefined => {
  const list = listOf[shape]
  const isHidden = (one: AnyRow) => shape === 'tasks' && (one.deleted_at !== null || one.archived_at !== null)
  if (list === undefined || isHidden(row)) return undefined
  return rows(shape).filter(one => one[list] === row[list] && !isHidden(one) && isLater(row, one)).length
}

/** Everything on the screen, comparable. */
const screen = (): Record<string, unknown[]> =>
  Object.fromEntries(
    shapes.map(shape => [
      shape,
      rows(shape)
        .map(row => {
          const seen = Object.entries(row).filter(([name]) => !hidden.has(name) && !(joins.has(shape) && name === 'id'))
          const was = typeof row.unarchived_at === 'string'
          const text = Object.fromEntries(seen.toSorted(([a], [b]) => (a < b ? -1 : 1)))
          return JSON.stringify({ ...text, unarchived: was, place: placeOf(shape, row) })
        })
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map(text => JSON.parse(text) as unknown),
    ]),
  )

const settled = () => until('the outbox is empty', () => client.outbox.pending().length === 0)

/** Brings about what a case begins with. */
const given = async (...mutations: Mutation[]): Promise<void> => {
  for (const one of mutations) {
    const { outcome } = await client.commit(one)
    expect(await outcome).toMatchObject({ status: 'applied' })
  }
  await settled()
}

/** Runs one command offline, then online: both screens are the same, and not what was there before. */
const parity = async (name: string, args: Record<string, unknown>): Promise<void> => {
  const before = screen()
  relay.cut()
  const { outcome } = await client.commit({ name, args })
  const promised = screen()
  expect(promised).not.toEqual(before)
  // the server's clock stands still; what was made offline lies in its past
  stack.server.clock.advance(60_000)
  relay.mend()
  client.wake()
  expect(await outcome).toMatchObject({ status: 'applied' })
  await settled()
  const same = () => JSON.stringify(screen()) === JSON.stringify(promised)
  await until('the shapes show it', same, 5000).catch(() => undefined)
  expect(screen()).toEqual(promised)
  done.add(name)
}

const status = (category: string): string => board.statuses.find(one => one.category === category)?.id ?? ''
const task = (id: string, more = {}): Mutation => ({
  name: 'task.create',
  args: { id, project_id: board.projectId, title: `Card ${id}`, ...more },
})
const list = (id: string, taskId: string): Mutation => ({
  name: 'checklist.create',
  args: { id, task_id: taskId, title: `List ${id}` },
})
const item = (id: string, listId: string, more = {}): Mutation => ({
  name: 'checklist_item.create',
  args: { id, checklist_id: listId, content: `Item ${id}`, ...more },
})
const comment = (id: string, taskId: string, more = {}): Mutation => ({
  name: 'comment.create',
  args: { id, task_id: taskId, body_markdown: `Text ${id}`, ...more },
})

const ids = { a: '', b: '', c: '', d: '' }
beforeEach(() => {
  for (const name of ['a', 'b', 'c', 'd'] as const) ids[name] = newId()
})

test('application.create, for a person who follows what he has just made', async () => {
  const { applicationId } = board
  await client.close()
  const id = newId()
  client = await ann.open(id, { fetch: relay.fetch })
  await follow(id)
  // of the new application there is nothing to wait for
  for (const [shape, copy] of copies) if (shape.startsWith('my_')) await copy.ready()
  await until('it is not there', () => copies.get('application')?.state === 'gone')
  await parity('application.create', { id, name: 'Lighthouse', description: 'Lamp' })
  expect(rows('my_memberships').map(row => row.application_id)).toEqual(expect.arrayContaining([applicationId, id]))
})

test('a new application does not show up among the rows of another one', async () => {
  const { outcome } = await client.commit({ name: 'application.create', args: { id: ids.a, name: 'Elsewhere' } })
  expect(rows('application').map(row => row.id)).toEqual([board.applicationId])
  expect(rows('application_members')).toHaveLength(1)
  expect(await outcome).toMatchObject({ status: 'applied' })
})

test('application.update, archive and unarchive', async () => {
  const id = board.applicationId
  await parity('application.update', { id, name: 'Renamed', editors_may_add_editors: false })
  await parity('application.archive', { id })
  await parity('application.unarchive', { id })
})

test('project.create with columns of the client’s, and a card in one of them before the answer', async () => {
  const statuses = [
    { id: ids.b, name: 'Now', category: 'todo' },
    { id: ids.c, name: 'Then', category: 'review', color: '#123456' },
    { id: ids.d, name: 'Over', category: 'done' },
  ]
  const args = { id: ids.a, application_id: board.applicationId, name: 'Second', key: 'sec', statuses }
  await parity('project.create', args)
})

test('project.create without columns: they come with the answer, before the shapes have them', async () => {
  relay.cut()
  const { outcome } = await client.commit({
    name: 'project.create',
    args: { id: ids.a, application_id: board.applicationId, name: 'Second', key: 'SEC' },
  })
  const columns = () => rows('task_statuses').filter(row => row.project_id === ids.a)
  expect(columns()).toEqual([])
  expect(rows('projects').find(row => row.id === ids.a)).toMatchObject({ key: 'SEC', effective_status: 'todo' })
  relay.mend()
  client.outbox.wake()
  await outcome
  expect(columns()).toHaveLength(5)
  client.wake()
  await settled()
  await until('the shapes have them', () => columns().length === 5 && rows('projects').length === 2)
  expect(rows('projects').some(row => 'statuses' in row || 'my_project_role' in row)).toBe(false)
})

test('project.update, override, archive, unarchive, delete', async () => {
  const id = board.projectId
  await given(task(ids.a), comment(ids.b, ids.a), list(ids.c, ids.a), item(ids.d, ids.c))
  await parity('project.update', { id, name: 'Renamed', freeze_done: true, due_date: '2027-01-01' })
  await parity('project.set_override', {
    id,
    status: 'review',
    reason: 'Waits',
    expires_at: '2999-01-01T00:00:00.000Z',
  })
  await parity('project.clear_override', { id })
  await parity('project.set_override', { id, status_id: status('issue'), reason: 'Broken' })
  await parity('project.archive', { id })
  await parity('project.unarchive', { id })
  await parity('project.delete', { id })
})

test('status.create, update, move', async () => {
  const create = { project_id: board.projectId, name: 'Blocked', category: 'issue' }
  await parity('status.create', { id: ids.a, ...create })
  await parity('status.create', { id: ids.b, ...create, name: 'First', color: '#ABCDEF', before_id: status('todo') })
  await parity('status.update', { id: ids.a, name: 'Stuck', color: '#000000' })
  await parity('status.move', { id: ids.a, after_id: status('todo') })
})

test('status.delete: an empty column, and one whose cards move', async () => {
  await given(
    task(ids.a, { status_id: status('review') }),
    task(ids.b, { status_id: status('review'), position: 'top' }),
    task(ids.c, { status_id: status('done') }),
  )
  await parity('status.delete', { id: status('active') })
  await parity('status.delete', { id: status('review'), target_status_id: status('done') })
})

test('task.create: plain, with all fields, below another, at a place', async () => {
  await parity('task.create', task(ids.a).args)
  await parity(
    'task.create',
    task(ids.b, {
      description: 'Text',
      task_type: 'bug',
      priority: 'critical',
      status_id: status('done'),
      assignee_id: ann.userId,
      labels: ['x', 'y'],
      story_points: 3,
      due_date: '2027-02-03',
    }).args,
  )
  await parity('task.create', task(ids.c, { parent_id: ids.a, task_type: 'subtask', before_id: ids.a }).args)
  await parity('task.create', task(ids.d, { parent_id: ids.c, status_id: status('done'), reporter_id: null }).args)
})

test('task.create brings an archived project back', async () => {
  await given({ name: 'project.archive', args: { id: board.projectId } })
  await parity('task.create', task(ids.a).args)
})

test('task.update: fields, labels, column, parent', async () => {
  await given(task(ids.a, { labels: ['x', 'y'] }), task(ids.b), task(ids.c, { parent_id: ids.b }), task(ids.d))
  await parity('task.update', {
    id: ids.a,
    title: 'New',
    priority: 'critical',
    due_date: '2027-01-01',
    story_points: 5,
  })
  await parity('task.update', { id: ids.a, labels_add: ['z'], labels_remove: ['x'] })
  await parity('task.update', { id: ids.a, labels: ['q'] })
  await parity('task.update', { id: ids.c, status_id: status('done') })
  await parity('task.update', { id: ids.b, parent_id: ids.a })
  await parity('task.update', { id: ids.c, parent_id: ids.d })
  await parity('task.update', { id: ids.b, parent_id: null, assignee_id: ann.userId })
})

test('task.move: to a column, to a place, into done and out of it', async () => {
  await given(task(ids.a), task(ids.b), task(ids.c), task(ids.d, { parent_id: ids.a }))
  await parity('task.move', { id: ids.c, after_id: ids.a })
  await parity('task.move', { id: ids.c, position: 'top' })
  await parity('task.move', { id: ids.d, status_id: status('done') })
  await parity('task.move', { id: ids.a, status_id: status('done'), before_id: ids.d })
  await parity('task.move', { id: ids.d, status_id: status('issue'), position: 'bottom' })
})

test('task.archive and unarchive, which brings its project back', async () => {
  await given(task(ids.a), task(ids.b, { status_id: status('done') }))
  await parity('task.archive', { id: ids.a })
  await parity('task.archive', { id: ids.b })
  await given({ name: 'project.archive', args: { id: board.projectId } })
  await parity('task.unarchive', { id: ids.b })
})

test('task.delete, restore and purge, with what is below', async () => {
  await given(task(ids.a), task(ids.b, { parent_id: ids.a }), task(ids.c, { parent_id: ids.b, task_type: 'subtask' }))
  await given(comment(ids.d, ids.c), list(newId(), ids.c))
  await parity('task.delete', { id: ids.b })
  await parity('task.restore', { id: ids.b })
  await parity('task.delete', { id: ids.a })
  // alone: it leaves its parent in the trash
  await parity('task.restore', { id: ids.c })
  await given({ name: 'project.archive', args: { id: board.projectId } })
  await parity('task.restore', { id: ids.a })
  await parity('task.delete', { id: ids.c })
  await parity('task.purge', { id: ids.c })
})

test('checklist.create, update, move, reorder, delete', async () => {
  await given(task(ids.a))
  await parity('checklist.create', list(ids.b, ids.a).args)
  await given(list(ids.c, ids.a), list(ids.d, ids.a), item(newId(), ids.b, { is_done: true }), item(newId(), ids.b))
  await parity('checklist.update', { id: ids.b, title: 'New' })
  await parity('checklist.move', { id: ids.d, before_id: ids.b })
  await parity('checklist.reorder', { task_id: ids.a, ids: [ids.c, ids.b, ids.d] })
  await parity('checklist.delete', { id: ids.b })
})

test('checklist_item.create, update, set_done, move, reorder, delete', async () => {
  await given(task(ids.a), list(ids.b, ids.a), list(ids.c, ids.a))
  const [one, two, three] = [newId(), newId(), newId()]
  await parity('checklist_item.create', item(one, ids.b, { is_done: true }).args)
  await parity('checklist_item.create', item(two, ids.b, { before_id: one }).args)
  await given(item(three, ids.b))
  await parity('checklist_item.update', { id: one, content: 'New', is_done: false })
  await parity('checklist_item.set_done', { id: two, is_done: true })
  await parity('checklist_item.set_done', { id: two, is_done: false })
  await given({ name: 'checklist_item.set_done', args: { id: two, is_done: true } })
  await parity('checklist_item.move', { id: three, before_id: two })
  await parity('checklist_item.reorder', { checklist_id: ids.b, ids: [one, two, three] })
  await parity('checklist_item.move', { id: two, checklist_id: ids.c })
  await parity('checklist_item.delete', { id: two })
})

test('comment.create, update, delete', async () => {
  await given(task(ids.a))
  await parity('comment.create', comment(ids.b, ids.a).args)
  await parity('comment.create', comment(ids.c, ids.a, { parent_id: ids.b }).args)
  await parity('comment.update', { id: ids.b, body_markdown: 'Rewritten' })
  await given({
    name: 'comment.update',
    args: {
      id: ids.b,
      body: {
        type: 'doc',
        content: [{ type: 'paragraph', content: [{ type: 'mention', attrs: { id: ann.userId, label: 'ann' } }] }],
      },
    },
  })
  await until('the mention has come', () => rows('mentions').length === 1)
  await parity('comment.delete', { id: ids.b })
})

test.each(['application', 'personal'] as const)(
  'document_comment.create, update, resolve, reopen, delete: %s',
  async scope => {
    const id = newId()
    const at = scope === 'personal' ? { scope } : { scope, scope_id: board.applicationId }
    await given({ name: 'document.create', args: { id, ...at, title: 'Log', ...asMarkdown('a text') } })
    const shape = scope === 'personal' ? 'personal_documents' : 'documents'
    await until('the document has come', () => rows(shape).some(row => row.id === id))
    const position = Buffer.from(
      Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(new Y.Doc().getXmlFragment('default'), 0)),
    )
    const [start, end] = [position.toString('base64'), position.toString('base64')]
    await parity('document_comment.create', {
      id: ids.a,
      document_id: id,
      body_markdown: 'Why?',
      anchor: { start, end, quote: 'a text' },
    })
    await parity('document_comment.create', { id: ids.b, document_id: id, parent_id: ids.a, body_markdown: 'Because' })
    await parity('document_comment.update', { id: ids.b, body_markdown: 'Just because' })
    await parity('document_comment.resolve', { id: ids.a })
    await parity('document_comment.reopen', { id: ids.a })
    await parity('document_comment.delete', { id: ids.a })
  },
)

test('notification.set_read, mark_all_read, delete, delete_all', async () => {
  const bo = await stack.person('bo')
  await ann.invite(bo, board)
  await given(task(ids.a))
  for (let n = 0; n < 4; n += 1) await bo.post(`/api/tasks/${ids.a}/comments`, { body_markdown: `Ahoy ${n}` })
  await until('all is heard', () => rows('my_notifications').length === 5 && rows('my_counters').length === 1)
  expect(rows('my_counters')).toMatchObject([{ unread_notifications: 5 }])
  const [first, second] = rows('my_notifications').map(row => row.id)
  await parity('notification.set_read', { ids: [first, second], is_read: true })
  await parity('notification.set_read', { ids: [first], is_read: false })
  await parity('notification.delete', { ids: [first, second] })
  await parity('notification.mark_all_read', {})
  await given({ name: 'notification.set_read', args: { ids: [rows('my_notifications')[0]?.id], is_read: false } })
  await until('one is unread', () => rows('my_counters')[0]?.unread_notifications === 1)
  await parity('notification.delete_all', { read_only: true })
  await parity('notification.delete_all', {})
})

test('every command that a queue may hold has an effect, compared above, or a reason why not', () => {
  const inQueues = [...commandMap(stack.server.app.features).values()]
    .filter(one => one.inTransactions)
    .map(one => one.name)
  expect([...commandsWithEffect, ...Object.keys(serverFirst)].toSorted()).toEqual(inQueues.toSorted())
  expect([...done].toSorted()).toEqual(commandsWithEffect.toSorted())
})
