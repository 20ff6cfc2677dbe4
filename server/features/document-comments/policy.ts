// Who may what with comments on documents: whoever reads the document reads and writes them; authors change their own, and
// whoever may edit the document settles a thread.
import { codes, decision, type Policy } from '#server/kernel/policy.ts'
import { type PlaceSubject, placePolicy } from '../documents/policy.ts'

export interface DocumentCommentSubject extends PlaceSubject {
  readonly author_id: string | null
}

export type DocumentCommentAction = 'update' | 'delete' | 'resolve'

export const documentCommentPolicy: Policy<DocumentCommentAction, DocumentCommentSubject> = {
  entity: 'document_comment',
  scopeOf: row => placePolicy.scopeOf(row),
  personOf: row => placePolicy.personOf?.(row),
  actions: {
    update: (row, actor) => row.author_id !== null && row.author_id === actor.userId,
    delete: (row, actor, standing) =>
      codes.OWNER(standing) || (row.author_id !== null && row.author_id === actor.userId),
    resolve: (row, actor, standing) =>
      (row.author_id !== null && row.author_id === actor.userId) ||
      decision(placePolicy, 'edit', row, actor, standing) === 'allowed',
  },
}
