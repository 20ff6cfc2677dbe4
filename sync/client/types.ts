// The words between client and server, from the server's own schemas (types only: nothing of the server is loaded).
import type { z } from 'zod'
import type {
  applicationRow,
  createInput as applicationCreate,
  idInput as applicationId,
  updateInput as applicationUpdate,
} from '../../server/features/applications/schema.ts'
import type { checklistInputs, itemInputs } from '../../server/features/checklists/schema.ts'
import type { checklistColumns, itemColumns } from '../../server/features/checklists/schema.ts'
import type {
  commentColumns,
  createInput as commentCreate,
  updateInput as commentUpdate,
} from '../../server/features/comments/schema.ts'
import type {
  createInput as documentCommentCreate,
  documentCommentColumns,
  idInput as documentCommentId,
  updateInput as documentCommentUpdate,
} from '../../server/features/document-comments/schema.ts'
import type { memberRow } from '../../server/features/members/schema.ts'
import type {
  counterColumns,
  deleteAllInput,
  deleteInput as notificationDelete,
  markAllReadInput,
  notificationRow,
  preferenceRow,
  setPreferenceInput,
  setReadInput,
} from '../../server/features/notifications/schema.ts'
import type {
  aggregateColumns,
  createInput as projectCreate,
  idInput as projectId,
  overrideInput as projectOverride,
  projectRow,
  updateInput as projectUpdate,
} from '../../server/features/projects/schema.ts'
import type { sessionBody } from '../../server/features/sessions/schema.ts'
import type {
  createInput as statusCreate,
  deleteInput as statusDelete,
  moveInput as statusMove,
  statusRow,
  updateInput as statusUpdate,
} from '../../server/features/statuses/schema.ts'
import type {
  createInput as taskCreate,
  idInput,
  moveInput as taskMove,
  taskRow,
  updateInput as taskUpdate,
} from '../../server/features/tasks/schema.ts'
import type { ownRow } from '../../server/features/users/schema.ts'

export type Application = z.output<typeof applicationRow>
export type Member = z.output<typeof memberRow>
export type Project = z.output<typeof projectRow>
export type Status = z.output<typeof statusRow>
export type Task = z.output<typeof taskRow>
export type Notification = z.output<typeof notificationRow>
export type NotificationPreference = z.output<typeof preferenceRow>
type Waiting = 'unread_notifications' | 'pending_invitations'
export type Counters = Texts<Exclude<(typeof counterColumns)[number], Waiting>> & {
  readonly [Name in Waiting]: number
}
export type User = z.output<typeof ownRow>
export type SessionBody = z.output<typeof sessionBody>
export type Aggregate = Record<(typeof aggregateColumns)[number], string & number>

interface Counted {
  readonly total_items: number
  readonly completed_items: number
}
type Texts<Columns extends string> = { readonly [Name in Columns]: string }

export type Checklist = Texts<Exclude<(typeof checklistColumns)[number], keyof Counted | 'version'>> &
  Counted & { readonly version: number }
export type ChecklistItem = Texts<
  Exclude<(typeof itemColumns)[number], 'is_done' | 'version' | 'completed_by_id' | 'completed_at'>
> & {
  readonly version: number
  readonly is_done: boolean
  readonly completed_by_id: string | null
  readonly completed_at: string | null
}
type CommentNullable = 'parent_id' | 'author_id' | 'body_edited_at' | 'deleted_at' | 'deleted_by_id'
export type Comment = Texts<Exclude<(typeof commentColumns)[number], CommentNullable | 'version' | 'body'>> & {
  readonly [Name in CommentNullable]: string | null
} & { readonly version: number; readonly body: Readonly<Record<string, unknown>> | null }

type DocumentCommentColumn = (typeof documentCommentColumns)[number]
type DocumentCommentText = 'id' | 'created_at' | 'updated_at' | 'document_id' | 'author_name' | 'body_text'

/** A comment on a document; of a person's own one in `personal_document_comments`. */
export type DocumentComment = {
  readonly [Name in DocumentCommentText]: string
} & {
  readonly [Name in Exclude<DocumentCommentColumn, DocumentCommentText | 'version' | 'body'>]: string | null
} & { readonly version: number; readonly body: Readonly<Record<string, unknown>> | null }

/** A row of a shape the client has no type for. */
export type AnyRow = Readonly<Record<string, unknown>>

/** Shape name → row. Other shapes hold AnyRow. */
export interface ShapeRows {
  readonly me: User
  readonly my_memberships: Member
  readonly my_notifications: Notification
  readonly my_notification_preferences: NotificationPreference
  readonly my_counters: Counters
  readonly application: Application
  readonly application_members: Member
  readonly projects: Project
  readonly project_aggregates: Aggregate
  readonly task_statuses: Status
  readonly tasks: Task
  readonly checklists: Checklist
  readonly checklist_items: ChecklistItem
  readonly comments: Comment
  readonly document_comments: DocumentComment
  readonly personal_document_comments: DocumentComment
}

