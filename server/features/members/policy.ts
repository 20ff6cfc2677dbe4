// Who may change whose role (domain rules, section 3).
import type { Policy, Role } from '#server/kernel/policy.ts'

export interface MemberSubject {
  readonly applicationId: string
  readonly editorsMayAddEditors: boolean
}

export type MemberAction = 'read' | 'readEmail' | 'setAnyRole' | 'promoteViewer' | 'remove' | 'leave'

/** Owners set any role; editors promote viewers to editor while the application lets them. */
export const memberPolicy: Policy<MemberAction, MemberSubject> = {
  entity: 'application_member',
  scopeOf: subject => ({ applicationId: subject.applicationId }),
  actions: {
    read: 'MEMBER',
    readEmail: 'EDITOR',
    setAnyRole: 'OWNER',
    promoteViewer: (subject, _actor, { role }) =>
      role === 'owner' || (role === 'editor' && subject.editorsMayAddEditors),
    remove: 'OWNER',
    leave: 'MEMBER',
  },
}

/** Which action a change from `present` to `wanted` is. */
export const roleAction = (present: Role, wanted: Role): MemberAction =>
  present === 'viewer' && wanted === 'editor' ? 'promoteViewer' : 'setAnyRole'
