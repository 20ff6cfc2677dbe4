// Inputs and answers about API tokens (domain rules, sections 2.1 and 5.12).
import { z } from 'zod'
import { tokenScopes } from '#server/kernel/actor.ts'
import { instant, line, reference } from '#server/kernel/schemas.ts'

const noTwice = { params: { issue: 'duplicate_ids' } }
const isSet = (values: readonly string[]): boolean => new Set(values).size === values.length

const scope = z.enum(tokenScopes)

export const createInput = z.strictObject({
  name: line(1, 100),
  scopes: z
    .array(scope)
    .min(1)
    .max(tokenScopes.length)
    .refine(isSet, { error: 'A scope is named twice.', ...noTwice }),
  application_ids: z
    .array(reference)
    .min(1)
    .max(100)
    .refine(isSet, { error: 'An application is named twice.', ...noTwice })
    .optional(),
  expires_at: instant.optional(),
})

export const revokeInput = z.strictObject({ id: reference })

export const tokenColumns = [
  'id',
  'name',
  'prefix',
  'scopes',
  'application_ids',
  'created_at',
  'last_used_at',
  'expires_at',
] as const

export const tokenRow = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(scope),
    application_ids: z.array(z.uuid()).nullable(),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
    expires_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiToken' })

export const createdToken = tokenRow.extend({
  token: z.string().optional().meta({ description: 'The token itself; not there when the answer is a repeated one' }),
})
