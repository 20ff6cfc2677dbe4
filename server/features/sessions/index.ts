// Sessions and sign-in: the door of this feature. Made by main.ts, since it needs settings, a clock and the write door.
import type { AnyCommand } from '#server/kernel/command.ts'
import type { Feature } from '#server/kernel/feature.ts'
import { accountTools, type AccountTools } from './accounts.ts'
import { sessionCommands } from './commands.ts'
import { luciaSessions, type LuciaSessionsOptions } from './lucia-sessions.ts'
import { purgeSessions } from './purge.ts'
import { sessionRoutes } from './routes.ts'
import type { SessionPort } from './session-port.ts'
import { createSignIn, type InvitationHook, type SignInOptions } from './sign-in.ts'

export type { AccountTools, InvitationHook, SessionPort }

/** The session store alone, for the command line and for whoever checks credentials. */
export const createSessions = (options: LuciaSessionsOptions): SessionPort => luciaSessions(options)

/** What `skerry user …` calls. */
export { accountTools }
export { purgeSessions }

/** The feature on a session store. */
export const sessionsFeature = (options: SignInOptions): Feature => {
  const commands = sessionCommands(options.sessions)
  const list: readonly AnyCommand[] = [commands.revoke, commands.revokeOthers]
  return {
    name: 'sessions',
    commands: list,
    routes: sessionRoutes(createSignIn(options), options.sessions, commands),
    shapes: [],
  }
}
