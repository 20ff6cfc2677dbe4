// Who may do what with a task (domain rules, section 3).
import type { Policy } from '#server/kernel/policy.ts'

export interface TaskSubject {
  readonly application_id: string
  readonly project_id: string
}

export type TaskAction = 'read' | 'write' | 'purge' | 'comment'

/** `write`: create, update, move, archive, trash, restore, and everything about checklists. */
export const taskPolicy: Policy<TaskAction, TaskSubject> = {
  entity: 'task',
  scopeOf: row => ({ applicationId: row.application_id, projectId: row.project_id }),
  actions: { read: 'MEMBER', write: 'CONTRIB', purge: 'PADMIN', comment: 'MEMBER' },
}
