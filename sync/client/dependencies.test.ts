import { expect, test } from 'vitest'
import { createdIds, neededIds, readyToSend, targetIds, waitingForRejected } from './dependencies.ts'
import { createIds } from './ids.ts'
import type { Mutation, Transaction } from './types.ts'

const ids = createIds(Date.now)
const newId = () => ids.next()
const transaction = (...mutations: Mutation[]): Transaction => ({ id: newId(), edited_at: '', mutations })
const create = (id: string, more = {}): Mutation => ({ name: 'task.create', args: { id, project_id: board, ...more } })
const update = (id: string, more = {}): Mutation => ({ name: 'task.update', args: { id, ...more } })
const board = newId()

interface Given {
  readonly rejected?: readonly Transaction[]
  readonly resting?: readonly Transaction[]
  readonly limit?: number
}

const ready = (queue: readonly Transaction[], { rejected = [], resting = [], limit = 100 }: Given = {}) =>
  readyToSend(queue, { rejected, resting: new Set(resting.map(one => one.id)), limit, maxBytes: 1e6 })

test('ids that are created, needed and changed', () => {
  const [id, status, parent] = [newId(), newId(), newId()]
  const project: Mutation = { name: 'project.create', args: { id, statuses: [{ id: status, name: 'x' }] } }
  expect([...createdIds([project])]).toEqual([id, status])
  expect([...neededIds([create(id, { parent_id: parent, after_id: newId() })])]).toEqual([board, parent])
  expect([...targetIds([update(id, { status_id: status })])]).toEqual([id])
  const role: Mutation = { name: 'member.set_role', args: { application_id: board, user_id: parent, role: 'editor' } }
  expect([...targetIds([role])]).toEqual([`${board} ${parent}`])
})

test('what uses a created id waits for the creation to be applied, not only sent', () => {
  const id = newId()
  const queue = [transaction(create(id)), transaction(update(id)), transaction(update(newId()))]
  expect(ready(queue)).toEqual([queue[0], queue[2]])
  expect(ready(queue.slice(1))).toEqual(queue.slice(1))
})

test('edits of one row keep their order behind a failed one, others pass', () => {
  const id = newId()
  const queue = [transaction(update(id)), transaction(update(id)), transaction(update(newId()))]
  expect(ready(queue, { resting: queue.slice(0, 1) })).toEqual([queue[2]])
})

test('a rejected creation holds up what builds on it, a rejected edit nothing', () => {
  const id = newId()
  const queue = [transaction(update(id)), transaction(create(newId(), { parent_id: id })), transaction(update(newId()))]
  expect(ready(queue, { rejected: [transaction(create(id))] })).toEqual([queue[2]])
  expect(ready(queue, { rejected: [transaction(update(id))] })).toEqual(queue)
})

test('what waits for a rejection, itself or through another one, holds up no other edit of its rows', () => {
  const [gone, child, other] = [newId(), newId(), newId()]
  const queue = [
    transaction(create(child, { parent_id: gone })),
    transaction(update(child), update(other)),
    transaction(update(other)),
  ]
  expect(ready(queue, { rejected: [transaction(create(gone))] })).toEqual([queue[2]])
})

test('with a rejection goes what builds on it, but not on what the queue creates anew', () => {
  const [first, second] = [newId(), newId()]
  const rejected = transaction(create(first), create(second))
  const queue = [transaction(update(first)), transaction(create(second)), transaction(update(second))]
  expect(waitingForRejected(queue, [rejected])).toEqual([queue[0]])
})

test('a creation sent anew, with a later id, goes before what waits for it', () => {
  const id = newId()
  const waiting = transaction(update(id))
  const again = transaction(create(id))
  expect(ready([waiting, again])).toEqual([again])
})

test('an anchor is a wish: it holds up nothing', () => {
  const id = newId()
  const move = transaction({ name: 'task.move', args: { id: newId(), after_id: id } })
  expect(ready([move], { rejected: [transaction(create(id))] })).toEqual([move])
})

test('a request holds so many transactions and so many bytes, and always at least one', () => {
  const queue = [1, 2, 3].map(() => transaction(update(newId(), { title: 'x'.repeat(600) })))
  expect(ready(queue, { limit: 2 })).toHaveLength(2)
  const sized = (maxBytes: number) => readyToSend(queue, { rejected: [], resting: new Set(), limit: 9, maxBytes })
  expect(sized(1400)).toHaveLength(2)
  expect(sized(10)).toHaveLength(1)
})
