// Headers of writes: parsed strictly, 400 `invalid_header` naming the one that is wrong (domain rules, 1.6 and 7.7).
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '#server/kernel/errors.ts'
import type { WriteRequest } from '#server/kernel/route.ts'
import type { Credential } from './context.ts'

type Headers = Readonly<Record<string, string | undefined>>

const bad = (header: string, message: string) =>
  new AppError('invalid_header', { message: `${header}: ${message}`, details: { header } })

const isoTime = z.iso.datetime({ offset: true })

/** `Skerry-Edited-At`: ISO 8601 with a time zone. */
export const editedAt = (headers: Headers): Date | undefined => {
  const value = headers['skerry-edited-at']
  if (value === undefined) return undefined
  if (!isoTime.safeParse(value).success) throw bad('Skerry-Edited-At', 'is not an ISO 8601 time with a zone')
  return new Date(value)
}

/** `If-Match: "<version>"`, quotes optional. `*` asks for nothing, since every command needs its row. */
export const expectedVersion = (headers: Headers, lowest: 0 | 1 = 1): number | undefined => {
  const value = headers['if-match']?.trim()
  if (value === undefined || value === '*') return undefined
  const digits = /^(?:"(0|[1-9]\d{0,9})"|(0|[1-9]\d{0,9}))$/.exec(value)
  const version = Number(digits?.[1] ?? digits?.[2])
  if (!digits || version < lowest || version > 2_147_483_647) throw bad('If-Match', 'is not a version')
  return version
}

/** `Idempotency-Key` with a digest of method, target and body, which a replay must repeat. */
export const idempotency = (
  headers: Headers,
  method: string,
  target: string,
  body: Uint8Array,
): WriteRequest['idempotency'] => {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (!/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) {
    throw bad('Idempotency-Key', 'is not 1 to 255 printable ASCII characters')
  }
  const requestHash = createHash('sha256').update(`${method} ${target}\n`).update(body).digest('hex')
  return { key, requestHash }
}

/** `Skerry-Client: <name>/<version>` → where a write came from, as the activity log names it. */
export const via = (headers: Headers, credential: Credential): string => {
  const value = headers['skerry-client']
  const unnamed = credential === 'cookie' ? 'web' : 'api'
  if (value === undefined) return unnamed
  const name = /^([A-Za-z][A-Za-z0-9._-]{0,49})\/[A-Za-z0-9._+-]{1,50}$/.exec(value)?.[1]?.toLowerCase()
  if (name === undefined) throw bad('Skerry-Client', 'is not <name>/<version>')
  if (name.includes('desktop')) return 'desktop'
  return name.includes('web') ? 'web' : unnamed
}
