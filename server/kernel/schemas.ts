// zod pieces that every feature's input is made of (domain rules, section 1.3): trimmed NFC text, ids, dates, ranks.
import { z } from 'zod'
import type { IssueCode } from './errors.ts'
import { isUuid7 } from './ids.ts'

const issue = (code: IssueCode) => ({ params: { issue: code } })

const isControl = (code: number): boolean => code < 32 || (code >= 127 && code < 160)

/** Drops control characters; tab and newline too unless `keepLines`. */
const stripControls = (text: string): string =>
  Array.from(text)
    .filter(character => !isControl(character.codePointAt(0) ?? 0))
    .join('')

const hasForbiddenControl = (text: string): boolean =>
  Array.from(text).some(character => {
    const code = character.codePointAt(0) ?? 0
    return isControl(code) && code !== 9 && code !== 10
  })

// lone surrogates cannot be stored as UTF-8, NUL cannot be stored at all
const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

const storable = z
  .string()
  .refine(isStorable, { error: 'Text must be valid Unicode without NUL.', ...issue('bad_format') })

const codePoints = (text: string): number => {
  let count = 0
  for (const _ of text) count += 1
  return count
}

const sized = (minimum: number, maximum: number) => (text: string, context: z.RefinementCtx) => {
  const length = codePoints(text)
  if (length < minimum) {
    const message = minimum === 1 ? 'Must not be empty.' : `At least ${minimum} characters.`
    context.addIssue({ code: 'custom', message, ...issue('too_short') })
  }
  if (length > maximum) {
    context.addIssue({ code: 'custom', message: `At most ${maximum} characters.`, ...issue('too_long') })
  }
}

/** One line of text: trimmed, NFC, control characters stripped; length counted in code points as Postgres does. */
export const line = (minimum: number, maximum: number) =>
  storable
    .transform(text => stripControls(text).normalize('NFC').trim())
    .superRefine(sized(minimum, maximum))
    .meta({ minLength: minimum, maxLength: maximum })

/** Markdown: trimmed, NFC, `\r\n` folded; other control characters than tab and newline are refused. */
export const markdown = (maximum: number) =>
  storable
    .transform(text => text.replaceAll('\r\n', '\n').normalize('NFC').trim())
    .superRefine((text, context) => {
      if (hasForbiddenControl(text)) {
        context.addIssue({ code: 'custom', message: 'Control characters are not allowed.', ...issue('bad_format') })
      }
      sized(0, maximum)(text, context)
    })
    .meta({ maxLength: maximum, description: 'Markdown' })

/** How to name a person in Markdown of comments and documents, so that he is told. */
export const mentionWords = '`[@Eve](skerry-user:<user_id>)` mentions a member, who is notified'

/** Any UUID that names an existing row. */
export const reference = z.guid().transform(text => text.toLowerCase())

/** A client-made id: version 7 only. */
export const newId = z
  .string()
  .transform(text => text.toLowerCase())
  .refine(isUuid7, { error: 'Ids are version-7 UUIDs.', ...issue('bad_format') })
  .meta({
    format: 'uuid',
    description: 'A UUID of version 7 that the client makes',
    example: '0198f3c2-7a10-7000-8000-000000000001',
  })

/** `YYYY-MM-DD`, a day that exists. */
export const date = z.iso.date()

/** An instant with its offset, as Date. */
export const instant = z.iso.datetime({ offset: true }).transform(text => new Date(text))

export const color = z
  .string()
  .regex(/^#[0-9A-Fa-f]{6}$/, { error: 'A colour is #RRGGBB.' })
  .transform(text => text.toUpperCase())
  .meta({ example: '#1F6FEB' })

export const rank = z.string().max(200)

/** What a command answers that leaves no row: whose row it was. */
export const idOutput = z.object({ id: z.uuid() })

export const expectedVersion = z.int().min(1).optional()

/** Several labels: each 1–50 characters, at most 20, distinct ignoring case (the first spelling stays). */
export const labels = z
  .array(line(1, 50))
  .transform(list => [...new Map(list.toReversed().map(label => [label.toLowerCase(), label])).values()].toReversed())
  .refine(list => list.length <= 20, { error: 'At most 20 labels.', ...issue('too_long') })

/** `expected_version` and at least one of the fields; otherwise 422 nothing_to_change. */
export const isEmptyChange = (input: Record<string, unknown>, fields: readonly string[]): boolean =>
  fields.every(field => input[field] === undefined)
