// POST /api/transactions: lists of mutations from an offline queue, each transaction applied once and for all
// (domain rules, sections 1.6 and 5.14).
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { UserActor } from './actor.ts'
import { type AnyCommand, withoutSecrets, type WriteOutcome } from './command.ts'
import type { WriteTx } from './database.ts'
import { AppError, isRetryable } from './errors.ts'
import { type Mutation, mutate, type MutationDeps, MutationFailure } from './mutation.ts'
import { must } from './must.ts'
import { boundTo, isReplayOf } from './replays.ts'
import { limitedTo, requireScopeFor } from './scopes.ts'
import { parseInput } from './validation.ts'
import type { Windows } from './windows.ts'

export interface ClientMutation {
  readonly name: string
  readonly args: Record<string, unknown>
}

export interface ClientTransaction {
  readonly id: string
  readonly edited_at?: string | undefined
  readonly mutations: readonly ClientMutation[]
}

/** Text of one result, as it is stored and sent; `replayed` is set when it is sent. */
interface StoredResult {
  readonly text: string
  readonly replayed: boolean
}

export interface TransactionsAnswer {
  /** The whole `{data: …}` body. */
  readonly body: string
}

const hashOf = (transaction: ClientTransaction): string =>
  createHash('sha256')
    .update(JSON.stringify([transaction.edited_at ?? null, transaction.mutations]))
    .digest('hex')

const appliedText = (id: string, txid: number | null, shapes: readonly string[], outcomes: readonly WriteOutcome[]) =>
  JSON.stringify({
    id,
    status: 'applied',
    txid,
    ...(txid === null ? {} : { shapes }),
    results: outcomes.map(({ data, superseded, warnings }) => ({
      data,
      ...(superseded?.length ? { superseded } : {}),
      ...(warnings.length ? { warnings } : {}),
    })),
  })

const rejectedText = (id: string, error: AppError, index: number) =>
  JSON.stringify({ id, status: 'rejected', error: error.toBody(), mutation_index: index })

/** The stored object with `replayed` as its last member: everything before it is equal byte for byte. */
const withReplayed = ({ text, replayed }: StoredResult): string => `${text.slice(0, -1)},"replayed":${replayed}}`

const aboutTheCaller: ReadonlySet<string> = new Set(['idempotency_mismatch', 'id_taken', 'scope_missing'])

const lockId = (id: string) => sql`select pg_advisory_xact_lock(hashtextextended(${`transaction/${id}`}, 0))`

const stored = async (tx: WriteTx, id: string, actor: UserActor, hash: string): Promise<StoredResult | undefined> => {
  // two senders of one id queue up at the lock; the second finds the first one's row (they arrive in this order)
  const [, row] = await Promise.all([
    lockId(id).execute(tx),
    tx
      .selectFrom('applied_transactions')
      .select(['user_id', 'request_hash', 'result'])
      .where('id', '=', id)
      .executeTakeFirst(),
  ])
  if (!row) return undefined
  if (row.user_id !== actor.userId) throw new AppError('id_taken')
  if (!isReplayOf(row.request_hash, hash)) throw new AppError('idempotency_mismatch')
  return { text: row.result, replayed: true }
}

export interface TransactionRunner {
  /** Runs `transactions` in order; never rejects for reasons of one of them. */
  run(
    actor: UserActor,
    transactions: readonly ClientTransaction[],
    origin: { readonly requestId: string },
  ): Promise<TransactionsAnswer>
  /**
   * The stored result of `id`; undefined for an unknown or somebody else's, and for a token that is limited to
   * applications: what it holds may lie in any.
   */
  find(actor: UserActor, id: string): Promise<string | undefined>
}

