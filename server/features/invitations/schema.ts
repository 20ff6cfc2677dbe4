// Invitations: columns and inputs (domain rules, sections 2.1 and 4).
import { z } from 'zod'
import { markdown, newId, reference } from '#server/kernel/schemas.ts'
import { role } from '../members/schema.ts'
import { projectRole } from '../projects/schema.ts'

export const invitationColumns = [
  'id',
  'version',
  'created_at',
  'updated_at',
  'application_id',
  'application_name',
  'inviter_id',
  'inviter_name',
  'user_id',
  'email',
  'role',
  'projects',
  'message',
  'state',
  'expires_at',
  'responded_at',
] as const

export const state = z.enum(['pending', 'accepted', 'rejected', 'cancelled', 'expired'])

export const invitationRow = z
  .looseObject({
    id: z.uuid(),
    application_id: z.uuid(),
    application_name: z.string(),
    inviter_name: z.string(),
    user_id: z.uuid().nullable(),
    email: z.string().nullable(),
    role,
    state,
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Invitation' })

export const linkedInvitation = invitationRow.extend({
  link: z.string().optional().meta({
    description: 'For an address without account: what to send there; not there when the answer is a repeated one',
  }),
})

const email = z
  .string()
  .transform(text => text.trim().normalize('NFC'))
  .pipe(z.email().max(254))

export const projectsList = z
  .array(z.strictObject({ project_id: reference, role: projectRole.default('member') }))
  .max(100)

export const createInput = z
  .strictObject({
    id: newId.optional(),
    application_id: reference,
    user_id: reference.optional(),
    email: email.optional(),
    role,
    projects: projectsList.optional(),
    message: markdown(1000).optional(),
  })
  .refine(input => (input.user_id === undefined) !== (input.email === undefined), {
    error: 'Give either user_id or email.',
    path: ['user_id'],
    params: { issue: 'required' },
  })
  .refine(input => input.role !== 'viewer' || !input.projects?.length, {
    error: 'Viewers join no project.',
    path: ['projects'],
    params: { issue: 'role_not_allowed' },
  })

export const idInput = z.strictObject({ id: reference })

export const token = z.string().min(20).max(200)

/** One of both: the invitation by its id (invitee), or by the token that proves the mailbox. */
export const answerInput = z
  .strictObject({ id: reference.optional(), token: token.optional() })
  .refine(input => (input.id === undefined) !== (input.token === undefined), {
    error: 'Give either id or token.',
    path: ['id'],
    params: { issue: 'required' },
  })
