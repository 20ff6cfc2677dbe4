// What operations of the API reference have in common: words about rights, the form of errors, answers of writes.
import { z } from 'zod'
import type { RequiredScope } from '#server/kernel/actor.ts'
import { catalogue, isRetryable, issueCodes } from '#server/kernel/errors.ts'
import type { Access } from '#server/kernel/route.ts'

/** What an API token needs. */
export const scopeWords = (scope: RequiredScope): string =>
  scope === 'session' ? 'Not with an API token.' : `API tokens need the scope \`${scope}\`.`

/** Who may call. */
export const accessWords: Readonly<Record<Access, string>> = {
  PUBLIC: 'anybody',
  USER: 'anyone who is signed in',
  SELF: 'the person whose row it is',
  MEMBER: 'members of the application',
  EDITOR: 'owners and editors of the application',
  OWNER: 'owners of the application',
  CONTRIB: 'owners, and editors who are members of the project',
  PADMIN: 'owners, and editors who are admins of the project',
  DOCVIEW: 'members of the application; of personal documents the person alone',
  DOCEDIT:
    'owners and editors; in a project owners, and editors who are members of it; of personal documents the person alone',
  AUTHOR: 'whoever made it',
  ADMIN: 'administrators of the server',
}

/** The form of all errors. */
export const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(catalogue) as [string, ...string[]]),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      request_id: z.string(),
    }),
  })
  .meta({ id: 'Error' })

/** What every write takes. */
export const writeHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .meta({ description: 'Repeats of a request with the same key change nothing' }),
  'If-Match': z.string().optional().meta({ description: 'The version the row must still have' }),
  'Skerry-Edited-At': z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: 'When the person made the change' }),
})

/** The error catalogue as a Markdown table. */
const catalogueTable = (): string =>
  [
    '| Status | Code | Meaning | Repeat? |',
    '| --- | --- | --- | --- |',
    ...Object.entries(catalogue).map(
      ([code, { status, message }]) =>
        `| ${status} | \`${code}\` | ${message} | ${isRetryable(code as keyof typeof catalogue) ? 'yes' : 'no'} |`,
    ),
  ].join('\n')

/** The introduction. */
export const describe = (): string =>
  [
    'Reads answer `{data}` or `{data, next_cursor}`, writes `{data, txid}`, errors `{error: {code, message, details, request_id}}`.',
    'Sign in with the cookie `skerry_session` or with `Authorization: Bearer`; tokens are never taken from the URL.',
    `\n## Errors\n\n${catalogueTable()}`,
    `\n\`validation_failed\` lists everything that is wrong in \`details.issues\`, each with path, message and one of these codes: ${issueCodes.map(code => `\`${code}\``).join(', ')}.`,
  ].join('\n')
