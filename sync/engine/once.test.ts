import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Offset } from './lsn.ts'
import { once } from './once.ts'
import type { Shape } from './shapes/shape.ts'

const shapeAt = (tail: Offset) => ({ tail }) as Shape & { tail: Offset }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }))
afterEach(() => {
  // nothing waits to be forgotten when real time begins again
  vi.runAllTimers()
  vi.useRealTimers()
})

test('S-88 S-90 made once for a position, and anew when the shape has gone on', () => {
  const shape = shapeAt({ tx: 1n, op: 0 })
  const make = vi.fn(() => new Uint8Array(1))
  const first = once(shape, 'a', make)
  expect(once(shape, 'a', make)).toBe(first)
  expect(once(shape, 'b', make)).not.toBe(first)
  shape.tail = { tx: 2n, op: 0 }
  expect(once(shape, 'a', make)).not.toBe(first)
  expect(make).toHaveBeenCalledTimes(3)
})

test('S-83 what nobody asks for is forgotten, and nothing is left running', () => {
  const shapes = Array.from({ length: 100 }, () => shapeAt({ tx: 1n, op: 0 }))
  const make = vi.fn(() => new Uint8Array(1))
  for (const shape of shapes) once(shape, 'a', make)
  vi.advanceTimersByTime(4_000)
  for (const shape of shapes) once(shape, 'a', make)
  expect(make).toHaveBeenCalledTimes(100)
  vi.advanceTimersByTime(11_000)
  expect(vi.getTimerCount()).toBe(0)
  for (const shape of shapes) once(shape, 'a', make)
  expect(make).toHaveBeenCalledTimes(200)
})

test('a failure is nobody else’s: the next one who asks tries again', async () => {
  const shape = shapeAt({ tx: 1n, op: 0 })
  await expect(once(shape, 'a', () => Promise.reject(new Error('no file')))).rejects.toThrow('no file')
  await expect(once(shape, 'a', () => Promise.resolve(7))).resolves.toBe(7)
})
