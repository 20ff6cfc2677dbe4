// Replays, queues and idempotency (domain rules, sections 1.6 and 5.14).
import { expect, onTestFinished, test } from 'vitest'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import {
  dataOf,
  makeBoard,
  makeTask,
  type Mutation,
  type People,
  type Row,
  transact,
  type TransactionResult,
  written,
} from '#server/testing/board.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startTestServer } from '#server/testing/server.ts'
import { startWithPeople } from '#server/testing/with-people.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

const createTask = (title: string, more: Record<string, unknown> = {}): Mutation => ({
  name: 'task.create',
  args: { project_id: board.projectId, title, ...more },
})
const titles = async (search: string) =>
  dataOf(await people.viewer.get(`/api/projects/${board.projectId}/tasks?search=${search}&limit=200`)).map(
    row => row.title,
  )
const sendAll = async (transactions: unknown[]) =>
  dataOf<{ results: TransactionResult[]; stopped: string | null }>(
    await people.member.post('/api/transactions', { transactions }),
  )

test('D3 the same Idempotency-Key answers the same, says so, and creates nothing', async () => {
  const post = () =>
    people.member.post(`/api/projects/${board.projectId}/tasks`, { title: 'Keyed' }, { 'idempotency-key': 'k-1' })
  const [first, second] = [await post(), await post()]
  expect([second.status, second.text]).toEqual([first.status, first.text])
  expect(first.headers.get('idempotency-replayed')).toBeNull()
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  expect(await titles('Keyed')).toEqual(['Keyed'])
  const refused = () => people.member.patch(`/api/tasks/${uuid7()}`, { title: 'x' }, { 'idempotency-key': 'k-2' })
  const wrong = await refused()
  expect(wrong.status).toBe(404)
})

test('D3 a refusal is kept as well, also when the reason is gone', async () => {
  const task = await makeTask(people.member, board.projectId)
  const restore = () => people.member.post(`/api/tasks/${task.id}/restore`, undefined, { 'idempotency-key': 'k-3' })
  const first = await restore()
  expect(first.code).toBe('not_in_trash')
  written(await people.member.delete(`/api/tasks/${task.id}`))
  const second = await restore()
  expect([second.status, second.text]).toEqual([first.status, first.text])
  expect(second.headers.get('idempotency-replayed')).toBe('true')
})

test('D4 another body, path or method under the key is a mismatch; other people have keys of their own', async () => {
  const post = (by: keyof People, title: string) =>
    people[by].post(`/api/projects/${board.projectId}/tasks`, { title }, { 'idempotency-key': 'k-4' })
  written(await post('member', 'One'))
  expect((await post('member', 'Two')).code).toBe('idempotency_mismatch')
  const patch = await people.member.patch(
    `/api/projects/${board.projectId}`,
    { name: 'x' },
    { 'idempotency-key': 'k-4' },
  )
  expect(patch.code).toBe('idempotency_mismatch')
  written(await post('admin', 'Two'))
})

test('D4 while the first still runs: request_in_progress, and afterwards its answer', async () => {
  const task = await makeTask(people.member, board.projectId)
  // somebody holds the task, so that the first request waits inside its command
  const blocker = await server.database.pool.connect()
  await blocker.query('begin')
  await blocker.query('select 1 from tasks where id = $1 for update', [task.id])
  const patch = () => people.member.patch(`/api/tasks/${task.id}`, { title: 'Slow' }, { 'idempotency-key': 'k-5' })
  const first = patch()
  try {
    const held = async () =>
      (await queryOnce(server.databaseUrl, `select 1 from pg_locks where locktype = 'advisory'`)).rows.length > 0
    while (!(await held())) await new Promise(setImmediate)
    const second = await patch()
    expect([second.status, second.code]).toEqual([409, 'request_in_progress'])
  } finally {
    await blocker.query('rollback')
    blocker.release()
  }
  expect(written(await first).data.title).toBe('Slow')
  expect((await patch()).text).toBe((await first).text)
})

