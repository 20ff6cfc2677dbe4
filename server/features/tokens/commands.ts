// api_token.create and api_token.revoke (domain rules, section 4): a person's own tokens, managed with a session only.
import { sql } from 'kysely'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { hashOf, newSecret } from '#server/kernel/secrets.ts'
import { createInput, revokeInput, tokenColumns, createdToken } from './schema.ts'
import { apiTokenPrefix } from './token-source.ts'

/** Characters of a token that stay readable, so that a person can tell his tokens apart. */
const shownLength = 8
/** Tokens of a person that are not revoked. */
const tokenLimit = 50

const recordOf = (userId: string, token: { readonly id: string; readonly name: string }) => ({
  entityType: 'api_token',
  entityId: token.id,
  entityLabel: token.name,
  applicationId: undefined,
  personId: userId,
})

/** 404 for an application that the caller is no member of. */
const requireMemberships = async (context: WriteContext, ids: readonly string[]): Promise<void> => {
  for (const applicationId of ids) {
    const { role } = await context.access.standing({ applicationId })
    if (role === undefined) throw notFound()
  }
}

/** 401 when the session that asks has ended on the way: its token would outlive it. */
const requireSession = async ({ tx, actor }: WriteContext): Promise<void> => {
  const session =
    actor.kind === 'user' &&
    (await tx.selectFrom('sessions').select('id').where('public_id', '=', actor.sessionPublicId).executeTakeFirst())
  if (!session) throw new AppError('unauthenticated')
}

/** Revoked and expired tokens make room for the next one: the activity has what was. */
const removeDead = async ({ tx, userId, now }: WriteContext): Promise<void> => {
  await tx
    .deleteFrom('api_tokens')
    .where('user_id', '=', userId)
    .where(where => where.or([where('revoked_at', 'is not', null), where('expires_at', '<=', now)]))
    .execute()
}

export const create = defineCommand({
  name: 'api_token.create',
  summary: 'Makes an API token; its text is in this answer and nowhere else.',
  access: 'SELF',
  scope: 'session',
  input: createInput,
  output: createdToken,
  secrets: ['token'],
  inTransactions: false,
  run: async (context, input) => {
    if (input.expires_at !== undefined && input.expires_at <= context.now)
      throw invalidAt('expires_at', 'out_of_range', 'Lies in the past.')
    await requireMemberships(context, input.application_ids ?? [])
    // under the row lock of the person, so that the limit holds, and nobody ends his sessions and tokens meanwhile
    await context.tx.selectFrom('users').select('id').where('id', '=', context.userId).forNoKeyUpdate().execute()
    await requireSession(context)
    await removeDead(context)
    const { count } = await context.tx
      .selectFrom('api_tokens')
      .select(sql<number>`count(*)::int`.as('count'))
      .where('user_id', '=', context.userId)
      .executeTakeFirstOrThrow()
    if (count >= tokenLimit)
      throw new AppError('limit_reached', {
        message: `A person has at most ${tokenLimit} API tokens; revoke one first.`,
      })
    const token = newSecret(apiTokenPrefix)
    const row = await context.tx
      .insertInto('api_tokens')
      .values({
        id: uuid7(),
        created_at: context.now,
        user_id: context.userId,
        name: input.name,
        token_hash: hashOf(token),
        prefix: token.slice(0, shownLength),
        scopes: [...input.scopes],
        application_ids: input.application_ids ?? null,
        expires_at: input.expires_at ?? null,
      })
      .returning(tokenColumns)
      .executeTakeFirstOrThrow()
    context.record(recordOf(context.userId, row))
    return { data: { ...row, token } }
  },
})

/** Ends the tokens of a person, all or one; answers those that were alive. Their shapes and sockets end. */
export const revokeTokens = async (context: WriteContext, userId: string, id?: string) => {
  const rows = await context.tx
    .updateTable('api_tokens')
    .set({ revoked_at: context.now })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .$if(id !== undefined, query => query.where('id', '=', must(id)))
    .returning(['id', 'name'])
    .execute()
  for (const row of rows) context.emit({ type: 'session_ended', userId, sessionPublicId: row.id })
  return rows
}

export const revoke = defineCommand({
  name: 'api_token.revoke',
  summary: 'Ends one of the own API tokens; its shapes and sockets end within a second.',
  access: 'SELF',
  scope: 'session',
  input: revokeInput,
  output: idOutput,
  inTransactions: false,
  run: async (context, { id }) => {
    const [row] = await revokeTokens(context, context.userId, id)
    if (row === undefined) throw notFound()
    context.record(recordOf(context.userId, row))
    return { data: { id } }
  },
})

export const tokenCommands: readonly AnyCommand[] = [create, revoke]
