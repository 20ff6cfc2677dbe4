// A command line, read against a table of options. Nothing is passed over: what does not belong there is named.
import { parseArgs } from 'node:util'

export interface ArgumentOption {
  /** How the value is called in the help; absent for a switch. */
  readonly value?: string
}

export interface ReadArguments {
  /** What is no option, in order. */
  readonly words: readonly string[]
  /** By name, without the dashes; a switch is `true`. Of a repeated option the last counts. */
  readonly values: ReadonlyMap<string, string | true>
  /** As they were given, `--bogus`. */
  readonly unknown: readonly string[]
  /** Known options that were given in the wrong way. */
  readonly problems: readonly { readonly name: string; readonly cause: string }[]
}

/** Reads `args`; never throws. */
export const readArguments = (
  args: readonly string[],
  options: Readonly<Record<string, ArgumentOption>>,
): ReadArguments => {
  const known = Object.entries(options).map(
    ([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }] as const,
  )
  const { tokens } = parseArgs({ args: [...args], options: Object.fromEntries(known), strict: false, tokens: true })
  const words: string[] = []
  const values = new Map<string, string | true>()
  const unknown = new Set<string>()
  const problems: { name: string; cause: string }[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const option = rawName === `--${name}` && Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined) unknown.add(rawName)
    else if (option.value === undefined) {
      if (value === undefined) values.set(name, true)
      else problems.push({ name: rawName, cause: 'takes no value' })
    } else if (value === undefined || (!inlineValue && value.startsWith('-'))) {
      problems.push({ name: rawName, cause: `needs a value: ${rawName}=${option.value}` })
    } else values.set(name, value)
  }
  return { words, values, unknown: [...unknown], problems }
}
