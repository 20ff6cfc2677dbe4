// Who is to hear of what a command did (domain rules, section 11). A command says it; the notifications feature, which
// the kernel does not know, decides who is told and writes it in the command's transaction.
import type { SignedIn } from './actor.ts'
import type { WriteTx } from './database.ts'
import type { Later } from './run-transaction.ts'

/** The events that commands announce, in the order in which one beats another where a person would hear of several. */
export const noticeTypes = [
  'mention',
  'task_assigned',
  'status_change',
  'task_commented',
  'task_updated',
  'task_reassignment_needed',
  'application_invite',
  'project_invite',
  'invitation_accepted',
  'invitation_rejected',
  'role_changed',
  'member_removed',
  'project_member_added',
  'project_member_removed',
  'project_role_changed',
  'system',
] as const
export type NoticeType = (typeof noticeTypes)[number]

export interface Notice {
  readonly type: NoticeType
  /** Ids of people, in any number and repetition; those who may not hear of it are left out for the command. */
  readonly to: readonly (string | null | undefined)[]
  /** The name of what it is about, as it is now. Cut to what a row holds, as is `message`. */
  readonly title: string
  /** What was said or changed. */
  readonly message?: string | null | undefined
  /** What a click leads to; none where it is gone. */
  readonly entity?: { readonly type: string; readonly id: string }
  /** Undefined for what has no application any more. */
  readonly applicationId: string | undefined
  readonly projectId?: string
  readonly taskId?: string
  /** Notices of one event reach a person once; by default those about one entity. */
  readonly event?: string
  /** Also for people who are no members (invited, or removed). */
  readonly outsiders?: boolean
  /** Who did it, where that is not the command's actor: the last one is named, none of them is told. */
  readonly by?: readonly { readonly id: string; readonly display_name: string }[] | undefined
}

/** What one command has to tell, and who ran it. */
export interface Announcement {
  readonly notices: readonly Notice[]
  readonly actor: SignedIn
}

/**
 * Where the notices of all commands of a database transaction go, command by command, once, at its end. Filled in by
 * app.ts with the notifications feature.
 */
export type Notify = (
  transaction: { readonly tx: WriteTx; readonly later: Later },
  announcements: readonly Announcement[],
) => void
