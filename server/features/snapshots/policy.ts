// Who may delete a snapshot: owners any, others their own (domain rules, section 3). Everything else follows the document.
import { codes, type Policy } from '#server/kernel/policy.ts'
import { type PlaceSubject, placePolicy } from '../documents/policy.ts'

export interface SnapshotSubject extends PlaceSubject {
  readonly created_by_id: string | null
}

export const snapshotPolicy: Policy<'delete', SnapshotSubject> = {
  entity: 'snapshot',
  scopeOf: placePolicy.scopeOf,
  ...(placePolicy.personOf ? { personOf: placePolicy.personOf } : {}),
  actions: {
    delete: (row, actor, standing) =>
      codes.OWNER(standing) || (row.created_by_id !== null && row.created_by_id === actor.userId),
  },
}
