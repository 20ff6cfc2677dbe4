import { expect, test } from 'vitest'
import { ConfigError } from './config-error.ts'
import { backoff, pause, type Service, startAll, withDeadline } from './lifecycle.ts'
import { createLog, silentLog } from './log.ts'

const recorder = () => {
  const seen: string[] = []
  const service = (name: string, how: Partial<Service> = {}): Service => ({
    name,
    start: async () => void seen.push(`+${name}`),
    stop: async () => void seen.push(`-${name}`),
    ...how,
  })
  return { seen, service }
}

test('services stop in the opposite order, once, also when one fails to', async () => {
  const { seen, service } = recorder()
  const broken = service('b', { stop: () => Promise.reject(new Error('stuck')) })
  const running = await startAll([service('a'), broken, service('c')], silentLog)
  await Promise.all([running.stop(), running.stop()])
  expect(seen).toEqual(['+a', '+b', '+c', '-c', '-a'])
})

test('a service that never stops does not keep the others', async () => {
  const { seen, service } = recorder()
  const hanging = service('b', { stop: () => new Promise(() => {}) })
  const running = await startAll([service('a'), hanging], silentLog, 20)
  await running.stop()
  expect(seen).toEqual(['+a', '+b', '-a'])
})

test('when one does not start, those before it are stopped and the error is thrown', async () => {
  const { seen, service } = recorder()
  const broken = service('b', { start: () => Promise.reject(new Error('no port')) })
  await expect(startAll([service('a'), broken, service('c')], silentLog)).rejects.toThrow('no port')
  expect(seen).toEqual(['+a', '-a'])
})

test('an order to stop ends the start after the service that starts just then, and is no failure', async () => {
  const { seen, service } = recorder()
  const lines: string[] = []
  const order = new AbortController()
  const reason = new Error('told to stop')
  const ordering = service('b', {
    start: async () => {
      order.abort(reason)
      seen.push('+b')
    },
  })
  const log = createLog('info', line => lines.push(line))
  const started = startAll([service('a'), ordering, service('c')], log, 1000, order.signal)
  await expect(started).rejects.toBe(reason)
  await expect(startAll([service('d')], log, 1000, order.signal)).rejects.toBe(reason)
  expect(seen).toEqual(['+a', '+b', '-b', '-a'])
  expect(lines).toEqual([])
})

test('the log tells of a failure to start, but leaves settings to whoever asked for the start', async () => {
  const lines: string[] = []
  const log = createLog('info', line => lines.push(line))
  const failing = (error: Error) => [recorder().service('b', { start: () => Promise.reject(error) })]
  await expect(startAll(failing(new ConfigError([])), log)).rejects.toThrow(ConfigError)
  expect(lines).toEqual([])
  await expect(startAll(failing(new Error('no port')), log)).rejects.toThrow('no port')
  expect(lines.join()).toContain('service failed to start')
})

test('deadlines name what was late; a pause ends with its signal; waits grow to their cap', async () => {
  await expect(withDeadline(new Promise(() => {}), 5, 'the thing')).rejects.toThrow(
    'the thing did not finish within 5 ms',
  )
  expect(await withDeadline(Promise.resolve(1), 1000, 'x')).toBe(1)
  const ended = new AbortController()
  const waiting = pause(60_000, ended.signal)
  ended.abort()
  await waiting
  await pause(60_000, ended.signal)
  expect([0, 1, 2, 10].map(n => backoff(n, 100, 1000, () => 1))).toEqual([100, 200, 400, 1000])
  expect(backoff(10, 100, 1000, () => 0)).toBe(50)
})
