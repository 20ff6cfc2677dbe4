// What imports share: they write through the same commands as everybody, and note where each row came from in the
// transaction that makes it, so that a second run knows it.
import { sql } from 'kysely'
import { z } from 'zod'
import type { SystemActor } from '#server/kernel/actor.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { type Mutation, type MutationDeps, MutationFailure, mutateOnce } from '#server/kernel/mutation.ts'
import { issuesIn, parseInput } from '#server/kernel/validation.ts'
import { isTypedIn } from '../documents/content.ts'

export interface ImportDeps {
  readonly database: Database
  readonly mutation: MutationDeps
  readonly commands: ReadonlyMap<string, AnyCommand>
}

/** What happened to a file without stopping the rest. */
export interface ImportNote {
  readonly file: string
  readonly line?: number
  /** The same for all files to which the same happened. */
  readonly message: string
  /** What it was in this file. */
  readonly detail?: string
}

/** The beginning of a text that is too long for its field, never with half of a pair of surrogates at its end. */
export const cutTo = (text: string, most: number): string => {
  const cut = text.slice(0, most)
  return cut.isWellFormed() ? cut : cut.slice(0, -1)
}

/** Where an imported row came from. */
export interface Origin {
  readonly containerId: string
  readonly externalId: string
  readonly type: 'project' | 'task' | 'folder' | 'document'
  readonly id: string
  /** Of a document: hash of its source (section 5.15: an update takes what has changed). */
  readonly sourceHash?: string
  /** Of a document: hash of its source's title and tags. */
  readonly fieldsHash?: string
}

/** What is remembered of an imported row. */
export interface KnownRow {
  readonly id: string
  readonly sourceHash: string | null
  readonly fieldsHash: string | null
  /** Version of the document's content that the import made; null where that is not known. */
  readonly contentVersion: number | null
}

const versionOf = (documentId: string) =>
  sql<number | null>`(select content_version from documents where id = ${documentId})`

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
      source_hash: z.string().nullable(),
      fields_hash: z.string().nullable(),
    }),
    inTransactions: false,
    run: async (context, input) => {
      await context.tx
        .insertInto('external_refs')
        .values({ application_id: applicationId, source, ...input, content_version: versionOf(input.entity_id) })
        .execute()
      return { data: null }
    },
  })

/**
 * What a document's content is, compared with its source. `written`: as the transaction has just written it. A version:
 * the same as the source there. `theirs`: what people made of it. `unread`: as noted before.
 */
export type ContentState = 'written' | 'theirs' | 'unread' | number

/** The version to note, of the document locked. 409 `version_conflict` where it is no longer the one that was read. */
const versionToNote = async (
  context: WriteContext,
  documentId: string,
  state: ContentState,
): Promise<number | null> => {
  if (state === 'theirs') return null
  const document = await context.tx
    .selectFrom('documents')
    .select('content_version')
    .where('id', '=', documentId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  const version = document?.content_version ?? null
  if (state === 'written') return version
  if (version !== state || (await isTypedIn(context.tx, documentId))) throw new AppError('version_conflict')
  return version
}

/** Remembers what a document's source says now, in the transaction that writes it: not a command of the API. */
const renew = (source: string): AnyCommand =>
  defineCommand({
    name: 'import.renew',
    summary: 'Notes what the source of an imported document says now.',
    access: 'USER',
    input: z.object({
      container_id: z.string(),
      external_id: z.string(),
      entity_id: z.string(),
      source_hash: z.string(),
      fields_hash: z.string(),
      content: z.union([z.enum(['written', 'theirs', 'unread']), z.int()]),
    }),
    inTransactions: false,
    run: async (context, input) => {
      const { content, source_hash, fields_hash } = input
      const version = content === 'unread' ? undefined : await versionToNote(context, input.entity_id, content)
      await context.tx
        .updateTable('external_refs')
        .set({ source_hash, fields_hash, ...(version === undefined ? {} : { content_version: version }) })
        .where('container_id', '=', input.container_id)
        .where('source', '=', source)
        .where('external_id', '=', input.external_id)
        .execute()
      return { data: null }
    },
  })

/** One import into one application, as one person. */
export interface Importer {
  /** Name of the person. */
  readonly person: string
  command(name: string, args: Record<string, unknown>): Mutation
  note(origin: Origin): Mutation
  /** Notes a document's source anew; 409 `version_conflict` where its content is no longer the version `content`. */
  noteSource(origin: Required<Origin>, content: ContentState): Mutation
  /** Runs the mutations in one transaction. */
  run(mutations: readonly Mutation[]): Promise<unknown[]>
  /** By external id, what a container got from this source before. */
  known(containerId: string): Promise<Map<string, KnownRow>>
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
  const renewing = renew(source)
  return {
    person: user.display_name,
    command: (name, args) => {
      const command = must(deps.commands.get(name), name)
      return { command, input: parseInput(command.input, args) }
    },
    note: ({ containerId, externalId, type, id, sourceHash = null, fieldsHash = null }) => ({
      command: noting,
      input: {
        container_id: containerId,
        external_id: externalId,
        entity_type: type,
        entity_id: id,
        source_hash: sourceHash,
        fields_hash: fieldsHash,
      },
    }),
    noteSource: ({ containerId, externalId, id, sourceHash, fieldsHash }, content) => ({
      command: renewing,
      input: {
        container_id: containerId,
        external_id: externalId,
        entity_id: id,
        source_hash: sourceHash,
        fields_hash: fieldsHash,
        content,
      },
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
          .select(['external_id', 'entity_id', 'source_hash', 'fields_hash', 'content_version'])
          .where('container_id', '=', containerId)
          .where('source', '=', source)
          .execute(),
      )
      return new Map(
        rows.map(row => [
          row.external_id,
          {
            id: row.entity_id,
            sourceHash: row.source_hash,
            fieldsHash: row.fields_hash,
            contentVersion: row.content_version,
          },
        ]),
      )
    },
  }
}

/** An error as one line of a report. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof AppError)) return error instanceof Error ? error.message : 'unknown error'
  const issues = issuesIn(error)
  return issues.length === 0 ? error.message : issues.map(one => `${one.path}: ${one.message}`).join('; ')
}
