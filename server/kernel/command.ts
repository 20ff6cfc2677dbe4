// A command is a named write, e.g. `task.move`: input schema, who may, and what it does. REST routes, transactions,
// imports and jobs run the same ones (domain rules, section 4).
import { z } from 'zod'
import type { RequiredScope, SignedIn } from './actor.ts'
import type { Later, WriteTx } from './database.ts'
import type { Stamp, Superseded } from './merge.ts'
import { must } from './must.ts'
import type { Notice } from './notices.ts'
import type { Access, RouteLimit } from './route.ts'
import type { AccessLookup } from './policy.ts'

/** One line of the activity log, written by the kernel in the command's transaction. */
export interface ActivityEntry {
  /** Defaults to the command's name. */
  readonly action?: string
  readonly entityType: string
  readonly entityId: string
  readonly entityLabel: string
  readonly applicationId: string | undefined
  readonly projectId?: string | undefined
  readonly taskId?: string | undefined
  readonly documentId?: string | undefined
  /** Whose personal content it is, where it belongs to no application. */
  readonly personId?: string | undefined
  readonly changes?: Readonly<Record<string, { readonly old: unknown; readonly new: unknown }>>
  readonly superseded?: readonly Superseded[]
  readonly visibility?: 'members' | 'owners'
}

/** What happened, for those who must act after the commit (open shapes and sockets of a person who lost a right). */
export type DomainEvent =
  | { readonly type: 'access_changed'; readonly userId: string; readonly applicationId: string }
  | { readonly type: 'application_deleted'; readonly applicationId: string }
  | { readonly type: 'session_ended'; readonly userId: string; readonly sessionPublicId: string }
  /** `content`: the stored text changed. `changed`: moved, renamed, in or out of the trash, gone. */
  | { readonly type: 'document.content' | 'document.changed'; readonly documentId: string }
  /** A lock was taken or freed; `takenFrom`: by force, from this person. */
  | { readonly type: 'document.lock'; readonly documentId: string; readonly takenFrom?: string }

/** What a command works with. One object lives as long as one attempt of one transaction. */
export interface WriteContext {
  readonly tx: WriteTx
  /** Sends a statement of which only the effect matters; its failure is the transaction's. */
  readonly later: Later
  readonly actor: SignedIn
  /** The person behind the actor; throws for a command that needs one and has none. */
  readonly userId: string
  readonly access: AccessLookup
  /** When the person made the change, capped to [row creation … now] by the kernel and by merge. */
  readonly stamp: Stamp
  /** Server time of this transaction. */
  readonly now: Date
  /** `expected_version` or If-Match. */
  readonly expectedVersion: number | undefined
  /** Random numbers in [0,1), for ranks. */
  readonly random: () => number
  record(entry: ActivityEntry): void
  /** Says who is to hear of this; who may, and wants to, is decided when the command is done. */
  notify(notice: Notice): void
  /** Names the synced tables (shapes) in which rows changed; without any the answer's txid is null. */
  touch(...shapes: readonly string[]): void
  emit(event: DomainEvent): void
  /**
   * Work that stays although the command is about to refuse: it runs in a transaction of its own after the rollback
   * (an invitation that can no longer be accepted becomes cancelled).
   */
  afterRejection(work: (tx: WriteTx) => Promise<void>): void
  warn(code: string): void
}

export interface CommandResult {
  readonly data: unknown
  readonly superseded?: readonly Superseded[]
}

/** What one command did, as it goes into an answer. */
export interface WriteOutcome extends CommandResult {
  readonly warnings: readonly string[]
}

export interface Command<Input extends z.ZodType = z.ZodType> {
  readonly name: string
  readonly summary: string
  /** Who may (documentation and forbidden matrix); `run` enforces it through a policy. */
  readonly access: Access
  /** What an API token needs; `write` by default. */
  readonly scope?: RequiredScope
  /** Strict object schema of the arguments. */
  readonly input: Input
  /** What `data` of the answer is, as JSON; every command that a caller can name has one. */
  readonly output?: z.ZodType
  /**
   * The one thing that the command reads in order to change it, if there is only one: `task/<id>`. Writes of different
   * lanes may share a transaction (kernel/groups.ts). undefined: it needs one of its own.
   */
  lane?(input: z.output<Input>): string | undefined
  /** Fields of `data` that only the first answer shows: what is kept for replays has none of them. */
  readonly secrets?: readonly string[]
  /** Limits of its own, counted once for each run that a person asks for, over REST as in transactions. */
  readonly limits?: readonly RouteLimit[]
  /** May it stand in POST /api/transactions? */
  readonly inTransactions: boolean
  run(context: WriteContext, input: z.output<Input>): Promise<CommandResult>
}

/** `outcome` as it may be kept. */
export const withoutSecrets = <Outcome extends CommandResult>(
  { secrets }: Pick<AnyCommand, 'secrets'>,
  outcome: Outcome,
): Outcome =>
  secrets === undefined
    ? outcome
    : {
        ...outcome,
        data: Object.fromEntries(Object.entries(outcome.data as object).filter(([name]) => !secrets.includes(name))),
      }

// the registry holds commands of every input type; each is only ever called with what its own schema has parsed
export type AnyCommand = Command

/** Keeps the input type inside the literal and gives it up outside. */
export const defineCommand = <Input extends z.ZodType>(command: Command<Input>): AnyCommand => command

/** The command of that name; throws where a table of routes names one that is not there. */
export const commandNamed = (commands: readonly AnyCommand[], name: string): AnyCommand =>
  must(
    commands.find(one => one.name === name),
    name,
  )

export { z }