test('D76 a hundred run in order; number 3 rejected leaves the others applied', async () => {
  const transactions = Array.from({ length: 100 }, (_, n) => ({
    id: uuid7(),
    mutations: [n === 2 ? createTask('', {}) : createTask(`Queue ${String(n).padStart(3, '0')}`)],
  }))
  const { results, stopped } = await sendAll(transactions)
  expect(stopped).toBeNull()
  expect(results.map(result => result.id)).toEqual(transactions.map(one => one.id))
  expect(results.map(result => result.status)).toEqual(transactions.map((_, n) => (n === 2 ? 'rejected' : 'applied')))
  expect(results[2]).toMatchObject({ error: { code: 'validation_failed' }, mutation_index: 0 })
  const numbers = results.flatMap(result => result.results?.map(one => Number(one.data.number)) ?? [])
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
})

test('D77 a failing second mutation leaves no trace of the first', async () => {
  const state = () =>
    queryOnce(
      server.databaseUrl,
      'select (select count(*) from tasks) as tasks, (select count(*) from activities) as activities, (select count(*) from field_clocks) as clocks, (select next_task_number from projects where id = $1) as next',
      [board.projectId],
    )
  const before = (await state()).rows
  const result = await transact(people.member, [createTask('Trace'), createTask('x', { parent_id: uuid7() })])
  expect(result).toMatchObject({ status: 'rejected', mutation_index: 1 })
  expect((await state()).rows).toEqual(before)
})

test('D78 an outage in the middle: applied, failed, not run; all again applies the rest once', async () => {
  const transactions = Array.from({ length: 6 }, (_, n) => ({ id: uuid7(), mutations: [createTask(`Outage ${n}`)] }))
  // the database refuses the third one's insert with the error of a server that is going down
  await queryOnce(
    server.databaseUrl,
    `create function pulled() returns trigger language plpgsql as $$ begin raise exception 'going down' using errcode = '57P01'; end $$`,
  )
  await queryOnce(
    server.databaseUrl,
    `create trigger pulled before insert on tasks for each row when (new.title = 'Outage 2') execute function pulled()`,
  )
  const first = await sendAll(transactions)
  expect(first.results.map(result => result.status)).toEqual([
    'applied',
    'applied',
    'failed',
    'not_run',
    'not_run',
    'not_run',
  ])
  expect(first.stopped).toBe(transactions[2]?.id)
  expect(first.results[2]?.error?.code).toBe('unavailable')
  await queryOnce(server.databaseUrl, 'drop trigger pulled on tasks')
  const second = await sendAll(transactions)
  expect(second.results.map(result => [result.status, result.replayed])).toEqual([
    ['applied', true],
    ['applied', true],
    ['applied', false],
    ['applied', false],
    ['applied', false],
    ['applied', false],
  ])
  expect((await titles('Outage')).toSorted()).toEqual(transactions.map((_, n) => `Outage ${n}`))
})

test('D79 rejected ones are kept too; the stored result can be asked for, by its owner alone', async () => {
  const id = uuid7()
  const first = await transact(people.member, [createTask('', {})], { id })
  const again = await transact(people.member, [createTask('', {})], { id })
  expect(again).toEqual({ ...first, replayed: true })
  expect(dataOf(await people.member.get(`/api/transactions/${id}`))).toEqual(again)
  expect((await people.admin.get(`/api/transactions/${id}`)).code).toBe('not_found')
  expect((await people.member.get(`/api/transactions/${uuid7()}`)).code).toBe('not_found')
})

test('an unknown command rejects that transaction; a malformed envelope the whole call', async () => {
  expect(await transact(people.member, [{ name: 'task.explode', args: {} }])).toMatchObject({
    status: 'rejected',
    error: { code: 'bad_request' },
  })
  for (const name of ['application.delete', 'application.transfer_ownership', 'user.update_profile']) {
    expect(await transact(people.owner, [{ name, args: { id: board.applicationId } }])).toMatchObject({
      status: 'rejected',
    })
  }
  const malformed = await people.member.post('/api/transactions', { transactions: [{ id: 'x', mutations: [] }] })
  expect(malformed.issues).toEqual(['transactions.0.id bad_format', 'transactions.0.mutations too_short'])
})

