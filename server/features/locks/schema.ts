// Locks of documents: columns and input (domain rules, sections 2.4 and 4).
import { z } from 'zod'
import { reference } from '#server/kernel/schemas.ts'

export const lockColumns = [
  'document_id',
  'application_id',
  'user_id',
  'holder_id',
  'holder_name',
  'acquired_at',
  'expires_at',
  'version',
] as const

export const lockInput = z.strictObject({ document_id: reference })

export const lockState = z
  .object({
    is_locked: z.boolean(),
    holder: z
      .object({ user_id: z.uuid(), name: z.string(), acquired_at: z.iso.datetime(), expires_at: z.iso.datetime() })
      .nullable(),
  })
  .meta({ id: 'DocumentLock' })

/** What commands answer. */
export const lockOutput = lockState.extend({ document_id: z.uuid() })
