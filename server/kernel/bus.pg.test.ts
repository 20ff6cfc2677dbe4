// Events between processes over one database.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyDatabase, queryOnce, type TestDatabase, until } from '#server/testing/postgres.ts'
import { type Bus, createBus } from './bus.ts'
import type { DomainEvent } from './command.ts'
import { silentLog } from './log.ts'

let database: TestDatabase
const started: Bus[] = []
beforeAll(async () => {
  database = await emptyDatabase()
})
afterAll(async () => {
  await Promise.all(started.map(bus => bus.stop()))
  await database.drop()
})

const listeners = async () =>
  (
    await queryOnce(
      database.url,
      `select count(*)::int as n from pg_stat_activity where application_name = 'skerry-bus' and query like 'listen%' and datname = current_database()`,
    )
  ).rows[0] as { n: number }

const join = async (origin: string) => {
  const bus = createBus({
    url: () => database.url,
    notify: async (channel, payload) =>
      void (await queryOnce(database.url, 'select pg_notify($1, $2)', [channel, payload])),
    origin,
    log: silentLog,
  })
  const heard: DomainEvent[] = []
  bus.subscribe(() => {
    throw new Error('a listener that fails keeps the others')
  })
  bus.subscribe(event => void heard.push(event))
  const { n } = await listeners()
  await bus.start()
  started.push(bus)
  await until('the bus listens', async () => (await listeners()).n === n + 1)
  return { bus, heard }
}

const event = (id: string): DomainEvent => ({ type: 'application_deleted', applicationId: id })

test('an event arrives here at once and in other processes once; nobody hears himself twice', async () => {
  const [one, two] = [await join('one'), await join('two')]
  one.bus.publish([event('a')])
  expect(one.heard).toEqual([event('a')])
  await until('the other process heard', () => two.heard.length > 0)
  two.bus.publish([event('b')])
  await until('the first process heard', () => one.heard.length > 1)
  expect(two.heard).toEqual([event('a'), event('b')])
  expect(one.heard).toEqual([event('a'), event('b')])
})

test('what is no message is passed over; a lost connection is made again', async () => {
  const one = await join('three')
  await queryOnce(database.url, `select pg_notify('skerry_events', 'nonsense')`)
  const pids = async () =>
    (
      await queryOnce(
        database.url,
        `select pid from pg_stat_activity where application_name = 'skerry-bus' and datname = current_database()`,
      )
    ).rows.map(row => (row as { pid: number }).pid)
  const before = await pids()
  await queryOnce(database.url, 'select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [before])
  await until('all listen again', async () => {
    const now = await pids()
    return (
      now.length === before.length && !now.some(pid => before.includes(pid)) && (await listeners()).n === now.length
    )
  })
  const other = await join('four')
  other.bus.publish([event('c')])
  await until('heard over the new connection', () => one.heard.length > 0)
  expect(one.heard).toEqual([event('c')])
})

test('a stop right after the start ends the connection that is being made', async () => {
  const bus = createBus({ url: () => database.url, notify: async () => undefined, origin: 'short', log: silentLog })
  const before = await listeners()
  await bus.start()
  await bus.stop()
  expect(await listeners()).toEqual(before)
})