test('D5 the txid is the one of the changed rows', async () => {
  const answer = written(await people.member.post(`/api/projects/${board.projectId}/tasks`, { title: 'Txid' }))
  const { rows } = await queryOnce(server.databaseUrl, 'select xmin::text as xmin from tasks where id = $1', [
    answer.data.id,
  ])
  expect(rows).toEqual([{ xmin: String(answer.txid) }])
})

test('one transaction can create an application, a project in it and tasks in that', async () => {
  const [applicationId, projectId] = [uuid7(), uuid7()]
  const result = await transact(people.stranger, [
    { name: 'application.create', args: { id: applicationId, name: 'Own' } },
    { name: 'project.create', args: { id: projectId, application_id: applicationId, key: 'OWN', name: 'Own' } },
    { name: 'task.create', args: { project_id: projectId, title: 'First' } },
  ])
  expect(result).toMatchObject({ status: 'applied' })
  const mine = uuid7()
  // an editor becomes admin of the project he makes, so the next mutation may already use it
  const editor = await transact(people.editor, [
    { name: 'project.create', args: { id: mine, application_id: board.applicationId, key: 'ED', name: 'Editor' } },
    { name: 'task.create', args: { project_id: mine, title: 'First' } },
    { name: 'status.create', args: { project_id: mine, name: 'Later', category: 'todo' } },
  ])
  expect(editor).toMatchObject({ status: 'applied' })
})

test('content writes of a queue count against the limit of content writes; a replay does not', async () => {
  const limited = await startTestServer({ env: { RATE_LIMITS: 'on' } })
  onTestFinished(() => limited.close())
  const ann = await limited.signUp('ann')
  const id = uuid7()
  const write = { name: 'document.write', args: { id, format: 'markdown', value: 'x', mode: 'append' } }
  const create = { name: 'document.create', args: { id, scope: 'personal', title: 'Log' } }
  const first = { id: uuid7(), mutations: [create, ...Array.from({ length: 49 }, () => write)] }
  const rest = Array.from({ length: 11 }, () => ({ id: uuid7(), mutations: [write] }))
  const send = async () =>
    dataOf<{ results: TransactionResult[]; retry_after?: number }>(
      await ann.post('/api/transactions', { transactions: [first, ...rest] }),
    )
  const sent = await send()
  expect(sent.results.map(({ status }) => status)).toEqual([...Array(11).fill('applied'), 'failed'])
  expect(sent.results.at(-1)?.error?.code).toBe('rate_limited')
  expect(sent.retry_after).toBeGreaterThan(0)
  expect((await ann.put(`/api/documents/${id}/content`, write.args)).code).toBe('rate_limited')
  limited.clock.advance(61_000)
  expect((await send()).results.map(({ status, replayed }) => [status, replayed])).toEqual([
    ...Array.from({ length: 11 }, () => ['applied', true]),
    ['applied', false],
  ])
})

// what differs between two runs of one command: ids, times, places
const volatile = new Set([
  'id',
  'created_at',
  'updated_at',
  'rank',
  'number',
  'task_key',
  'expires_at',
  'link',
  'completed_at',
  'archived_at',
  'unarchived_at',
  'deleted_at',
  'trash_root_id',
  'key',
  'name',
  'email',
  'override_expires_at',
])
const comparable = (row: unknown): unknown =>
  Array.isArray(row)
    ? row.map(comparable)
    : row !== null && typeof row === 'object'
      ? Object.fromEntries(
          Object.entries(row)
            .filter(([name]) => !volatile.has(name) && !name.endsWith('_id'))
            .map(([name, value]) => [name, comparable(value)]),
        )
      : row

