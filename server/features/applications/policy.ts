// Who may do what with an application (domain rules, section 3).
import type { Policy } from '#server/kernel/policy.ts'

export type ApplicationAction = 'read' | 'update' | 'own'

/** `own`: archive, unarchive, delete, transfer. */
export const applicationPolicy: Policy<ApplicationAction, { readonly id: string }> = {
  entity: 'application',
  scopeOf: row => ({ applicationId: row.id }),
  actions: { read: 'MEMBER', update: 'EDITOR', own: 'OWNER' },
}
