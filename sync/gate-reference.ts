// What the API reference says about the gate: its shapes, its parameters, and its answers.
import { z } from 'zod'
import type { Door, DoorAnswer } from '#server/kernel/door.ts'
import { openShapeRequests } from '#server/kernel/open-limits.ts'
import { protocolParameters, scopeParameters, subsetParameters } from './gate-parameters.ts'
import type { ShapeDefinition } from './shape.ts'

const change = z.object({
  key: z.string().meta({ example: '"public"."tasks"/"0198f3c2-7a10-7000-8000-000000000001"' }),
  value: z
    .record(z.string(), z.string().nullable())
    .meta({ description: 'Columns as Postgres writes them; of an update those that changed' }),
  old_value: z.record(z.string(), z.string().nullable()).optional(),
  headers: z.looseObject({
    operation: z.enum(['insert', 'update', 'delete']),
    relation: z.array(z.string()),
    txids: z.array(z.int()).optional().meta({ description: 'The `txid` of the write that did it' }),
    lsn: z.string().optional(),
    op_position: z.int().optional(),
    last: z.boolean().optional().meta({ description: 'The last change of its transaction in this shape' }),
  }),
})
const control = z.object({
  headers: z.looseObject({
    control: z.enum(['up-to-date', 'snapshot-end', 'must-refetch']),
    global_last_seen_lsn: z.string().optional(),
  }),
})
const messages = z.array(z.union([change, control])).meta({ id: 'ShapeMessages' })
const subset = z
  .object({ metadata: z.record(z.string(), z.unknown()), data: z.array(change) })
  .meta({ id: 'ShapeSubset' })

const header = (description: string) => z.string().optional().meta({ description })
const position = {
  'electric-handle': header('Which log this is; goes into the next request as `handle`'),
  'electric-offset': header('Where this answer ends; goes into the next request as `offset`'),
}
const answerHeaders = z.object({
  ...position,
  'electric-schema': header('Types of the columns, in JSON; not in live answers'),
  'electric-up-to-date': header('There, and empty: nothing is left, go on with `live=true`'),
  'electric-cursor': header('Of live answers; goes into the next request as `cursor`'),
  etag: header('For `If-None-Match`'),
})

const requestRefusal = z
  .object({ message: z.string(), errors: z.record(z.string(), z.unknown()) })
  .meta({ id: 'ShapeRequestRefused', description: 'What the shape engine says about a parameter of the protocol' })

const json = (schema: z.ZodType) => ({ 'application/json': schema })
const refusal = (description: string): DoorAnswer => ({ description, error: true })

const answers: Door['answers'] = {
  '200': {
    description: 'Messages from `offset` on; with `live_sse` one event each; of a subset its rows.',
    headers: answerHeaders,
    content: { ...json(z.union([messages, subset])), 'text/event-stream': z.string() },
  },
  '304': { description: 'Nothing else than `If-None-Match` names.', headers: z.object(position) },
  '400': {
    description: 'A parameter that is not taken, twice there, or not of the protocol’s form.',
    content: json(requestRefusal),
    error: true,
  },
  '401': refusal('`unauthenticated`: keep the rows, sign in, go on.'),
  '403': refusal('`scope_missing`: the API token is without `read`.'),
  '404': refusal('No such shape, or no right to it; access that ends while a request waits ends the request so.'),
  '409': {
    description: 'The log has ended: forget the rows and begin with `offset=-1`, and `handle` where one is given.',
    headers: z.object({ 'electric-handle': header('The log in its place') }),
    content: json(z.array(control)),
  },
  '429': refusal(`\`rate_limited\`: more than ${openShapeRequests} open requests of a person.`),
  '503': {
    description: 'Try again after `Retry-After` seconds.',
    headers: z.object({ 'retry-after': header('Seconds') }),
    content: json(z.looseObject({ message: z.string().optional() })),
    error: true,
  },
}

const narrowing = ({ projectColumn, archiveColumns }: ShapeDefinition): string =>
  [projectColumn && '`project_id`', archiveColumns && '`archived`'].filter(Boolean).join(', ')

const whose = { SELF: 'one’s own', MEMBER: 'members', OWNER: 'owners' } as const

const tableOf = (shapes: readonly ShapeDefinition[]): string =>
  [
    '| Shape | Who | Narrowed by |',
    '| --- | --- | --- |',
    ...shapes.map(shape => `| \`${shape.name}\` | ${whose[shape.who]} | ${narrowing(shape)} |`),
  ].join('\n')

/** The two ways of asking for one of `shapes`. */
export const shapeDoors = (shapes: readonly ShapeDefinition[]): Door[] => {
  const shared = {
    path: '/api/shapes/:name',
    scope: 'read',
    params: z.object({ name: z.enum(shapes.map(shape => shape.name)).meta({ example: 'tasks' }) }),
    query: z.object({ ...scopeParameters, ...protocolParameters }),
  } as const
  return [
    {
      ...shared,
      method: 'GET',
      summary: 'The rows of a shape, and then their changes.',
      description: `ElectricSQL’s HTTP protocol: ask with \`offset=-1\`, go on with \`electric-offset\` and \`electric-handle\` of each answer until one has \`electric-up-to-date\`, and then with \`live=true\`. Its clients (\`@electric-sql/client\`) do that by themselves. Rows and columns are fixed by the name, the right is asked anew with each request. HEAD answers like GET without a body.\n\n${tableOf(shapes)}`,
      answers,
    },
    {
      ...shared,
      method: 'POST',
      summary: 'A part of a shape’s rows, once.',
      description: 'As GET; the subset stands in the body, on its own or as `subset`.',
      body: z.union([z.object(subsetParameters), z.object({ subset: z.object(subsetParameters) })]),
      answers: { ...answers, '413': refusal('`body_too_large`: more than 8 MiB.') },
    },
  ]
}
