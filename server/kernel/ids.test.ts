import { expect, test } from 'vitest'
import { isUuid7, uuid7 } from './ids.ts'

test('D2 made ids are version 7, carry the time and rise strictly, also when the clock steps back', () => {
  const future = Date.now() + 86_400_000
  const ids = [...Array.from({ length: 10_000 }, () => uuid7(future)), uuid7(future - 5000), uuid7(future + 10_000)]
  expect(ids.every(isUuid7)).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? ''))).toBe(true)
  expect(Number.parseInt((ids[0] ?? '').replaceAll('-', '').slice(0, 12), 16)).toBe(future)
})

test.each([
  '3b241101-e2bb-4255-8caf-4136c566a962',
  '0199c0de-0000-7000-c000-000000000000',
  '0199C0DE-0000-7000-8000-000000000000',
  '0199c0de00007000800000000000000000',
  '',
])('D2 %s is none', text => {
  expect(isUuid7(text)).toBe(false)
})
