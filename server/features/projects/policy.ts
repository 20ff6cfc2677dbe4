// Who may do what with a project (domain rules, section 3).
import type { Policy } from '#server/kernel/policy.ts'

export interface ProjectSubject {
  readonly id: string
  readonly application_id: string
}

export type ProjectAction = 'read' | 'create' | 'update' | 'administer' | 'override' | 'leave'

/** `administer`: delete, people and columns of the project. `create` is asked before the row exists. */
export const projectPolicy: Policy<ProjectAction, ProjectSubject> = {
  entity: 'project',
  scopeOf: row => ({ applicationId: row.application_id, projectId: row.id }),
  actions: {
    read: 'MEMBER',
    create: 'EDITOR',
    update: 'EDITOR',
    administer: 'PADMIN',
    override: 'OWNER',
    leave: 'MEMBER',
  },
}
