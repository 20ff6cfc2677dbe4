// The explicit list of features. A test compares it with the folders: a feature that is not listed does not exist.
import type { Feature } from '#server/kernel/feature.ts'
import { activity } from './features/activity/index.ts'
import { applicationsFeature } from './features/applications/index.ts'
import { checklists } from './features/checklists/index.ts'
import { comments } from './features/comments/index.ts'
import { documentComments } from './features/document-comments/index.ts'
import { type DocumentSettings, documentsFeature } from './features/documents/index.ts'
import { folders } from './features/folders/index.ts'
import { invitationsFeature, onRegistered } from './features/invitations/index.ts'
import { locksFeature } from './features/locks/index.ts'
import { members } from './features/members/index.ts'
import { notifications } from './features/notifications/index.ts'
import { projects } from './features/projects/index.ts'
import { type SessionPort, sessionsFeature } from './features/sessions/index.ts'
import { snapshotsFeature } from './features/snapshots/index.ts'
import { statuses } from './features/statuses/index.ts'
import { tags } from './features/tags/index.ts'
import { tasks } from './features/tasks/index.ts'
import { templates } from './features/templates/index.ts'
import { type TokenSource, tokensFeature } from './features/tokens/index.ts'
import { transactionsFeature } from './features/transactions/index.ts'
import { transfers } from './features/transfers/index.ts'
import { users } from './features/users/index.ts'
import type { AnyCommand } from '#server/kernel/command.ts'
import type { Config } from '#server/kernel/config.ts'
import type { Database } from '#server/kernel/database.ts'
import type { MutationDeps } from '#server/kernel/mutation.ts'
import type { Presence } from '#server/kernel/presence.ts'
import type { RunWrite } from '#server/kernel/route.ts'
import type { ServerWrite } from '#server/kernel/server-writes.ts'
import { createTransactionRunner } from '#server/kernel/transactions.ts'
import type { Windows } from '#server/kernel/windows.ts'

export interface FeatureDeps {
  readonly config: Pick<Config, 'publicUrl' | 'invitationDays' | 'registration'> & DocumentSettings
  readonly database: Database
  readonly mutation: MutationDeps
  readonly runWrite: RunWrite
  readonly write: ServerWrite
  readonly sessions: SessionPort
  readonly tokens: TokenSource
  readonly windows: Windows
  readonly presence: Presence
}

/** Commands by name; throws when two features claim one name. */
export const commandMap = (features: readonly Feature[]): ReadonlyMap<string, AnyCommand> => {
  const map = new Map<string, AnyCommand>()
  for (const command of features.flatMap(feature => feature.commands)) {
    if (map.has(command.name)) throw new Error(`the command ${command.name} is there twice`)
    map.set(command.name, command)
  }
  return map
}

/** All features, made of what they need. */
export const createFeatures = (deps: FeatureDeps): readonly Feature[] => {
  const { config, database, mutation, runWrite, write, sessions, tokens, windows, presence } = deps
  const plain: readonly Feature[] = [
    users,
    sessionsFeature({
      database,
      write,
      sessions,
      registration: config.registration,
      windows,
      invitations: { registered: onRegistered },
    }),
    tokensFeature(tokens),
    applicationsFeature(presence),
    members,
    invitationsFeature({ publicUrl: config.publicUrl, invitationDays: config.invitationDays, database, runWrite }),
    projects,
    statuses,
    tasks,
    checklists,
    comments,
    folders,
    documentsFeature(config, { database, runWrite }),
    documentComments,
    tags,
    templates,
    locksFeature(config),
    snapshotsFeature(config, { database }),
    activity,
    notifications,
    transfers,
  ]
  return [...plain, transactionsFeature(createTransactionRunner(mutation, commandMap(plain), windows))]
}
