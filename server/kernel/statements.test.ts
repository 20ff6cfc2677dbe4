import { expect, test } from 'vitest'
import { createNames } from './statements.ts'

test('a statement gets a name when it is seen for the third time, and keeps it', () => {
  const nameOf = createNames()
  expect([nameOf('select 1'), nameOf('select 1'), nameOf('select 2')]).toEqual([undefined, undefined, undefined])
  const name = nameOf('select 1')
  expect(name).toMatch(/^\w+$/)
  expect(nameOf('select 1')).toBe(name)
  expect(nameOf('select 2')).toBeUndefined()
  expect(nameOf('select 2')).not.toBe(name)
})

test('names are few, and texts that never come back are forgotten', () => {
  const nameOf = createNames()
  const names = new Set<string | undefined>()
  for (let n = 0; n < 1000; n += 1) for (let time = 0; time < 3; time += 1) names.add(nameOf(`select ${n}`))
  names.delete(undefined)
  expect(names.size).toBe(300)
  const fresh = createNames()
  fresh('select 1')
  fresh('select 1')
  for (let n = 0; n < 5000; n += 1) fresh(`once ${n}`)
  expect(fresh('select 1')).toBeUndefined()
})

test('a very long statement stays without', () => {
  const nameOf = createNames()
  const text = `select '${'x'.repeat(9000)}'`
  for (let time = 0; time < 5; time += 1) expect(nameOf(text)).toBeUndefined()
})
