// Reading the activity log of a task, document, project or application (domain rules, section 5.10).
import { sql } from 'kysely'
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import type { Feature } from '#server/kernel/feature.ts'
import type { Reader } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import { likePattern, pageQuery, page, type PageQuery } from '#server/kernel/pages.ts'
import { decide } from '#server/kernel/policy.ts'
import { readAccess } from '#server/kernel/reading.ts'
import { type ReadContext, readRoute, type Route } from '#server/kernel/route.ts'
import { instant, reference } from '#server/kernel/schemas.ts'
import { applicationPolicy } from '../applications/policy.ts'
import { grantedDocument, rightsOf } from '../documents/read.ts'
import { readStanding } from '../members/access.ts'
import { readProject } from '../projects/read.ts'
import { readTaskScope } from '../tasks/read.ts'

const columns = [
  'id',
  'created_at',
  'application_id',
  'project_id',
  'task_id',
  'document_id',
  'actor_id',
  'actor_name',
  'actor_kind',
  'action',
  'entity_type',
  'entity_id',
  'entity_label',
  'edited_at',
  'via',
  'transaction_id',
] as const

const query = z.strictObject({
  ...pageQuery,
  actor_id: reference.optional().describe('What this person did'),
  action: z.string().trim().min(1).max(100).optional().describe('A command’s name, such as `task.move`'),
  since: instant.optional().describe('From this time on'),
  until: instant.optional().describe('Before this time'),
  full: z.stringbool().default(false).describe('Long values whole'),
})

/** What a log may be asked for. */
type Column = 'application_id' | 'project_id' | 'task_id' | 'document_id'

interface Filters extends PageQuery {
  readonly actor_id?: string | undefined
  readonly action?: string | undefined
  readonly since?: Date | undefined
  readonly until?: Date | undefined
  readonly full: boolean
}

const longest = 500
/** Rows of a page whose texts are sent whole: a row may hold some hundred kilobytes. */
const fullLimit = 20
/** Bytes of texts that are in memory at once to be cut. */
const sliceBytes = 2 * 1024 * 1024

/** Long texts are cut for lists; `full=true` sends them whole. */
const cut = (value: unknown): unknown => {
  if (typeof value === 'string') return value.length > longest ? `${value.slice(0, longest)}…` : value
  if (Array.isArray(value)) return value.map(cut)
  if (value instanceof Date || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, cut(inner)]))
}

type Texts = Record<'changes' | 'superseded', unknown>

/** What was changed in each of `rows`, a slice of them after the other: all at once might be very large. */
const textsOf = async (
  reader: Reader,
  rows: readonly { readonly id: string; readonly bytes: number }[],
  shown: (value: unknown) => unknown,
): Promise<ReadonlyMap<string, Texts>> => {
  const found = new Map<string, Texts>()
  const slices: string[][] = []
  let room = 0
  for (const { id, bytes } of rows) {
    const slice = slices.at(-1)
    if (slice !== undefined && bytes <= room) slice.push(id)
    else {
      slices.push([id])
      room = sliceBytes
    }
    room -= bytes
  }
  for (const ids of slices) {
    const slice = await reader
      .selectFrom('activities')
      .select(['id', 'changes', 'superseded'])
      .where('id', 'in', ids)
      .execute()
    for (const { id, changes, superseded } of slice)
      found.set(id, { changes: shown(changes), superseded: shown(superseded) })
  }
  return found
}

const list = async (
  reader: Reader,
  scope: { readonly column: Column; readonly id: string; readonly owner: boolean },
  filters: Filters,
) => {
  let found = reader
    .selectFrom('activities as a')
    .select(columns)
    .select(sql<number>`octet_length(a.changes::text) + octet_length(a.superseded::text)`.as('bytes'))
    .where(`a.${scope.column}`, '=', scope.id)
  if (!scope.owner) found = found.where('a.visibility', '=', 'members')
  if (filters.actor_id !== undefined) found = found.where('a.actor_id', '=', filters.actor_id)
  if (filters.action !== undefined) {
    found = found.where('a.action', 'like', likePattern(filters.action).slice(1))
  }
  if (filters.since !== undefined) found = found.where('a.created_at', '>=', filters.since)
  if (filters.until !== undefined) found = found.where('a.created_at', '<', filters.until)
  const { limit: _limit, cursor: _cursor, include_total: _total, full: _full, ...bound } = filters
  const rows = await page(found, {
    sort: [{ by: sql`a.created_at`, type: 'timestamptz', descending: true }],
    id: sql`a.id`,
    request: filters,
    filters: [scope, bound],
    limit: filters.full ? Math.min(filters.limit, fullLimit) : filters.limit,
  })
  const shown = await textsOf(reader, rows.data, filters.full ? value => value : cut)
  return { ...rows, data: rows.data.map(({ bytes: _bytes, ...row }) => ({ ...row, ...shown.get(row.id) })) }
}

const response = pageOf(
  z.looseObject({ id: z.uuid(), action: z.string(), entity_id: z.uuid() }).meta({ id: 'Activity' }),
)

const route = (
  path: string,
  column: Column,
  ownerOf: (context: ReadContext, id: string) => Promise<boolean>,
  access: 'MEMBER' | 'DOCVIEW' = 'MEMBER',
): Route =>
  readRoute({
    path,
    access,
    summary: `What happened here, newest first. With full=true long texts are whole, and a page has at most ${fullLimit} rows.`,
    query,
    response,
    run: async (context, params, filters) => {
      const id = must(params.id)
      return list(context.reader, { column, id, owner: await ownerOf(context, id) }, filters)
    },
  })

export const activity: Feature = {
  name: 'activity',
  commands: [],
  shapes: [],
  routes: [
    route('/api/tasks/:id/activity', 'task_id', async (context, id) => {
      return (await readTaskScope(context, id)).standing.role === 'owner'
    }),
    route(
      '/api/documents/:id/activity',
      'document_id',
      async (context, id) => {
        return rightsOf(context.actor, await grantedDocument(context, id)).is_owner
      },
      'DOCVIEW',
    ),
    route('/api/projects/:id/activity', 'project_id', async (context, id) => {
      return (await readProject(context, id)).standing.role === 'owner'
    }),
    route('/api/applications/:id/activity', 'application_id', async ({ reader, actor }, id) => {
      const access = readAccess(readStanding, reader, actor.userId)
      return (await decide(applicationPolicy, 'read', { id }, actor, access)).standing.role === 'owner'
    }),
  ],
}