test('D80 a command gives the same row over REST and as a mutation', async () => {
  const { applicationId, projectId, statuses } = board
  const fresh = async () => {
    const task = await makeTask(people.owner, projectId)
    const list = written(await people.owner.post(`/api/tasks/${task.id}/checklists`, { title: 'L' })).data
    const item = written(await people.owner.post(`/api/checklists/${list.id}/items`, { content: 'I' })).data
    const comment = written(await people.owner.post(`/api/tasks/${task.id}/comments`, { body_markdown: 'C' })).data
    return { task, list, item, comment }
  }
  type Fresh = Awaited<ReturnType<typeof fresh>>
  const { owner } = people
  const cases: [string, (f: Fresh) => Record<string, unknown>, (f: Fresh) => ReturnType<typeof owner.get>][] = [
    [
      'application.update',
      () => ({ id: applicationId, description: 'd' }),
      () => owner.patch(`/api/applications/${applicationId}`, { description: 'd2' }),
    ],
    [
      'project.update',
      () => ({ id: projectId, description: 'd' }),
      () => owner.patch(`/api/projects/${projectId}`, { description: 'd2' }),
    ],
    [
      'task.update',
      f => ({ id: f.task.id, priority: 'low' }),
      f => owner.patch(`/api/tasks/${f.task.id}`, { priority: 'low' }),
    ],
    [
      'task.move',
      f => ({ id: f.task.id, status_id: statuses.done }),
      f => owner.put(`/api/tasks/${f.task.id}/move`, { status_id: statuses.done }),
    ],
    ['task.archive', f => ({ id: f.task.id }), f => owner.post(`/api/tasks/${f.task.id}/archive`)],
    ['task.delete', f => ({ id: f.task.id }), f => owner.delete(`/api/tasks/${f.task.id}`)],
    [
      'comment.create',
      f => ({ task_id: f.task.id, body_markdown: 'x' }),
      f => owner.post(`/api/tasks/${f.task.id}/comments`, { body_markdown: 'x' }),
    ],
    [
      'comment.update',
      f => ({ id: f.comment.id, body_markdown: 'y' }),
      f => owner.patch(`/api/comments/${f.comment.id}`, { body_markdown: 'y' }),
    ],
    ['comment.delete', f => ({ id: f.comment.id }), f => owner.delete(`/api/comments/${f.comment.id}`)],
    [
      'checklist.update',
      f => ({ id: f.list.id, title: 'T' }),
      f => owner.patch(`/api/checklists/${f.list.id}`, { title: 'T' }),
    ],
    [
      'checklist_item.create',
      f => ({ checklist_id: f.list.id, content: 'c' }),
      f => owner.post(`/api/checklists/${f.list.id}/items`, { content: 'c' }),
    ],
    [
      'checklist_item.set_done',
      f => ({ id: f.item.id, is_done: true }),
      f => owner.post(`/api/checklist-items/${f.item.id}/toggle`),
    ],
    ['checklist_item.delete', f => ({ id: f.item.id }), f => owner.delete(`/api/checklist-items/${f.item.id}`)],
    [
      'task.create',
      () => ({ project_id: projectId, title: 'T', labels: ['a'] }),
      () => owner.post(`/api/projects/${projectId}/tasks`, { title: 'T', labels: ['a'] }),
    ],
    [
      'status.create',
      () => ({ project_id: projectId, name: 'M', category: 'review' }),
      () => owner.post(`/api/projects/${projectId}/statuses`, { name: 'R', category: 'review' }),
    ],
    [
      'invitation.create',
      () => ({ application_id: applicationId, email: 'm@x.example', role: 'viewer' }),
      () => owner.post(`/api/applications/${applicationId}/invitations`, { email: 'r@x.example', role: 'viewer' }),
    ],
  ]
  for (const [name, args, rest] of cases) {
    const result = await transact(owner, [{ name, args: args(await fresh()) }])
    expect([name, result.status, result.error]).toEqual([name, 'applied', undefined])
    const over = written(await rest(await fresh()))
    const [mine, theirs] = [must(result.results?.[0]).data, over.data].map(row => comparable(row) as Row)
    if (name.endsWith('.update') && name !== 'task.update') {
      expect([name, Object.keys(must(mine))]).toEqual([name, Object.keys(must(theirs))])
    } else {
      expect([name, mine]).toEqual([name, theirs])
    }
  }
})
