// Inputs and answers of sign-in (domain rules, section 5.12).
import { z } from 'zod'
import { line, reference } from '#server/kernel/schemas.ts'
import { displayName, foldEmail, ownRow } from '../users/schema.ts'
import { passwordProblem } from './passwords.ts'

const issue = (code: string) => ({ params: { issue: code } })

const length = (text: string): number => Array.from(text).length

/** The form of an address that is stored. */
export const email = z
  .string()
  .transform(text => text.trim().normalize('NFC'))
  .pipe(z.email('Is not an e-mail address.').max(254))

/** A new password; the account's address is compared where it is known. */
export const newPassword = z
  .string()
  .refine(text => length(text) >= 8, { error: 'At least 8 characters.', ...issue('too_short') })
  .refine(text => length(text) <= 128, { error: 'At most 128 characters.', ...issue('too_long') })
  .refine(text => text.isWellFormed(), { error: 'Is not valid Unicode.', ...issue('bad_format') })
  .meta({ minLength: 8, maxLength: 128 })

/** A password that is only compared. */
const anyPassword = z.string().max(1024)

const deviceName = line(1, 100)

export const registerInput = z
  .strictObject({
    email,
    password: newPassword,
    display_name: displayName.optional(),
    device_name: deviceName.optional(),
    invitation_token: z.string().min(1).max(200).optional(),
  })
  .superRefine((input, context) => {
    const problem = passwordProblem(input.password, input.email)
    if (problem) context.addIssue({ code: 'custom', path: ['password'], message: problem, ...issue('bad_format') })
  })

// OAuth2's password form says username, and sends fields that mean nothing here
const fromForm = (input: unknown): unknown => {
  if (typeof input !== 'object' || input === null || !('username' in input) || 'email' in input) return input
  const {
    username,
    grant_type: _grant,
    scope: _scope,
    client_id: _id,
    client_secret: _secret,
    ...rest
  } = input as Record<string, unknown>
  return { ...rest, email: username }
}

// an address that cannot exist gets the same answer as one that does not
export const loginInput = z.preprocess(
  fromForm,
  z.strictObject({
    email: z.string().min(1).max(1024).transform(foldEmail),
    password: anyPassword,
    device_name: deviceName.optional(),
  }),
)

export const changePasswordInput = z.strictObject({ current_password: anyPassword, new_password: newPassword })

export const revokeInput = z.strictObject({ id: reference })

export const noInput = z.strictObject({})

/** What a successful sign-in answers. */
export const sessionBody = z
  .object({
    access_token: z.string(),
    token_type: z.literal('bearer'),
    expires_at: z.iso.datetime(),
    user: ownRow,
  })
  .meta({ id: 'Session' })

export const sessionRow = z
  .object({
    id: z.uuid(),
    device_name: z.string().nullable(),
    user_agent: z.string().nullable(),
    ip: z.string().nullable(),
    created_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    current: z.boolean(),
  })
  .meta({ id: 'SessionDevice' })

export const endedOutput = z.object({ ended: z.int().meta({ description: 'How many sessions' }) })

export const doneBody = z.object({ data: z.object({ id: z.uuid() }), txid: z.null() })
