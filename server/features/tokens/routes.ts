// /auth/tokens and /auth/collab-token (domain rules, section 5.12).
import { z } from 'zod'
import type { Actor, UserActor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { rawRoute, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { create, revoke } from './commands.ts'
import { tokenColumns, tokenRow } from './schema.ts'
import { collabTokenSeconds, type TokenSource } from './token-source.ts'

const person = (actor: Actor): UserActor => {
  if (actor.kind !== 'user') throw new AppError('unauthenticated')
  return actor
}

/** All routes of this feature. */
export const tokenRoutes = (tokens: TokenSource): readonly Route[] => [
  readRoute({
    path: '/auth/tokens',
    access: 'USER',
    scope: 'session',
    summary: 'The own API tokens, newest first, without their texts.',
    query: z.strictObject({}),
    response: z.object({ data: z.array(tokenRow), next_cursor: z.null() }),
    run: async ({ reader, actor }) => {
      const data = await reader
        .selectFrom('api_tokens')
        .select(tokenColumns)
        .where('user_id', '=', person(actor).userId)
        .where('revoked_at', 'is', null)
        .orderBy('id', 'desc')
        .execute()
      return { data, next_cursor: null }
    },
  }),
  writeRoute({
    method: 'POST',
    path: '/auth/tokens',
    access: 'SELF',
    summary: 'Makes an API token; its text is in this answer and nowhere else, not in a replayed one either.',
    command: create,
    status: 201,
  }),
  writeRoute({
    method: 'DELETE',
    path: '/auth/tokens/:id',
    access: 'SELF',
    summary: 'Ends one of the own API tokens.',
    command: revoke,
  }),
  rawRoute({
    method: 'POST',
    path: '/auth/collab-token',
    access: 'USER',
    scope: 'collab',
    summary: 'A token that opens one room of a document’s socket, once, within a minute.',
    limits: [{ name: 'collab_tokens', count: 600, seconds: 60, per: 'person' }],
    response: z.object({ token: z.string(), expires_in: z.literal(collabTokenSeconds) }),
    run: async ({ actor }) => ({
      status: 200,
      body: { token: await tokens.issueCollab(person(actor)), expires_in: collabTokenSeconds },
    }),
  }),
]
