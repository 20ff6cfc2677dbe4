// Who may change a comment: its author; owners delete as well (domain rules, section 3).
import type { Policy } from '#server/kernel/policy.ts'

export interface CommentSubject {
  readonly application_id: string
  readonly project_id: string
  readonly author_id: string | null
}

export type CommentAction = 'read' | 'update' | 'delete'

export const commentPolicy: Policy<CommentAction, CommentSubject> = {
  entity: 'comment',
  scopeOf: row => ({ applicationId: row.application_id, projectId: row.project_id }),
  actions: {
    read: 'MEMBER',
    update: (row, actor) => row.author_id !== null && row.author_id === actor.userId,
    delete: (row, actor, { role }) => role === 'owner' || (row.author_id !== null && row.author_id === actor.userId),
  },
}
