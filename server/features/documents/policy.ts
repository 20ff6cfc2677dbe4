// Who may what in the knowledge base: one policy for folders, documents, snapshots, tags, templates and locks, whose
// rights follow from where they lie (domain rules, sections 1.2 and 3).
import { codes, type Policy, type Standing } from '#server/kernel/policy.ts'
import { must } from '#server/kernel/must.ts'

/** Where something of the knowledge base lies. */
export interface PlaceSubject {
  readonly application_id: string | null
  readonly project_id: string | null
  readonly user_id: string | null
}

/** `edit` is DOCEDIT, `read` DOCVIEW; `takeOver`: the lock of somebody else. */
export type PlaceAction = 'read' | 'edit' | 'takeOver'

const mayEdit = (row: PlaceSubject, standing: Standing): boolean =>
  row.project_id === null ? codes.EDITOR(standing) : codes.CONTRIB(standing)

export const placePolicy: Policy<PlaceAction, PlaceSubject> = {
  entity: 'document',
  scopeOf: row => ({ applicationId: must(row.application_id), projectId: row.project_id ?? undefined }),
  personOf: row => row.user_id ?? undefined,
  actions: {
    read: 'MEMBER',
    edit: (row, _actor, standing) => mayEdit(row, standing),
    takeOver: (row, _actor, standing) => row.user_id === null && codes.OWNER(standing),
  },
}
