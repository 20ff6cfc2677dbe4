// zod issues → the issue codes of the catalogue, all at once (domain rules, section 1.4).
import type { z } from 'zod'
import { AppError, echoed, invalid, type Issue, type IssueCode } from './errors.ts'

interface ZodIssue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly input?: unknown
  readonly origin?: string
  readonly keys?: readonly string[]
  readonly params?: Readonly<Record<string, unknown>>
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  null: 'null',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
}

const formats: Readonly<Record<string, string>> = {
  date: 'a day as YYYY-MM-DD',
  datetime: 'a time as ISO 8601 with its zone',
  email: 'an e-mail address',
  guid: 'a UUID',
  url: 'an address',
  uuid: 'a UUID',
}

const units: Readonly<Record<string, string>> = { array: ' entries', string: ' characters' }

/** What people read about the usual issues; undefined: as zod says it. A schema's own words come before these. */
const wordsFor: z.core.$ZodErrorMap = issue => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'Is required.' : `Must be ${kinds[issue.expected] ?? issue.expected}.`
    case 'invalid_value':
      return issue.input === undefined ? 'Is required.' : `Must be one of: ${issue.values.map(String).join(', ')}.`
    case 'invalid_union': {
      if (issue.input === undefined) return 'Is required.'
      // what is said of a part of the value is not said of the value
      const ways = issue.errors.flat().map(way => way.path.length === 0 && /^Must be (.*)\.$/.exec(way.message)?.[1])
      const isPlain = ways.length > 0 && ways.every(Boolean)
      return isPlain ? `Must be ${[...new Set(ways)].join(', or ')}.` : 'Has none of the forms that are taken here.'
    }
    case 'invalid_format':
      return formats[issue.format] && `Must be ${formats[issue.format]}.`
    case 'too_small':
      return issue.minimum === 1 && units[issue.origin]
        ? 'Must not be empty.'
        : `${issue.inclusive ? 'At least' : 'More than'} ${issue.minimum}${units[issue.origin] ?? ''}.`
    case 'too_big':
      return `${issue.inclusive ? 'At most' : 'Less than'} ${issue.maximum}${units[issue.origin] ?? ''}.`
    default:
      return undefined
  }
}

/** Checks `value` with `schema`, in the words of this file. */
export const check = <Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.ZodSafeParseResult<z.output<Schema>> => schema.safeParse(value, { reportInput: true, error: wordsFor })

const codeOf = (issue: ZodIssue): IssueCode => {
  const custom = issue.params?.issue
  if (typeof custom === 'string') return custom as IssueCode
  // only `reportInput` tells a missing field from a wrong one
  const missing = 'input' in issue && issue.input === undefined
  const sized = issue.origin === 'string' || issue.origin === 'array'
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_union':
      return missing ? 'required' : 'bad_format'
    case 'too_small':
      return sized ? 'too_short' : 'out_of_range'
    case 'too_big':
      return sized ? 'too_long' : 'out_of_range'
    case 'invalid_value':
      return missing ? 'required' : 'not_in_enum'
    default:
      return 'bad_format'
  }
}

/** The issue of a field that nobody asked for. */
export const unknownField = (path: string): Issue => ({
  path,
  code: 'unknown_field',
  message: 'There is no such field here.',
})

/** zod's error as the catalogue's issues; unknown fields become one issue each. */
export const issuesOf = (error: z.ZodError): Issue[] =>
  (error.issues as unknown as ZodIssue[]).flatMap(issue => {
    const path = issue.path.map(part => echoed(String(part))).join('.')
    if (issue.code === 'unrecognized_keys') {
      return (issue.keys ?? []).map(key => unknownField(path === '' ? echoed(key) : `${path}.${echoed(key)}`))
    }
    return [{ path, code: codeOf(issue), message: issue.message }]
  })

/** Parses `value`, or throws 422 with every issue. */
export const parseInput = <Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> => {
  const parsed = check(schema, value)
  if (parsed.success) return parsed.data
  throw invalid(issuesOf(parsed.error))
}

/** The issues inside an AppError of kind validation_failed, for tests and for batches. */
export const issuesIn = (error: AppError): readonly Issue[] => (error.details?.issues ?? []) as readonly Issue[]