/** Makes the runner over the commands that transactions may name. */
export const createTransactionRunner = (
  deps: MutationDeps,
  commands: ReadonlyMap<string, AnyCommand>,
  windows: Windows,
): TransactionRunner => {
  const prepare = (mutation: ClientMutation): Mutation => {
    const command = commands.get(mutation.name)
    if (!command?.inTransactions) {
      throw new AppError('bad_request', {
        message: `There is no command ${JSON.stringify(mutation.name)} for transactions.`,
      })
    }
    return { command, input: parseInput(command.input, mutation.args) }
  }

  const prepareAll = (mutations: readonly ClientMutation[]): Mutation[] =>
    mutations.map((mutation, index) => {
      try {
        return prepare(mutation)
      } catch (error) {
        throw new MutationFailure(index, error)
      }
    })

  const save = (
    tx: WriteTx,
    row: { id: string; user_id: string; request_hash: string; outcome: string; result: string },
  ) => tx.insertInto('applied_transactions').values(row)

  /** Counts each mutation against the limits of its command; 429 like a request of its own. */
  const count = (userId: string, mutations: readonly Mutation[]): void => {
    for (const limit of mutations.flatMap(({ command }) => command.limits ?? [])) {
      const wait = windows.take(limit, userId, deps.clock.now())
      if (wait !== undefined) throw new AppError('rate_limited', { retryAfter: wait })
    }
  }

  const laneOf = ({ mutations }: ClientTransaction): string | undefined => {
    const [mutation] = mutations
    if (mutation === undefined || mutations.length > 1) return undefined
    try {
      const { command, input } = prepare(mutation)
      return command.lane?.(input)
    } catch {
      return undefined
    }
  }

  /** Neighbours of different lanes have nothing to do with each other and run together; all others wait their turn. */
  const inOrder = (transactions: readonly ClientTransaction[]): ClientTransaction[][] => {
    const groups: ClientTransaction[][] = []
    let lanes = new Set<string>()
    for (const transaction of transactions) {
      const lane = laneOf(transaction)
      const keys = lane === undefined ? [] : [lane, transaction.id]
      const joins = lane !== undefined && lanes.size > 0 && keys.every(key => !lanes.has(key))
      if (joins) groups.at(-1)?.push(transaction)
      else {
        groups.push([transaction])
        lanes = new Set()
      }
      for (const key of keys) lanes.add(key)
    }
    return groups
  }

  const apply = async (actor: UserActor, transaction: ClientTransaction, requestId: string): Promise<StoredResult> => {
    const { id } = transaction
    const hash = boundTo(actor, hashOf(transaction))
    const key = { id, user_id: actor.userId, request_hash: hash }
    try {
      // an unknown command or bad arguments reject like any rule, but a stored answer comes first
      let mutations: Mutation[] = []
      let refused: unknown
      let counted = false
      try {
        mutations = prepareAll(transaction.mutations)
      } catch (error) {
        refused = error
      }
      return await mutate<StoredResult>(
        deps,
        {
          actor,
          mutations,
          transactionId: id,
          editedAt: transaction.edited_at === undefined ? undefined : new Date(transaction.edited_at),
          expectedVersion: undefined,
          via: 'transaction',
          requestId,
          replayOf: `transaction/${id}`,
        },
        {
          before: async tx => {
            const known = await stored(tx, id, actor, hash)
            // what a token may not do it is not told the outcome of either
            if (known !== undefined) {
              for (const { command } of mutations) requireScopeFor(actor, command)
              return known
            }
            if (refused !== undefined) throw refused
            // a conflict runs it again
            if (!counted) count(actor.userId, mutations)
            counted = true
            return undefined
          },
          after: async (tx, { later }, { outcomes, txid, shapes }) => {
            const text = appliedText(id, txid, shapes, outcomes)
            const kept = outcomes.map((outcome, index) => withoutSecrets(must(mutations[index]).command, outcome))
            later(save(tx, { ...key, outcome: 'applied', result: appliedText(id, txid, shapes, kept) }))
            return { text, replayed: false }
          },
        },
      )
    } catch (error) {
      const index = error instanceof MutationFailure ? error.index : 0
      const cause = error instanceof MutationFailure ? error.cause : error
      const known = cause instanceof AppError ? cause : new AppError('internal', { cause })
      if (isRetryable(known.code)) throw known
      const text = rejectedText(id, known, index)
      // said about the id or the caller, not about the content: nothing of ours may be stored under what has an answer
      if (aboutTheCaller.has(known.code)) {
        const other = await deps.database.read(reader =>
          reader.selectFrom('applied_transactions').select('id').where('id', '=', id).executeTakeFirst(),
        )
        if (other) return { text, replayed: false }
      }
      return deps.database.write(async (tx, { later }) => {
        const known = await stored(tx, id, actor, hash)
        if (known) return known
        later(save(tx, { ...key, outcome: 'rejected', result: text }))
        return { text, replayed: false }
      })
    }
  }

  return {
    run: async (actor, transactions, { requestId }) => {
      const results: string[] = []
      let stopped: string | null = null
      let retryAfter: number | undefined
      for (const together of inOrder(transactions)) {
        if (stopped !== null) {
          results.push(...together.map(({ id }) => JSON.stringify({ id, status: 'not_run' })))
          continue
        }
        const ends = await Promise.allSettled(together.map(one => apply(actor, one, requestId)))
        for (const [index, end] of ends.entries()) {
          const { id } = together[index] as ClientTransaction
          if (end.status === 'fulfilled') {
            results.push(withReplayed(end.value))
            continue
          }
          const known = end.reason instanceof AppError ? end.reason : new AppError('unavailable', { cause: end.reason })
          results.push(JSON.stringify({ id, status: 'failed', error: known.toBody() }))
          stopped ??= id
          retryAfter ??= known.retryAfter ?? 1
        }
      }
      const tail = retryAfter === undefined ? '' : `,"retry_after":${retryAfter}`
      return { body: `{"data":{"results":[${results.join(',')}],"stopped":${JSON.stringify(stopped)}${tail}}}` }
    },
    find: async (actor, id) => {
      if (limitedTo(actor) !== undefined) return undefined
      const row = await deps.database.read(reader =>
        reader
          .selectFrom('applied_transactions')
          .select('result')
          .where('id', '=', id)
          .where('user_id', '=', actor.userId)
          .executeTakeFirst(),
      )
      return row && withReplayed({ text: row.result, replayed: true })
    },
  }
}
