// The end of rows that let nobody in any more: expired sessions and expired tokens for sockets (domain rules, section 13).
import type { SystemActor } from '#server/kernel/actor.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'

const purger: SystemActor = { kind: 'system', reason: 'purge_sessions', userId: undefined, displayName: 'Skerry' }

/** Deletes them. Safe to run twice. Answers how many went. */
export const purgeSessions = (write: ServerWrite): Promise<number> =>
  write('session.purge', purger, async ({ tx, now }) => {
    const tokens = await tx.deleteFrom('collab_tokens').where('expires_at', '<=', now).executeTakeFirst()
    const sessions = await tx.deleteFrom('sessions').where('expires_at', '<=', now).executeTakeFirst()
    return Number(tokens.numDeletedRows + sessions.numDeletedRows)
  })
