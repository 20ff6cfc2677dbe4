import { expect, test } from 'vitest'
import { Admission, type Permit } from './admission.ts'

const permitOf = (entered: ReturnType<Admission['enter']>): Permit => {
  if ('limit' in entered) throw new Error(`refused at ${entered.limit}`)
  return entered
}

test('E139 requests for new and for known shapes are counted apart', () => {
  const admission = new Admission({ initial: 1, existing: 2 })
  const first = permitOf(admission.enter('initial'))
  expect(admission.enter('initial')).toEqual({ limit: 1 })
  const known = permitOf(admission.enter('existing'))
  first.settle()
  expect([admission.count('initial'), admission.count('existing')]).toEqual([0, 2])
  expect(admission.enter('existing')).toEqual({ limit: 2 })
  permitOf(admission.enter('initial')).leave()
  known.leave()
  first.leave()
  first.leave()
  first.settle()
  known.settle()
  expect([admission.count('initial'), admission.count('existing')]).toEqual([0, 0])
})

test('E139 a settled request counts even above the limit: it is already there', () => {
  const admission = new Admission({ initial: 5, existing: 1 })
  const permits = [1, 2, 3].map(() => permitOf(admission.enter('initial')))
  for (const permit of permits) permit.settle()
  expect(admission.count('existing')).toBe(3)
  expect(admission.enter('existing')).toEqual({ limit: 1 })
})

test('E139 without limits everyone is let in', () => {
  const admission = new Admission(null)
  for (let n = 0; n < 1000; n++) permitOf(admission.enter('initial'))
  expect(admission.count('initial')).toBe(1000)
})
