import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { createLog } from '#server/kernel/log.ts'
import { type Connection, reportRedis } from './redis-report.ts'

test('an outage is one line with its remedy, and so is its end', () => {
  const lines: { level: string; reason?: string; remedy?: string }[] = []
  const [one, two] = [0, 1].map(() => Object.assign(new EventEmitter(), { status: 'connecting' }))
  if (!one || !two) throw new Error('two are wanted')
  reportRedis(
    [one, two] as Connection[],
    createLog('info', line => lines.push(JSON.parse(line) as (typeof lines)[0])),
  )
  const fail = (message: string) => {
    for (const connection of [one, two]) {
      connection.status = 'reconnecting'
      connection.emit('error', new AggregateError([new Error(message)]))
    }
  }
  const connect = (connection: typeof one) => {
    connection.status = 'ready'
    connection.emit('ready')
  }
  connect(one)
  connect(two)
  expect(lines).toEqual([])
  for (let attempt = 0; attempt < 5; attempt += 1) fail('connect ECONNREFUSED 127.0.0.1:1')
  expect(lines).toMatchObject([{ level: 'warn', reason: 'connect ECONNREFUSED 127.0.0.1:1' }])
  expect(lines[0]?.remedy).toContain('REDIS_URL')
  connect(one)
  expect(lines).toHaveLength(1)
  for (const reason of ['WRONGPASS invalid username-password pair', 'NOAUTH Authentication required.']) {
    fail(reason)
    expect(lines.at(-1)).toMatchObject({ reason, remedy: expect.stringContaining('password') })
  }
  connect(one)
  connect(two)
  expect(lines[3]).toMatchObject({ level: 'info', message: 'Redis is back' })
  fail('connect ECONNREFUSED 127.0.0.1:1')
  expect(lines).toHaveLength(5)
})
