// The outbox against the real server: what happens to writes when something goes wrong.
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { until } from '#server/testing/postgres.ts'
import type { Client } from './client.ts'
import { openNodeStore } from './node-store.ts'
import { type Board, type ClientStack, type Person, startClientStack } from './testing/stack.ts'
import { createRelay, type Relay } from './testing/relay.ts'
import { type Mutation, mutation } from './types.ts'

let stack: ClientStack
let ann: Person
let board: Board
let relay: Relay
let client: Client

const path = '/api/transactions'

beforeEach(async () => {
  stack = await startClientStack()
  ann = await stack.person('ann')
  board = await ann.makeBoard()
  relay = createRelay()
  client = await ann.open('laptop', { fetch: relay.fetch })
})

afterEach(async () => {
  await client.close()
  await stack.close()
})

const create = (id: string, title: string): Mutation =>
  mutation('task.create', { id, project_id: board.projectId, title })

const titles = async (): Promise<string[]> => {
  const answer = await ann.get(`/api/projects/${board.projectId}/tasks?sort=number`)
  return (answer.body as { data: { title: string }[] }).data.map(row => row.title)
}

const make = async (title: string): Promise<string> => {
  const id = client.newId()
  const { outcome } = await client.commit(create(id, title))
  expect(await outcome).toMatchObject({ status: 'applied' })
  return id
}

test('D76 writes made offline survive and arrive in order once the network is back', async () => {
  relay.cut()
  const made = await Promise.all([1, 2, 3, 4, 5].map(n => client.commit(create(client.newId(), `Task ${n}`))))
  await until('the queue waits', () => client.outbox.state === 'waiting')
  expect(await titles()).toEqual([])
  expect(client.outbox.pending().map(one => one.id)).toEqual(made.map(one => one.id))
  relay.mend()
  client.wake()
  await Promise.all(made.map(one => one.outcome))
  expect(await titles()).toEqual(['Task 1', 'Task 2', 'Task 3', 'Task 4', 'Task 5'])
})

test('D79 an answer lost after the commit: the same bytes again, the stored result, one effect', async () => {
  relay.loseAnswers(path, 2)
  const id = client.newId()
  const { outcome } = await client.commit(create(id, 'Once'))
  expect(await outcome).toMatchObject({ status: 'applied', replayed: true })
  const sent = relay.sent(path)
  expect(sent).toHaveLength(3)
  expect(new Set(sent).size).toBe(1)
  const [first, ...later] = relay.answered(path)
  for (const one of later) expect(one.replace('"replayed":true', '"replayed":false')).toBe(first)
  expect(await titles()).toEqual(['Once'])
})

test('D79 a client that dies between commit and answer sends the same again when it comes back', async () => {
  relay.loseAnswers(path, Number.POSITIVE_INFINITY)
  const id = client.newId()
  await client.commit(create(id, 'Once'))
  await until('the server has it', async () => (await titles()).length === 1)
  await client.close()
  client = await ann.open('laptop')
  await until('the queue is empty', () => client.outbox.pending().every(one => one.state === 'applied'))
  expect(client.outbox.attention()).toEqual([])
  expect(await titles()).toEqual(['Once'])
})

test('an ended session pauses the queue, loses nothing, and goes on after sign-in', async () => {
  await make('Before')
  await ann.post('/auth/logout')
  const { outcome } = await client.commit(create(client.newId(), 'While signed out'))
  await until('the queue is paused', () => client.outbox.state === 'signed_out')
  await client.commit(create(client.newId(), 'Later'))
  expect(client.outbox.pending().filter(one => one.state === 'queued')).toHaveLength(2)
  expect(client.outbox.attention()).toEqual([])
  const attempts = relay.sent(path).length
  client.wake()
  expect(relay.sent(path)).toHaveLength(attempts)
  await client.api.login('ann@example.com', 'tide-and-granite-7')
  expect(await outcome).toMatchObject({ status: 'applied' })
  await until('both are there', async () => {
    const login = client.api.get<{ data: unknown[] }>(`/api/projects/${board.projectId}/tasks`)
    return (await login).data.length === 3
  })
})

