// REST writes: one command, answered as {data, txid, …} text, replayed byte for byte under an Idempotency-Key
// (domain rules, sections 1.4 and 1.6).
import { sql } from 'kysely'
import { withoutSecrets, type WriteOutcome } from './command.ts'
import type { WriteTx } from './database.ts'
import { AppError } from './errors.ts'
import { uuid7 } from './ids.ts'
import { type Committed, mutate, type MutationDeps, MutationFailure } from './mutation.ts'
import { boundTo, isReplayOf } from './replays.ts'
import { parseInput } from './validation.ts'
import type { RunWrite, WriteAnswer } from './route.ts'

const answerText = (outcome: WriteOutcome, committed: Committed): string =>
  JSON.stringify({
    data: outcome.data,
    txid: committed.txid,
    ...(committed.txid === null ? {} : { shapes: committed.shapes }),
    ...(outcome.superseded?.length ? { superseded: outcome.superseded } : {}),
    ...(outcome.warnings.length ? { warnings: outcome.warnings } : {}),
  })

const lockKey = (userId: string, key: string) => sql<{ held: boolean }>`
  select pg_try_advisory_xact_lock(hashtextextended(${`idempotency/${userId}/${key}`}, 0)) as held`

const storedAnswer = async (
  tx: WriteTx,
  userId: string,
  key: string,
  hash: string,
): Promise<WriteAnswer | undefined> => {
  // in this order on the wire: the row is looked for under the lock
  const [lock, row] = await Promise.all([
    lockKey(userId, key).execute(tx),
    tx
      .selectFrom('idempotency_keys')
      .select(['request_hash', 'status', 'response'])
      .where('user_id', '=', userId)
      .where('key', '=', key)
      .executeTakeFirst(),
  ])
  if (!lock.rows[0]?.held) throw new AppError('request_in_progress')
  if (!row) return undefined
  if (!isReplayOf(row.request_hash, hash)) throw new AppError('idempotency_mismatch')
  return { status: row.status, body: row.response, replayed: true }
}

// answers about the key itself, and those that a later try may turn into something else, are never kept
const isStored = (error: AppError): boolean =>
  error.status >= 400 &&
  error.status < 500 &&
  error.status !== 401 &&
  error.status !== 429 &&
  error.code !== 'request_in_progress' &&
  error.code !== 'idempotency_mismatch'

const errorText = (error: AppError, requestId: string): string =>
  JSON.stringify({ error: { ...error.toBody(), request_id: requestId } })

/** Under what an answer is kept. */
interface Replay {
  readonly userId: string
  readonly key: string
  readonly requestHash: string
}

/** Makes the function that the HTTP layer calls for every write route. */
export const createRunWrite = (deps: MutationDeps): RunWrite => {
  const store = async ({ userId, key, requestHash }: Replay, status: number, response: string): Promise<WriteAnswer> =>
    deps.database.write(async (tx, { later }) => {
      const known = await storedAnswer(tx, userId, key, requestHash)
      if (known) return known
      later(
        tx.insertInto('idempotency_keys').values({ user_id: userId, key, request_hash: requestHash, status, response }),
      )
      return { status, body: response, replayed: false }
    })

  return async (request, status) => {
    const { actor, command, idempotency } = request
    const userId = actor.userId
    const replay: Replay | undefined =
      idempotency && userId !== undefined
        ? { userId, key: idempotency.key, requestHash: boundTo(actor, idempotency.requestHash) }
        : undefined
    try {
      const input = parseInput(command.input, request.args)
      return await mutate<WriteAnswer>(
        deps,
        {
          actor,
          mutations: [{ command, input }],
          transactionId: uuid7(),
          editedAt: request.editedAt,
          expectedVersion: request.expectedVersion,
          via: request.via,
          requestId: request.requestId,
          replayOf: replay && `key/${replay.userId}/${replay.key}`,
        },
        {
          before: async tx => (replay ? storedAnswer(tx, replay.userId, replay.key, replay.requestHash) : undefined),
          after: async (tx, { later }, committed) => {
            const outcome = committed.outcomes[0] as WriteOutcome
            const body = answerText(outcome, committed)
            if (replay) {
              later(
                tx.insertInto('idempotency_keys').values({
                  user_id: replay.userId,
                  key: replay.key,
                  request_hash: replay.requestHash,
                  status,
                  response: command.secrets ? answerText(withoutSecrets(command, outcome), committed) : body,
                }),
              )
            }
            return { status, body, replayed: false }
          },
        },
      )
    } catch (error) {
      const cause = error instanceof MutationFailure ? error.cause : error
      if (replay && cause instanceof AppError && isStored(cause)) {
        return store(replay, cause.status, errorText(cause, request.requestId))
      }
      throw cause
    }
  }
}
