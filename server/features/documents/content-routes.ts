// /api/documents/:id/content and /updates (domain rules, sections 5.11 and 8.3). Bytes and ETags: these answer by
// themselves.
import { z } from 'zod'
import { writeAnswer } from '#server/kernel/answers.ts'
import type { AnyCommand } from '#server/kernel/command.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { rawRoute, replayedHeader, type Route, type RunWrite, writeRoute } from '#server/kernel/route.ts'
import { parseInput } from '#server/kernel/validation.ts'
import { formats, isTypedIn, presentContent } from './content.ts'
import { readDocument } from './read.ts'
import { contentBodyLimit, contentWrites, documentRow } from './schema.ts'

export interface ContentRouteDeps {
  readonly database: Pick<Database, 'read'>
  readonly runWrite: RunWrite
}

export const formatQuery = z.strictObject({ format: z.enum(formats).default('json').describe('`yjs` answers bytes') })

const octets = 'application/octet-stream'

/** Routes of a document's content; `merge` is the command that takes a Yjs update, `write` document.write. */
export const contentRoutes = (write: AnyCommand, merge: AnyCommand, deps: ContentRouteDeps): readonly Route[] => [
  rawRoute({
    method: 'GET',
    path: '/api/documents/:id/content',
    access: 'DOCVIEW',
    summary: 'The content as JSON, Markdown, plain text, or Yjs state (`format`), with what open editors have typed.',
    query: formatQuery,
    response: z.object({ data: z.object({ format: z.enum(formats), value: z.unknown(), content_version: z.int() }) }),
    run: async ({ actor, params, query, headers }) => {
      if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
      const { format } = parseInput(formatQuery, Object.fromEntries(query))
      const { value, version, tag } = await deps.database.read(async reader => {
        const document = await readDocument({ reader, actor }, must(params.id))
        const typed = await isTypedIn(reader, document.id)
        // what is typed and not stored yet has no version of its own: such an answer is never called unchanged
        const tag = `${typed ? 'W/' : ''}"${document.content_version}"`
        const version = document.content_version
        if (!typed && headers['if-none-match'] === tag) return { value: undefined, version, tag }
        const value = await presentContent(reader, document.id, format, typed)
        if (value === undefined) throw notFound()
        return { value, version, tag }
      })
      const etag = { ETag: tag }
      if (value === undefined) return { status: 304, body: undefined, headers: etag }
      if (format === 'yjs') return { status: 200, body: value, headers: { ...etag, 'Content-Type': octets } }
      return { status: 200, body: { data: { format, value, content_version: version } }, headers: etag }
    },
  }),
  ...(['PUT', 'PATCH'] as const).map(method =>
    writeRoute({
      method,
      path: '/api/documents/:id/content',
      access: 'DOCEDIT',
      summary: 'Writes the content: `replace` (default), `append` or `prepend`. If-Match names a content version.',
      command: write,
      bodyLimit: contentBodyLimit,
      lowestVersion: 0,
    }),
  ),
  rawRoute({
    method: 'POST',
    path: '/api/documents/:id/updates',
    access: 'DOCEDIT',
    summary: 'Merges a Yjs update (version 1, octet-stream), for clients without a socket. Repeating one is harmless.',
    accepts: 'bytes',
    bodyLimit: contentBodyLimit,
    limits: contentWrites,
    response: writeAnswer(documentRow),
    run: async ({ actor, params, headers, body, writeOrigin }) => {
      if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
      if ((headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() !== octets) {
        throw new AppError('unsupported_media_type', { message: `Send the update as Content-Type: ${octets}.` })
      }
      const update = body as Uint8Array
      if (update.length === 0) throw invalidAt('', 'required', 'The body is the update.')
      const answer = await deps.runWrite(
        {
          ...writeOrigin(),
          actor,
          command: merge,
          args: { id: must(params.id), update },
          expectedVersion: undefined,
        },
        200,
      )
      return { status: answer.status, body: answer.body, ...(answer.replayed ? { headers: replayedHeader } : {}) }
    },
  }),
]
