import { expect, test } from 'vitest'
import { createWindows } from './windows.ts'

const limit = { name: 'test', count: 2, seconds: 60 }
const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000)

test('refuses the third use in a window, says how long, and starts anew when it has ended', () => {
  const windows = createWindows()
  expect([0, 10, 20].map(second => windows.take(limit, 'a', at(second)))).toEqual([undefined, undefined, 40])
  expect(windows.take(limit, 'a', at(59.5))).toBe(1)
  expect(windows.take(limit, 'a', at(60))).toBeUndefined()
})

test('keys and limits are counted apart', () => {
  const windows = createWindows()
  const other = { ...limit, name: 'other' }
  for (const one of [limit, other]) for (const key of ['a', 'b']) windows.take(one, key, at(0))
  for (const one of [limit, other]) for (const key of ['a', 'b']) expect(windows.take(one, key, at(1))).toBeUndefined()
  expect(windows.take(limit, 'a', at(2))).toBe(58)
})

test('holds no more windows than its capacity, and lets ended ones go before running ones', () => {
  const windows = createWindows(3)
  const once = { name: 'once', count: 1, seconds: 60 }
  windows.take(once, 'running', at(30))
  windows.take({ ...once, seconds: 1 }, 'ended 1', at(30))
  windows.take({ ...once, seconds: 1 }, 'ended 2', at(30))
  windows.take(once, 'new', at(40))
  expect(windows.take(once, 'running', at(41))).toBe(49)
  // a flood of new keys forgets the oldest
  for (let n = 0; n < 3; n += 1) windows.take(once, `flood ${n}`, at(42))
  expect(windows.take(once, 'running', at(43))).toBeUndefined()
})
