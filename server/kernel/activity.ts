// Writes what commands recorded: one statement for all entries of a transaction.
import type { SignedIn } from './actor.ts'
import type { ActivityEntry } from './command.ts'
import type { WriteTx } from './database.ts'
import { uuid7 } from './ids.ts'
import type { Superseded } from './merge.ts'

export interface ActivityOrigin {
  readonly actor: SignedIn
  readonly via: string
  readonly transactionId: string
  readonly requestId: string | undefined
}

const supersededMap = (list: readonly Superseded[] | undefined) =>
  Object.fromEntries(
    (list ?? []).map(lost => [
      lost.field,
      { value: lost.your_value, winner: lost.value, winner_edited_at: lost.edited_at },
    ]),
  )

/** The statement that appends `entries` in order. */
export const activityRows = (
  tx: WriteTx,
  entries: readonly { readonly entry: ActivityEntry; readonly action: string }[],
  origin: ActivityOrigin,
  editedAt: Date,
) =>
  tx.insertInto('activities').values(
    entries.map(({ entry, action }) => ({
      id: uuid7(),
      application_id: entry.applicationId ?? null,
      project_id: entry.projectId ?? null,
      task_id: entry.taskId ?? null,
      document_id: entry.documentId ?? null,
      user_id: entry.personId ?? null,
      actor_id: origin.actor.userId ?? null,
      actor_name: origin.actor.displayName,
      actor_kind: origin.actor.kind === 'user' && origin.actor.token ? 'api_token' : origin.actor.kind,
      action,
      entity_type: entry.entityType,
      entity_id: entry.entityId,
      entity_label: entry.entityLabel.slice(0, 300),
      changes: JSON.stringify(entry.changes ?? {}),
      superseded: JSON.stringify(supersededMap(entry.superseded)),
      edited_at: editedAt,
      via: origin.via,
      transaction_id: origin.transactionId,
      visibility: entry.visibility ?? 'members',
      request_id: origin.requestId ?? null,
    })),
  )
