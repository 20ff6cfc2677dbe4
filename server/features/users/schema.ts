// People: the columns that others and they themselves may see, and the inputs (domain rules, sections 2.1, 4, 5.12).
import { z } from 'zod'
import { expectedVersion, line } from '#server/kernel/schemas.ts'

/** What a person sees of the own account. Everything else in `users` stays on the server. */
export const ownColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'email',
  'email_verified_at',
  'display_name',
  'avatar_url',
  'time_zone',
  'week_start',
  'locale',
  'login_code_enabled',
  'is_admin',
] as const

export const ownRow = z
  .object({
    id: z.uuid(),
    version: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    email: z.string(),
    email_verified_at: z.iso.datetime().nullable(),
    display_name: z.string(),
    avatar_url: z.string().nullable(),
    time_zone: z.string(),
    week_start: z.enum(['monday', 'sunday']),
    locale: z.string(),
    login_code_enabled: z.boolean(),
    is_admin: z.boolean(),
  })
  .meta({ id: 'User' })

/** What people who share an application see of each other. */
export const personRow = z
  .object({ id: z.uuid(), display_name: z.string(), avatar_url: z.string().nullable() })
  .meta({ id: 'Person' })

/** E-mail addresses compare by this form. */
export const foldEmail = (email: string): string => email.trim().normalize('NFC').toLowerCase()

const isTimeZone = (name: string): boolean => {
  // ICU also takes offsets (+02:00); the rules want an IANA name
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

const isLocale = (tag: string): boolean => {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}

export const displayName = line(1, 100)

export const profileFields = ['display_name', 'time_zone', 'week_start', 'locale'] as const

export const profileInput = z.strictObject({
  display_name: displayName.optional(),
  time_zone: z.string().max(64).refine(isTimeZone, 'Is not an IANA time zone such as Europe/Berlin.').optional(),
  week_start: z.enum(['monday', 'sunday']).optional(),
  locale: z.string().max(35).refine(isLocale, 'Is not a language tag such as en or pt-BR.').optional(),
  expected_version: expectedVersion,
})
