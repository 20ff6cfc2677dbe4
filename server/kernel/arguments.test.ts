import { expect, test } from 'vitest'
import { readArguments } from './arguments.ts'

const options = { as: { value: 'EMAIL' }, update: {} }
const read = (...args: string[]) => {
  const { words, values, unknown, problems } = readArguments(args, options)
  return { words, values: Object.fromEntries(values), unknown, problems }
}

test('words, values and switches, in any order', () => {
  expect(read('import', '--as', 'a@b', 'x', '--update', '--', '--y')).toEqual({
    words: ['import', 'x', '--y'],
    values: { as: 'a@b', update: true },
    unknown: [],
    problems: [],
  })
  expect(read('--as=-x', '--as=a', '--as', '').values).toEqual({ as: '' })
})

test('what is not known is named as it was given', () => {
  expect(read('--bogus', '--bogus', '-x', '--constructor=1', '--update').unknown).toEqual([
    '--bogus',
    '-x',
    '--constructor',
  ])
})

test('an option does not swallow the next one, and a switch takes no value', () => {
  expect(read('--as', '--update').problems).toEqual([{ name: '--as', cause: 'needs a value: --as=EMAIL' }])
  expect(read('--as').problems).toHaveLength(1)
  expect(read('--update=yes').problems).toEqual([{ name: '--update', cause: 'takes no value' }])
})
