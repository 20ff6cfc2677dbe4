// /api/documents/:id/snapshots, /api/snapshots/:id… (domain rules, section 5.11).
import { z } from 'zod'
import { textDiff } from '#server/content/text-diff.ts'
import { pageOf } from '#server/kernel/answers.ts'
import { type AnyCommand, commandNamed } from '#server/kernel/command.ts'
import type { Database } from '#server/kernel/database.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { rawRoute, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { reference } from '#server/kernel/schemas.ts'
import { parseInput } from '#server/kernel/validation.ts'
import { formats } from '../documents/content.ts'
import { formatQuery } from '../documents/content-routes.ts'
import { listSnapshots, presentText, readSnapshot, snapshotContent, snapshotText } from './queries.ts'
import { snapshotKind, snapshotRow } from './schema.ts'

const reads = (deps: { readonly database: Pick<Database, 'read'> }): readonly Route[] => [
  readRoute({
    path: '/api/documents/:id/snapshots',
    access: 'DOCVIEW',
    summary: 'Kept states of a document, newest first.',
    query: z.strictObject({ ...pageQuery, kind: snapshotKind.optional().describe('Snapshots of this kind') }),
    response: pageOf(snapshotRow),
    run: (context, params, query) => listSnapshots(context, must(params.id), query),
  }),
  readRoute({
    path: '/api/snapshots/:id',
    access: 'DOCVIEW',
    summary: 'One snapshot, without content.',
    query: z.strictObject({}),
    response: z.object({ data: snapshotRow }),
    run: async (context, params) => ({ data: await readSnapshot(context, must(params.id)) }),
  }),
  rawRoute({
    method: 'GET',
    path: '/api/snapshots/:id/content',
    access: 'DOCVIEW',
    summary: 'The content of a snapshot as JSON, Markdown, plain text, or Yjs state (`format`).',
    query: formatQuery,
    response: z.object({ data: z.object({ format: z.enum(formats), value: z.unknown(), content_version: z.int() }) }),
    run: async ({ actor, params, query }) => {
      if (actor.kind === 'anonymous') throw new AppError('unauthenticated')
      const { format } = parseInput(formatQuery, Object.fromEntries(query))
      const { row, value } = await deps.database.read(reader =>
        snapshotContent({ reader, actor }, must(params.id), format),
      )
      if (format === 'yjs') {
        return { status: 200, body: value, headers: { 'Content-Type': 'application/octet-stream' } }
      }
      return { status: 200, body: { data: { format, value, content_version: row.content_version } } }
    },
  }),
  readRoute({
    path: '/api/snapshots/:id/diff',
    access: 'DOCVIEW',
    summary: 'What leads from this snapshot to the present text, or to another snapshot (`against`), line by line.',
    query: z.strictObject({
      against: z
        .union([z.literal('current'), reference])
        .default('current')
        .describe('Another snapshot, or `current` for what the document holds'),
    }),
    response: z.object({ data: z.object({ unified: z.string(), added: z.int(), removed: z.int() }) }),
    run: async (context, params, { against }) => {
      const { row, text } = await snapshotText(context, must(params.id))
      if (against === 'current') return { data: textDiff(text, await presentText(context, row.document_id)) }
      const other = await snapshotText(context, against)
      if (other.row.document_id !== row.document_id) throw notFound()
      return { data: textDiff(text, other.text) }
    },
  }),
]

/** Routes of snapshots. */
export const snapshotRoutes = (
  commands: readonly AnyCommand[],
  deps: { readonly database: Pick<Database, 'read'> },
): readonly Route[] => {
  const write = (
    name: string,
    route: Pick<Parameters<typeof writeRoute>[0], 'method' | 'path' | 'status' | 'params'>,
  ): Route => {
    const command = commandNamed(commands, name)
    return writeRoute({ ...route, access: 'DOCEDIT', summary: command.summary, command })
  }
  return [
    ...reads(deps),
    write('snapshot.create', {
      method: 'POST',
      path: '/api/documents/:id/snapshots',
      params: { id: 'document_id' },
      status: 201,
    }),
    write('snapshot.rename', { method: 'PATCH', path: '/api/snapshots/:id' }),
    write('snapshot.delete', { method: 'DELETE', path: '/api/snapshots/:id' }),
    write('snapshot.restore', { method: 'POST', path: '/api/snapshots/:id/restore' }),
  ]
}
