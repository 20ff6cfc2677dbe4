// What one answer of the server means for the outbox. Pure: writes for the store, and how the transaction ended.
import { deletePending, putAttention, putNotice, putPending } from './outbox-records.ts'
import type { Attention, Notice, Outcome, OutboxEvent, Pending } from './outbox-types.ts'
import type { StoreWrite } from './store.ts'
import type { Transaction, TransactionResult, WireError } from './types.ts'

export interface Decision {
  readonly id: string
  readonly writes: readonly StoreWrite[]
  readonly outcome: Outcome
  readonly events: readonly OutboxEvent[]
}

const bare = ({ id, edited_at, mutations }: Transaction): Transaction => ({ id, edited_at, mutations })

/** The transaction is refused: it moves to the attention list, whole. */
export const rejection = (
  transaction: Transaction,
  error: WireError,
  mutationIndex: number,
  nowMs: number,
): Decision => {
  const attention: Attention = {
    transaction: bare(transaction),
    error,
    mutationIndex,
    current: error.details?.current ?? null,
    rejectedAt: nowMs,
  }
  return {
    id: transaction.id,
    writes: [deletePending(transaction.id), putAttention(attention)],
    outcome: { status: 'rejected', attention },
    events: [{ type: 'rejected', attention }],
  }
}

const application = (
  transaction: Transaction,
  result: Extract<TransactionResult, { status: 'applied' }>,
  nowMs: number,
  keepApplied: boolean,
): Decision => {
  const { id } = transaction
  const { txid, results, replayed } = result
  const superseded = results.flatMap(one => one.superseded ?? [])
  const warnings = results.flatMap(one => one.warnings ?? [])
  const notices: Notice[] =
    superseded.length + warnings.length > 0 ? [{ transaction: bare(transaction), superseded, warnings }] : []
  const kept: Pending = {
    ...bare(transaction),
    state: 'applied',
    txid,
    shapes: result.shapes ?? [],
    results,
    answeredAt: nowMs,
  }
  return {
    id,
    writes: [keepApplied && txid !== null ? putPending(kept) : deletePending(id), ...notices.map(putNotice)],
    outcome: { status: 'applied', txid, results, superseded, warnings, replayed },
    events: [{ type: 'applied', id }, ...notices.map(notice => ({ type: 'notice' as const, notice }))],
  }
}

/** The decision about `transaction`, or undefined where the server has made none (failed, not run). */
export const decisionOf = (
  transaction: Transaction,
  result: TransactionResult,
  nowMs: number,
  keepApplied: boolean,
): Decision | undefined => {
  if (result.status === 'applied') return application(transaction, result, nowMs, keepApplied)
  if (result.status === 'rejected') return rejection(transaction, result.error, result.mutation_index, nowMs)
  return undefined
}
