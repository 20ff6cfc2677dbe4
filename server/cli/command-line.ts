// Which command is meant, with what, and its help. A command declares what it takes; whatever else is given is refused.
import { readArguments } from '#server/kernel/arguments.ts'

/** An option of a command; one without `value` is a switch. */
export interface CommandOption {
  /** How the value is called in the help. */
  readonly value?: string
  readonly required?: true
  readonly help: string
}

type CommandOptions = Readonly<Record<string, CommandOption>>

/** What was given for each option. */
type Values<Options extends CommandOptions> = {
  readonly [Name in keyof Options]: Options[Name] extends { readonly value: string }
    ? Options[Name] extends { readonly required: true }
      ? string
      : string | undefined
    : boolean
}

interface Declared<Options extends CommandOptions> {
  /** `user create` */
  readonly name: string
  /** The one word that it needs besides, as it is called in the help; '' for none. */
  readonly takes: string
  readonly summary: string
  /** What the help says besides the options. */
  readonly more?: string
  readonly options: Options
  /** Does it; an exit code other than 0 is returned. */
  readonly run: (word: string, values: Values<Options>) => Promise<number | void>
}

/** A command whose options are no longer told apart by type. */
export interface Command extends Omit<Declared<CommandOptions>, 'run'> {
  readonly run: (word: string, values: Readonly<Record<string, string | boolean | undefined>>) => Promise<number | void>
}

/** Declares a command; `run` gets its options by name. */
export const command = <const Options extends CommandOptions>(declared: Declared<Options>): Command => ({
  ...declared,
  run: (word, values) => declared.run(word, values as Values<Options>),
})

/** The command line cannot be understood; the message ends with the help that helps. */
export class UsageError extends Error {
  constructor(message: string, help: string) {
    super(`${message}\n\n${help}`)
    this.name = 'UsageError'
  }
}

const optionText = (name: string, { value }: CommandOption): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`

const lineOf = ({ name, takes, options }: Command): string => {
  const given = Object.entries(options).map(([option, about]) =>
    about.required ? optionText(option, about) : `[${optionText(option, about)}]`,
  )
  return ['skerry', name, takes, ...given].filter(part => part !== '').join(' ')
}

const column = 46

const linesOf = (commands: readonly Command[]): string => {
  const lines = commands.map(one => {
    const line = `  ${lineOf(one)}`
    const gap = line.length < column ? ''.padEnd(column - line.length) : `\n${''.padEnd(column)}`
    return `${line}${gap}  ${one.summary}\n`
  })
  return lines.join('')
}

/** All commands, a line or two each. */
const usageOf = (commands: readonly Command[]): string =>
  `skerry, a local-first sync backend\n\n${linesOf(commands)}\nMore about one of them: skerry COMMAND --help\n`

/** One command with its options. */
const helpOf = (one: Command): string => {
  const options = Object.entries(one.options)
  const width = Math.max(...options.map(([name, about]) => optionText(name, about).length))
  const lines = options.map(([name, about]) => `  ${optionText(name, about).padEnd(width)}  ${about.help}`)
  const parts = [lineOf(one), `  ${one.summary}${one.more ? `\n  ${one.more.replaceAll('\n', '\n  ')}` : ''}`]
  if (lines.length > 0) parts.push(lines.join('\n'))
  return `${parts.join('\n\n')}\n`
}

const startsWith = (words: readonly string[], name: string): boolean =>
  name.split(' ').every((word, index) => words[index] === word)

/** Those that begin with `word`, such as `user`. */
const familyOf = (commands: readonly Command[], word: string | undefined): readonly Command[] =>
  commands.filter(({ name }) => name.split(' ')[0] === word)

/** The help for `words`: of one command, of a family, or of all. */
const helpFor = (commands: readonly Command[], words: readonly string[]): string => {
  const one = commands.find(({ name }) => startsWith(words, name))
  if (one) return helpOf(one)
  const family = familyOf(commands, words[0])
  return family.length > 0 ? family.map(helpOf).join('\n') : usageOf(commands)
}

const find = (commands: readonly Command[], words: readonly string[]): Command => {
  const found = commands.find(({ name }) => startsWith(words, name))
  if (found) return found
  const [first, second] = words
  if (first === undefined) throw new UsageError('Name a command.', usageOf(commands))
  const family = familyOf(commands, first)
  if (family.length === 0) throw new UsageError(`There is no command ${first}.`, usageOf(commands))
  const message = second === undefined ? `${first} alone is no command.` : `There is no command ${first} ${second}.`
  throw new UsageError(message, linesOf(family))
}

export type CommandLine = { readonly help: string } | { readonly run: () => Promise<number | void> }

/** Understands `args`. Throws UsageError, and nothing has begun then. */
export const readCommandLine = (commands: readonly Command[], args: readonly string[]): CommandLine => {
  const all = Object.assign({}, ...commands.map(({ options }) => options)) as CommandOptions
  const { words, values, unknown, problems } = readArguments(args, all)
  if (words[0] === 'help') return { help: helpFor(commands, words.slice(1)) }
  if (args.length === 0 || args.some(arg => arg === '--help' || arg === '-h')) return { help: helpFor(commands, words) }
  const found = find(commands, words)
  const refuse = (message: string): never => {
    throw new UsageError(message, helpOf(found))
  }
  const foreign = [...values.keys()].filter(name => !Object.hasOwn(found.options, name)).map(name => `--${name}`)
  const [bogus] = [...unknown, ...foreign]
  if (bogus !== undefined) {
    const own = Object.keys(found.options).map(name => `--${name}`)
    const has = own.length === 0 ? 'no options' : own.join(', ')
    refuse(`${bogus} does not belong to skerry ${found.name}, which has ${has}.`)
  }
  const [problem] = problems
  if (problem !== undefined) refuse(`${problem.name} ${problem.cause}.`)
  const [word, ...extra] = words.slice(found.name.split(' ').length)
  if (found.takes !== '' && word === undefined) refuse(`${found.takes} is missing.`)
  const tooMany = found.takes === '' ? word : extra[0]
  if (tooMany !== undefined) refuse(`${JSON.stringify(tooMany)} is a word too many.`)
  const missing = Object.entries(found.options).find(([name, about]) => about.required && !values.has(name))
  if (missing) refuse(`${optionText(...missing)} is missing.`)
  const given = Object.entries(found.options).map(([name, { value }]) => [
    name,
    value === undefined ? values.has(name) : values.get(name),
  ])
  return {
    run: () => found.run(word ?? '', Object.fromEntries(given) as Record<string, string | boolean | undefined>),
  }
}
