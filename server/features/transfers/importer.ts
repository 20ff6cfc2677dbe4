// What imports share: they write through the same commands as everybody, and note where each row came from in the
// transaction that makes it, so that a second run knows it.
import { z } from 'zod'
import type { SystemActor } from '#server/kernel/actor.ts'
import { type AnyCommand, defineCommand } from '#server/kernel/command.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { type Mutation, type MutationDeps, MutationFailure, mutateOnce } from '#server/kernel/mutation.ts'
import { issuesIn, parseInput } from '#server/kernel/validation.ts'

export interface ImportDeps {
  readonly database: Database
  readonly mutation: MutationDeps
  readonly commands: ReadonlyMap<string, AnyCommand>
}

/** What happened to a file without stopping the rest. */
export interface ImportNote {
  readonly file: string
  readonly line?: number
  readonly message: string
}

/** Remembers an external id in the transaction that makes the row: not a command of the API. */
const remember = (applicationId: string, source: string): AnyCommand =>
  defineCommand({
    name: 'import.remember',
    summary: 'Notes where an imported row came from.',
    access: 'USER',
    input: z.object({
      container_id: z.string(),
      external_id: z.string(),
      entity_type: z.string(),
      entity_id: z.string(),
    }),
    inTransactions: false,
    run: async (context, input) => {
      await context.tx
        .insertInto('external_refs')
        .values({ application_id: applicationId, source, ...input })
        .execute()
      return { data: null }
    },
  })

/** One import into one application, as one person. */
export interface Importer {
  command(name: string, args: Record<string, unknown>): Mutation
  note(containerId: string, externalId: string, entityType: string, entityId: string): Mutation
  /** Runs the mutations in one transaction. */
  run(mutations: readonly Mutation[]): Promise<unknown[]>
  /** external id → row id of what a container got from this source before. */
  known(containerId: string): Promise<Map<string, string>>
}

/** Throws 404 when the person does not exist. */
export const createImporter = async (
  deps: ImportDeps,
  options: { readonly source: string; readonly applicationId: string; readonly userId: string },
): Promise<Importer> => {
  const user = await deps.database.read(reader =>
    reader.selectFrom('users').select('display_name').where('id', '=', options.userId).executeTakeFirst(),
  )
  if (!user) throw new AppError('not_found')
  const { source, userId } = options
  const actor: SystemActor = { kind: 'import', reason: source, userId, displayName: user.display_name }
  const noting = remember(options.applicationId, source)
  return {
    command: (name, args) => {
      const command = must(deps.commands.get(name), name)
      return { command, input: parseInput(command.input, args) }
    },
    note: (containerId, externalId, entityType, entityId) => ({
      command: noting,
      input: { container_id: containerId, external_id: externalId, entity_type: entityType, entity_id: entityId },
    }),
    run: async mutations => {
      try {
        const { outcomes } = await mutateOnce(deps.mutation, {
          actor,
          mutations,
          editedAt: undefined,
          expectedVersion: undefined,
          via: 'import',
          requestId: undefined,
        })
        return outcomes.map(outcome => outcome.data)
      } catch (error) {
        throw error instanceof MutationFailure ? error.cause : error
      }
    },
    known: async containerId => {
      const rows = await deps.database.read(reader =>
        reader
          .selectFrom('external_refs')
          .select(['external_id', 'entity_id'])
          .where('container_id', '=', containerId)
          .where('source', '=', source)
          .execute(),
      )
      return new Map(rows.map(row => [row.external_id, row.entity_id]))
    },
  }
}

/** An error as one line of a report. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof AppError)) return error instanceof Error ? error.message : 'unknown error'
  const issues = issuesIn(error)
  return issues.length === 0 ? error.message : issues.map(one => `${one.path}: ${one.message}`).join('; ')
}
