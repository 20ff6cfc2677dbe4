import { expect, test } from 'vitest'
import { command, readCommandLine, UsageError } from './command-line.ts'
import { commands } from './commands.ts'

const calls: unknown[] = []
const own = [
  command({
    name: 'bring in',
    takes: 'FOLDER',
    summary: 'brings',
    more: 'Much.',
    options: {
      to: { value: 'PLACE', required: true, help: 'where to' },
      as: { value: 'EMAIL', help: 'who' },
      again: { help: 'once more' },
    },
    run: async (folder, values) => void calls.push([folder, values]),
  }),
  command({ name: 'bring out', takes: 'FOLDER', summary: 'takes', options: {}, run: async () => 3 }),
  command({ name: 'rest', takes: '', summary: 'rests', options: { off: { help: 'no' } }, run: async () => undefined }),
]

const refusal = (...args: string[]): string => {
  try {
    readCommandLine(own, args)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  throw new Error('it was understood')
}

const help = (...args: string[]): string => {
  const line = readCommandLine(own, args)
  if ('help' in line) return line.help
  throw new Error('it would run')
}

test('a command gets its word and its options, and its exit code comes back', async () => {
  const run = async (...args: string[]) => {
    const line = readCommandLine(own, args)
    if ('run' in line) return line.run()
    throw new Error(line.help)
  }
  await run('bring', '--to', 'x', 'in', 'a b', '--again')
  expect(calls).toEqual([['a b', { to: 'x', as: undefined, again: true }]])
  expect(await run('bring', 'out', 'y')).toBe(3)
})

test('what does not belong to the command is refused, with the help of that command', () => {
  expect(refusal('bring', 'out', 'x', '--off')).toMatch(
    /^--off does not belong to skerry bring out, which has no options/,
  )
  expect(refusal('rest', '--bogus')).toMatch(/^--bogus does not belong to skerry rest, which has --off/)
  expect(refusal('bring', 'in', 'x', 'y', '--to', 'z')).toMatch(/^"y" is a word too many/)
  expect(refusal('rest', 'now')).toMatch(/^"now" is a word too many[\s\S]*skerry rest \[--off\]/)
  expect(refusal('bring', 'in', '--to', 'z')).toMatch(/^FOLDER is missing/)
  expect(refusal('bring', 'in', 'x')).toMatch(
    /^--to PLACE is missing[\s\S]*skerry bring in FOLDER --to PLACE \[--as EMAIL\]/,
  )
  expect(refusal('bring', 'in', 'x', '--to', '--again')).toMatch(/^--to needs a value/)
})

test('no command is named with those there are', () => {
  expect(refusal('fly')).toMatch(/^There is no command fly[\s\S]*skerry rest/)
  expect(refusal('--bogus')).toMatch(/^Name a command/)
  expect(refusal('bring')).toMatch(/^bring alone is no command/)
  const foreign = refusal('bring', 'up')
  expect(foreign).toMatch(/^There is no command bring up[\s\S]*skerry bring out/)
  expect(foreign).not.toContain('skerry rest')
})

test('help is that of the command, of its family, or of all', () => {
  const one = help('bring', 'in', 'x', '--help')
  expect(one).toContain('  --again     once more\n')
  expect(one).toContain('Much.')
  expect(one).not.toContain('bring out')
  expect(help('help', 'bring', 'in')).toBe(one)
  expect(help('bring', '-h')).toMatch(/skerry bring in[\s\S]*skerry bring out/)
  for (const args of [[], ['help'], ['--help'], ['fly', '--help']]) expect(help(...args)).toContain('skerry rest')
})

test('every command and option says what it is for', () => {
  for (const { name, summary, options } of commands) {
    expect([name, summary]).not.toContain('')
    for (const option of Object.values(options)) expect(option.help).not.toBe('')
  }
})