test('somebody else’s session neither sends the queue nor drops it', async () => {
  const bo = await stack.person('bo')
  await make('Before')
  await ann.post('/auth/logout')
  await client.commit(create(client.newId(), 'Ann’s'))
  await until('the queue is paused', () => client.outbox.state === 'signed_out')
  await expect(client.resume(bo.token)).rejects.toMatchObject({ code: 'other_person' })
  await until('the queue is blocked', () => client.outbox.state === 'blocked')
  expect(client.outbox.pending().filter(one => one.state === 'queued')).toHaveLength(1)
  await client.api.login('ann@example.com', 'tide-and-granite-7')
  await until('it is sent', () => client.outbox.pending().every(one => one.state === 'applied'))
})

test('a rejected write waits for a person with the error and the server’s row, and can be sent anew', async () => {
  const id = await make('Stays')
  const change = mutation('task.update', { id, title: 'Mine', expected_version: 7 })
  const { id: transactionId, outcome } = await client.commit(change)
  expect(await outcome).toMatchObject({ status: 'rejected' })
  await client.close()
  client = await ann.open('laptop')
  const [kept] = client.outbox.attention()
  expect(kept).toMatchObject({
    transaction: { id: transactionId, mutations: [change] },
    error: { code: 'version_conflict' },
    mutationIndex: 0,
    current: { id, title: 'Stays', version: 1 },
  })
  const again = await client.outbox.retry(transactionId, [mutation('task.update', { id, title: 'Mine' })])
  expect(again.id > transactionId).toBe(true)
  expect(await again.outcome).toMatchObject({ status: 'applied' })
  expect(client.outbox.attention()).toEqual([])
  expect(await titles()).toEqual(['Mine'])
})

test('the row of a rejection without one in the answer is read from the server', async () => {
  const id = await make('Stays')
  const { outcome } = await client.commit(mutation('task.update', { id, title: 'x'.repeat(501) }))
  expect(await outcome).toMatchObject({
    status: 'rejected',
    attention: { error: { code: 'validation_failed' }, current: { id, title: 'Stays' } },
  })
})

test('what builds on a rejected creation waits, everything else goes on; discarding takes both', async () => {
  const taken = await make('Taken')
  relay.cut()
  const newTask = client.newId()
  const refused = await client.commit(
    mutation('task.create', { id: newTask, project_id: board.projectId, title: 'x', parent_id: client.newId() }),
  )
  const depends = await client.commit(mutation('task.update', { id: newTask, title: 'Renamed' }))
  const list = await client.commit(mutation('checklist.create', { id: client.newId(), task_id: newTask, title: 'L' }))
  const independent = await client.commit(mutation('task.update', { id: taken, title: 'Goes on' }))
  relay.mend()
  client.wake()
  expect(await refused.outcome).toMatchObject({ status: 'rejected' })
  expect(await independent.outcome).toMatchObject({ status: 'applied' })
  await until('the sender is done', () => client.outbox.state === 'idle')
  const waiting = () =>
    client.outbox
      .pending()
      .filter(one => one.state === 'queued')
      .map(one => one.id)
  expect(waiting()).toEqual([depends.id, list.id])
  // repaired, it lets go what waits for it
  const again = await client.outbox.retry(refused.id, [create(newTask, 'Repaired')])
  expect(await again.outcome).toMatchObject({ status: 'applied' })
  expect(await depends.outcome).toMatchObject({ status: 'applied' })
  expect(await list.outcome).toMatchObject({ status: 'applied' })
  expect(await titles()).toEqual(['Goes on', 'Renamed'])

  relay.cut()
  const other = client.newId()
  const bad = await client.commit(
    mutation('task.create', { id: other, project_id: board.projectId, title: 'x', parent_id: client.newId() }),
  )
  const child = await client.commit(
    mutation('comment.create', { id: client.newId(), task_id: other, body_markdown: 'c' }),
  )
  relay.mend()
  client.wake()
  await bad.outcome
  expect((await client.outbox.discard(bad.id)).map(one => one.id)).toEqual([bad.id, child.id])
  expect(await child.outcome).toEqual({ status: 'discarded' })
  expect(waiting()).toEqual([])
  expect(client.outbox.attention()).toEqual([])
})