/** Command name → arguments, for `mutation`. Commands that are not here can be sent all the same. */
export interface CommandArgs {
  readonly 'application.create': z.input<typeof applicationCreate>
  readonly 'application.update': z.input<typeof applicationUpdate>
  readonly 'application.archive': z.input<typeof applicationId>
  readonly 'application.unarchive': z.input<typeof applicationId>
  readonly 'project.create': z.input<typeof projectCreate>
  readonly 'project.update': z.input<typeof projectUpdate>
  readonly 'project.archive': z.input<typeof projectId>
  readonly 'project.unarchive': z.input<typeof projectId>
  readonly 'project.delete': z.input<typeof projectId>
  readonly 'project.set_override': z.input<typeof projectOverride>
  readonly 'project.clear_override': z.input<typeof projectId>
  readonly 'status.create': z.input<typeof statusCreate>
  readonly 'status.update': z.input<typeof statusUpdate>
  readonly 'status.move': z.input<typeof statusMove>
  readonly 'status.delete': z.input<typeof statusDelete>
  readonly 'task.create': z.input<typeof taskCreate>
  readonly 'task.update': z.input<typeof taskUpdate>
  readonly 'task.move': z.input<typeof taskMove>
  readonly 'task.archive': z.input<typeof idInput>
  readonly 'task.unarchive': z.input<typeof idInput>
  readonly 'task.delete': z.input<typeof idInput>
  readonly 'task.restore': z.input<typeof idInput>
  readonly 'task.purge': z.input<typeof idInput>
  readonly 'checklist.create': z.input<typeof checklistInputs.create>
  readonly 'checklist.update': z.input<typeof checklistInputs.update>
  readonly 'checklist.delete': z.input<typeof checklistInputs.delete>
  readonly 'checklist.move': z.input<typeof checklistInputs.move>
  readonly 'checklist.reorder': z.input<typeof checklistInputs.reorder>
  readonly 'checklist_item.create': z.input<typeof itemInputs.create>
  readonly 'checklist_item.update': z.input<typeof itemInputs.update>
  readonly 'checklist_item.set_done': z.input<typeof itemInputs.setDone>
  readonly 'checklist_item.move': z.input<typeof itemInputs.move>
  readonly 'checklist_item.reorder': z.input<typeof itemInputs.reorder>
  readonly 'checklist_item.delete': z.input<typeof itemInputs.delete>
  readonly 'comment.create': z.input<typeof commentCreate>
  readonly 'comment.update': z.input<typeof commentUpdate>
  readonly 'comment.delete': z.input<typeof idInput>
  readonly 'document_comment.create': z.input<typeof documentCommentCreate>
  readonly 'document_comment.update': z.input<typeof documentCommentUpdate>
  readonly 'document_comment.delete': z.input<typeof documentCommentId>
  readonly 'document_comment.resolve': z.input<typeof documentCommentId>
  readonly 'document_comment.reopen': z.input<typeof documentCommentId>
  readonly 'notification.set_read': z.output<typeof setReadInput>
  readonly 'notification.mark_all_read': z.input<typeof markAllReadInput>
  readonly 'notification.delete': z.output<typeof notificationDelete>
  readonly 'notification.delete_all': z.input<typeof deleteAllInput>
  readonly 'notification_preference.set': z.input<typeof setPreferenceInput>
}

/** One command with its arguments, as it goes over the wire. */
export interface Mutation {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
}

/** A mutation whose arguments the compiler checks. */
export const mutation = <Name extends keyof CommandArgs>(name: Name, args: CommandArgs[Name]): Mutation => ({
  name,
  args,
})

/** A list of mutations that is applied whole or not at all (domain rules, section 5.14). */
export interface Transaction {
  readonly id: string
  readonly edited_at: string
  readonly mutations: readonly Mutation[]
}

/** A field that lost to a later edit. */
export interface Superseded {
  readonly field: string
  readonly your_value: unknown
  readonly value: unknown
  readonly edited_at: string
  readonly by_id: string | null
}

export interface MutationResult {
  readonly data: unknown
  readonly superseded?: readonly Superseded[]
  readonly warnings?: readonly string[]
}

export interface WireError {
  readonly code: string
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

export type TransactionResult =
  | {
      readonly id: string
      readonly status: 'applied'
      readonly txid: number | null
      readonly shapes?: readonly string[]
      readonly results: readonly MutationResult[]
      readonly replayed: boolean
    }
  | {
      readonly id: string
      readonly status: 'rejected'
      readonly error: WireError
      readonly mutation_index: number
      readonly replayed: boolean
    }
  | { readonly id: string; readonly status: 'failed'; readonly error: WireError }
  | { readonly id: string; readonly status: 'not_run' }

export interface TransactionsAnswer {
  readonly results: readonly TransactionResult[]
  readonly stopped: string | null
  /** Seconds. */
  readonly retry_after?: number
}
