// Invitations: how people come into an application.
import type { Feature } from '#server/kernel/feature.ts'
import { defineShape } from '#sync/shape.ts'
import { onRegistered } from './answer.ts'
import { invitationCommands, type InvitationOptions } from './commands.ts'
import { type InvitationRouteDeps, invitationRoutes } from './routes.ts'
import { invitationColumns } from './schema.ts'

export { onRegistered }

/** Made by main.ts: links need the public address, batches the write door. */
export const invitationsFeature = (options: InvitationOptions & InvitationRouteDeps): Feature => {
  const commands = invitationCommands(options)
  return {
    name: 'invitations',
    commands,
    routes: invitationRoutes(commands, options),
    shapes: [
      defineShape({
        name: 'my_invitations',
        table: 'invitations',
        columns: invitationColumns,
        scope: 'user',
        scopeColumn: 'user_id',
        who: 'SELF',
      }),
      defineShape({
        name: 'application_invitations',
        table: 'invitations',
        columns: invitationColumns,
        scope: 'application',
        scopeColumn: 'application_id',
        who: 'OWNER',
      }),
    ],
  }
}
