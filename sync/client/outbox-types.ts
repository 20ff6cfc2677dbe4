// What the outbox keeps and tells.
import type { MutationResult, Superseded, Transaction, WireError } from './types.ts'

/** A transaction on its way. It leaves the outbox when it is rejected, or applied and seen in the shapes. */
export interface Pending extends Transaction {
  /** `applied`: the server has it, and the shapes do not show it yet. */
  readonly state: 'queued' | 'applied'
  readonly txid?: number | null
  readonly shapes?: readonly string[]
  readonly results?: readonly MutationResult[]
  /** When the answer came, ms since 1970 (own clock). */
  readonly answeredAt?: number
}

/** A rejected transaction, kept until somebody decides (`retry` or `discard`). */
export interface Attention {
  readonly transaction: Transaction
  readonly error: WireError
  /** Which of its mutations was refused. */
  readonly mutationIndex: number
  /** The row as the server has it: from the answer, read after it, or as last synced; null when there is none. */
  readonly current: unknown
  readonly rejectedAt: number
}

/** A transaction that was applied, but not quite as it was meant. Kept until `dismiss`. */
export interface Notice {
  readonly transaction: Transaction
  readonly superseded: readonly Superseded[]
  readonly warnings: readonly string[]
}

/** How a transaction ended. */
export type Outcome =
  | {
      readonly status: 'applied'
      readonly txid: number | null
      readonly results: readonly MutationResult[]
      readonly superseded: readonly Superseded[]
      readonly warnings: readonly string[]
      /** The answer was given before: an earlier one got lost on its way. */
      readonly replayed: boolean
    }
  | { readonly status: 'rejected'; readonly attention: Attention }
  | { readonly status: 'discarded' }

/**
 * What the sender does: `idle` nothing to send · `sending` · `waiting` for the next try after a failure ·
 * `signed_out` until `session.resume` · `blocked` the server refuses this client (see `lastError`) until `wake` ·
 * `standby` another tab sends · `stopped`.
 */
export type OutboxState = 'idle' | 'sending' | 'waiting' | 'signed_out' | 'blocked' | 'standby' | 'stopped'

export type OutboxEvent =
  | { readonly type: 'queued' | 'settled' | 'changed' | 'state' }
  | { readonly type: 'applied'; readonly id: string }
  | { readonly type: 'rejected'; readonly attention: Attention }
  | { readonly type: 'notice'; readonly notice: Notice }
