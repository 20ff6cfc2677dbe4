// Who may invite whom as what, and who may take an invitation back (domain rules, section 3).
import type { Policy, Role } from '#server/kernel/policy.ts'

export interface InvitationSubject {
  readonly applicationId: string
  readonly editorsMayAddEditors: boolean
  readonly inviterId?: string | null
}

export type InvitationAction = 'inviteOwner' | 'inviteEditor' | 'inviteViewer' | 'takeBack' | 'list'

export const invitationPolicy: Policy<InvitationAction, InvitationSubject> = {
  entity: 'invitation',
  scopeOf: subject => ({ applicationId: subject.applicationId }),
  actions: {
    inviteOwner: 'OWNER',
    inviteEditor: (subject, _actor, { role }) =>
      role === 'owner' || (role === 'editor' && subject.editorsMayAddEditors),
    inviteViewer: 'EDITOR',
    takeBack: (subject, actor, { role }) => role === 'owner' || subject.inviterId === actor.userId,
    list: 'OWNER',
  },
}

const inviteActions = { owner: 'inviteOwner', editor: 'inviteEditor', viewer: 'inviteViewer' } as const

export const inviteAction = (role: Role): InvitationAction => inviteActions[role]