test('D78 a transaction that fails rests with its dependants, and the others pass it', async () => {
  const one = await make('One')
  const two = await make('Two')
  relay.cut()
  const first = await client.commit(mutation('task.update', { id: one, title: 'One!' }))
  const behind = await client.commit(mutation('task.update', { id: one, priority: 'high' }))
  const other = await client.commit(mutation('task.update', { id: two, title: 'Two!' }))
  // the server as it answers when one transaction meets a deadlock each time
  relay.answerWith(path, () =>
    Response.json({
      data: {
        results: [
          { id: first.id, status: 'failed', error: { code: 'conflict_retry', message: '' } },
          { id: behind.id, status: 'not_run' },
          { id: other.id, status: 'not_run' },
        ],
        stopped: first.id,
        retry_after: 1,
      },
    }),
  )
  relay.mend()
  client.wake()
  expect(await other.outcome).toMatchObject({ status: 'applied' })
  expect(
    client.outbox
      .pending()
      .filter(p => p.state === 'queued')
      .map(p => p.id),
  ).toEqual([first.id, behind.id])
  expect(await behind.outcome).toMatchObject({ status: 'applied' })
  expect((await first.outcome).status).toBe('applied')
  expect(await titles()).toEqual(['One!', 'Two!'])
})

test('an edit that lost is kept as a notice with both values', async () => {
  const id = await make('Start')
  relay.cut()
  const late = await client.commit(mutation('task.update', { id, title: 'Offline' }))
  stack.server.clock.advance(60_000)
  await ann.patch(`/api/tasks/${id}`, { title: 'Later' })
  relay.mend()
  client.wake()
  expect(await late.outcome).toMatchObject({ status: 'applied', txid: null })
  const field = { field: 'title', your_value: 'Offline', value: 'Later' }
  expect(client.outbox.notices()).toMatchObject([{ transaction: { id: late.id }, superseded: [field] }])
  await client.outbox.dismiss(late.id)
  expect(client.outbox.notices()).toEqual([])
})

test('answers of others are no answers: a sign-in page, a proxy’s 404, 401 and 502', async () => {
  const page = (status: number) => () =>
    new Response('<html>401 403 400 422</html>', { status, headers: { 'content-type': 'text/html' } })
  for (const status of [200, 404, 401, 403, 422, 502]) relay.answerWith(path, page(status))
  const { outcome } = await client.commit(create(client.newId(), 'Through'))
  expect(await outcome).toMatchObject({ status: 'applied' })
  expect(client.outbox.attention()).toEqual([])
})

test('Retry-After is obeyed, and a refusal of the client blocks without loss', async () => {
  const refuse =
    (status: number, code: string, headers = {}) =>
    () =>
      Response.json({ error: { code, message: 'text with 401 and 422' } }, { status, headers })
  relay.answerWith(path, refuse(429, 'rate_limited', { 'retry-after': '1' }))
  relay.answerWith(path, refuse(403, 'account_disabled'))
  const began = performance.now()
  const { outcome } = await client.commit(create(client.newId(), 'Patient'))
  await until('it is blocked', () => client.outbox.state === 'blocked')
  expect(performance.now() - began).toBeGreaterThan(990)
  expect(client.outbox.lastError).toMatchObject({ code: 'account_disabled', retryable: false })
  expect(client.outbox.pending()).toHaveLength(1)
  client.wake()
  expect(await outcome).toMatchObject({ status: 'applied' })
})

test('a request refused whole is taken apart until the one transaction is found', async () => {
  relay.cut()
  const good = await client.commit(create(client.newId(), 'Good'))
  const bad = await client.commit({ name: '', args: {} })
  const fine = await client.commit(create(client.newId(), 'Fine'))
  relay.mend()
  client.wake()
  expect(await bad.outcome).toMatchObject({ status: 'rejected', attention: { error: { code: 'validation_failed' } } })
  expect(await good.outcome).toMatchObject({ status: 'applied' })
  expect(await fine.outcome).toMatchObject({ status: 'applied' })
})

test('edit times follow the server’s clock, ids rise over restarts', async () => {
  await client.close()
  const behind = -3 * 3_600_000
  client = await ann.open('laptop', { now: () => Date.now() + behind })
  await client.api.me()
  const first = await client.commit(create(client.newId(), 'Corrected'))
  const edited = Date.parse(must(client.outbox.pending()[0]).edited_at)
  expect(Math.abs(edited - Date.now())).toBeLessThan(5000)
  await first.outcome
  await client.close()
  // a clock that was set back must not make ids that sort before the earlier ones
  client = await ann.open('laptop', { now: () => Date.now() + 2 * behind, fetch: relay.fetch })
  relay.cut()
  const second = await client.commit(create(client.newId(), 'Later'))
  expect(second.id > first.id).toBe(true)
})

test('one file has one owner', async () => {
  expect(() => openNodeStore(join(stack.folder, 'ann.laptop.db'))).toThrow(/locked/)
})
