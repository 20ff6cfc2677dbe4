// Every parameter that the gate lets through, with what it means: what is not named here is refused, and what is named
// here stands in the API reference.
import { z } from 'zod'

const text = (description: string) => z.string().optional().meta({ description })
const flag = (description: string) => z.boolean().optional().meta({ description })

/** Electric's own; they reach the upstream as they are. */
export const protocolParameters = {
  offset: z.string().meta({
    description:
      '`-1` for everything from the beginning, `now` for what comes from now on, or the `electric-offset` of the last answer',
    example: '-1',
  }),
  handle: text('`electric-handle` of the last answer; needed with an offset from there'),
  live: flag('Waits up to 20 s for the next change, once an answer had `electric-up-to-date`'),
  live_sse: flag('With `live`: an event stream instead of one answer'),
  experimental_live_sse: flag('The older name of `live_sse`'),
  cursor: text('`electric-cursor` of the last live answer'),
  replica: z.enum(['default', 'full']).optional().meta({
    description: '`full`: updates hold the whole row and `old_value`, deletions the whole row',
  }),
  log: z.enum(['full', 'changes_only']).optional().meta({ description: '`changes_only`: without the rows there are' }),
  expired_handle: text('A handle that a cache still gives out; makes the URL another one'),
  'cache-buster': text('Makes the URL another one'),
  subset__where: text('A part of the shape’s rows once, instead of its log: a condition in SQL over its columns'),
  subset__params: text('Values of `$1` … in `subset__where`, a JSON object by number'),
  subset__order_by: text('Order of the part, such as `"updated_at" desc`'),
  subset__limit: text('At most so many rows; needs an order'),
  subset__offset: text('Leaves out so many rows; needs an order'),
  subset__where_expr: text('`subset__where` as a JSON tree, sent by clients beside it and not looked at'),
  subset__order_by_expr: text('`subset__order_by` as a JSON tree, sent by clients beside it and not looked at'),
} as const

/** Which rows of the shape; the gate makes the filter of them. */
export const scopeParameters = {
  application_id: z.uuid().optional().meta({
    description: 'Whose rows; needed by shapes of applications, refused by those of the caller’s own rows',
  }),
  project_id: z.uuid().optional().meta({ description: 'Rows of one project alone' }),
  archived: z.literal('false').optional().meta({ description: '`false` leaves out what is archived or in the trash' }),
} as const

/** Keys of a POST body. */
export const subsetParameters = {
  where: text('As `subset__where`'),
  order_by: text('As `subset__order_by`'),
  limit: z.int().optional(),
  offset: z.int().optional(),
  params: z.record(z.string(), z.unknown()).optional().meta({ description: 'Values of `$1` …, by number' }),
  where_expr: z.unknown().optional(),
  order_by_expr: z.unknown().optional(),
} as const
