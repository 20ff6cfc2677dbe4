// zod issues → the issue codes of the catalogue, all at once (domain rules, section 1.4).
import type { z } from 'zod'
import { AppError, invalid, type Issue, type IssueCode } from './errors.ts'

interface ZodIssue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly input?: unknown
  readonly origin?: string
  readonly keys?: readonly string[]
  readonly params?: Readonly<Record<string, unknown>>
}

const codeOf = (issue: ZodIssue): IssueCode => {
  const custom = issue.params?.issue
  if (typeof custom === 'string') return custom as IssueCode
  // only `reportInput` tells a missing field from a wrong one
  const missing = 'input' in issue && issue.input === undefined
  const sized = issue.origin === 'string' || issue.origin === 'array'
  switch (issue.code) {
    case 'invalid_type':
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

/** zod's error as the catalogue's issues; unknown fields become one issue each. */
export const issuesOf = (error: z.ZodError): Issue[] =>
  (error.issues as unknown as ZodIssue[]).flatMap(issue => {
    const path = issue.path.map(String).join('.')
    if (issue.code === 'unrecognized_keys') {
      return (issue.keys ?? []).map(key => ({
        path: path === '' ? key : `${path}.${key}`,
        code: 'unknown_field' as const,
        message: 'There is no such field here.',
      }))
    }
    return [{ path, code: codeOf(issue), message: issue.message }]
  })

/** Parses `value`, or throws 422 with every issue. */
export const parseInput = <Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(value, { reportInput: true })
  if (parsed.success) return parsed.data
  throw invalid(...issuesOf(parsed.error))
}

/** The issues inside an AppError of kind validation_failed, for tests and for batches. */
export const issuesIn = (error: AppError): readonly Issue[] => (error.details?.issues ?? []) as readonly Issue[]
