// session.revoke and session.revoke_others (domain rules, section 4): ending one's own sessions.
import { type AnyCommand, defineCommand } from '#server/kernel/command.ts'
import { notFound } from '#server/kernel/errors.ts'
import { idOutput } from '#server/kernel/schemas.ts'
import { endSessions } from './accounts.ts'
import { noInput, revokeInput, endedOutput } from './schema.ts'
import type { SessionPort } from './session-port.ts'

export interface SessionCommands {
  readonly revoke: AnyCommand
  readonly revokeOthers: AnyCommand
}

/** The commands on `sessions`. */
export const sessionCommands = (sessions: SessionPort): SessionCommands => ({
  revoke: defineCommand({
    name: 'session.revoke',
    summary: 'Ends one of the own sessions; its shapes and sockets end within a second.',
    access: 'SELF',
    scope: 'session',
    input: revokeInput,
    output: idOutput,
    inTransactions: false,
    run: async (context, { id }) => {
      if (!(await sessions.revoke(context.tx, context.userId, id))) throw notFound()
      context.emit({ type: 'session_ended', userId: context.userId, sessionPublicId: id })
      return { data: { id } }
    },
  }),
  revokeOthers: defineCommand({
    name: 'session.revoke_others',
    summary: 'Ends all of the own sessions but this one.',
    access: 'SELF',
    scope: 'session',
    input: noInput,
    output: endedOutput,
    inTransactions: false,
    run: async context => {
      const current = context.actor.kind === 'user' ? context.actor.sessionPublicId : undefined
      return { data: { ended: await endSessions(context, sessions, context.userId, current) } }
    },
  }),
})
