// What zod found, in the words of the API: one Issue per thing wrong (domain rules, section 1.4). REST bodies, queries
// and the mutations of a transaction all go through here.
import type { z } from 'zod'
import { AppError, type Issue, type IssueCode, invalid, issueCodes } from './errors.ts'

type ZodIssue = z.core.$ZodIssue

const dotted = (path: readonly PropertyKey[]): string => path.map(String).join('.')

const isIssueCode = (text: unknown): text is IssueCode => issueCodes.includes(text as IssueCode)

const codeOf = (issue: ZodIssue): IssueCode => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'required' : 'bad_format'
    case 'too_big':
      return isLength(issue.origin) ? 'too_long' : 'out_of_range'
    case 'too_small':
      return isLength(issue.origin) ? 'too_short' : 'out_of_range'
    case 'invalid_value':
      return issue.input === undefined ? 'required' : 'not_in_enum'
    default:
      return 'bad_format'
  }
}

const isLength = (origin: string): boolean => ['string', 'array', 'set', 'file', 'map'].includes(origin)

const sentence = (code: IssueCode, issue: ZodIssue): string => (code === 'required' ? 'Is required.' : issue.message)

/** Turns zod's issues into ours. Parse with `reportInput: true`, or a missing field cannot be told from a wrong one. */
export const toIssues = (found: readonly ZodIssue[]): Issue[] =>
  found.flatMap((issue): Issue[] => {
    const path = dotted(issue.path)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map(key => ({
        path: dotted([...issue.path, key]),
        code: 'unknown_field' as const,
        message: 'This field is not known here.',
      }))
    }
    if (issue.code === 'invalid_union') return [unionIssue(issue, path)].flat()
    // a rule written as .refine(…, { params: { code: 'nothing_to_change' } }) names its own code
    const own = issue.code === 'custom' ? issue.params?.['code'] : undefined
    const code = isIssueCode(own) ? own : codeOf(issue)
    return [{ path, code, message: sentence(code, issue) }]
  })

const unionIssue = (issue: Extract<ZodIssue, { code: 'invalid_union' }>, path: string): Issue[] => {
  if (issue.input === undefined) return [{ path, code: 'required', message: 'Is required.' }]
  // the alternative that failed deepest is the one that was meant
  const depth = (issues: readonly ZodIssue[]) => Math.max(0, ...issues.map(inner => inner.path.length))
  const meant = issue.errors.reduce<readonly ZodIssue[]>((best, one) => (depth(one) > depth(best) ? one : best), [])
  if (meant.length === 0 || depth(meant) === 0) return [{ path, code: 'bad_format', message: issue.message }]
  return toIssues(meant).map(inner => ({ ...inner, path: path === '' ? inner.path : `${path}.${inner.path}` }))
}

/** Parses `input`, or throws 422 with every issue, those of `before` included. */
export const parseOrInvalid = <Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  before: readonly Issue[] = [],
): z.output<Schema> => {
  const parsed = schema.safeParse(input, { reportInput: true })
  const issues = [...before, ...(parsed.success ? [] : toIssues(parsed.error.issues))]
  if (issues.length > 0 || !parsed.success) throw invalid(...issues)
  return parsed.data
}

/** Is it a 422 that lists issues? */
export const isInvalid = (error: unknown): error is AppError =>
  error instanceof AppError && error.code === 'validation_failed'
