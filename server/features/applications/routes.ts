// /api/applications… (domain rules, section 5.1).
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { commandNamed } from '#server/kernel/command.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { decide } from '#server/kernel/policy.ts'
import { callerOf, readAccess } from '#server/kernel/reading.ts'
import type { Presence } from '#server/kernel/presence.ts'
import { type ReadContext, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readStanding } from '../members/access.ts'
import { applicationCommands } from './commands.ts'
import { applicationPolicy } from './policy.ts'
import { findApplication, listApplications } from './queries.ts'
import { applicationRow } from './schema.ts'

const command = (name: string) => commandNamed(applicationCommands, name)

const search = z.string().trim().max(255).optional().describe('Stands in the name')

const readApplication = async ({ reader, actor }: ReadContext, id: string) => {
  const row = await findApplication(reader, id, actor.userId)
  await decide(applicationPolicy, 'read', row, actor, readAccess(readStanding, reader, actor.userId))
  return must(row)
}

const presenceRoute = (presence: Presence): Route =>
  readRoute({
    path: '/api/applications/:id/presence',
    access: 'MEMBER',
    summary: 'Who is where now: what each client in the presence room says of itself.',
    query: z.strictObject({}),
    response: z.object({ data: z.array(z.looseObject({ user: z.looseObject({ id: z.uuid() }) })) }),
    run: async (context, params) => {
      const { id } = await readApplication(context, must(params.id))
      return { data: presence.in(id) }
    },
  })

/** Routes of applications. */
export const applicationRoutes = (presence: Presence): readonly Route[] => [
  readRoute({
    path: '/api/applications',
    access: 'USER',
    summary: 'The caller’s applications, newest update first.',
    query: z.strictObject({
      ...pageQuery,
      search,
      role: z.enum(['owner', 'editor', 'viewer']).optional().describe('Where the caller has this role'),
      ownership: z
        .enum(['created', 'invited'])
        .optional()
        .describe('`created` by the caller, or `invited` for the rest'),
      archived: z.stringbool().default(false).describe('The archived ones instead'),
    }),
    response: pageOf(applicationRow),
    run: ({ reader, actor }, _params, query) => listApplications(reader, callerOf(actor), query),
  }),
  readRoute({
    path: '/api/applications/:id',
    access: 'MEMBER',
    summary: 'One application, with the caller’s role.',
    query: z.strictObject({}),
    response: z.object({ data: applicationRow }),
    run: async (context, params) => ({ data: await readApplication(context, must(params.id)) }),
  }),
  presenceRoute(presence),
  writeRoute({
    method: 'POST',
    path: '/api/applications',
    access: 'USER',
    summary: 'Creates an application.',
    command: command('application.create'),
    status: 201,
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/applications/:id',
    access: 'EDITOR',
    summary: 'Changes an application.',
    command: command('application.update'),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/applications/:id',
    access: 'OWNER',
    summary: 'Deletes an application for good.',
    command: command('application.delete'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/applications/:id/archive',
    access: 'OWNER',
    summary: 'Archives an application.',
    command: command('application.archive'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/applications/:id/unarchive',
    access: 'OWNER',
    summary: 'Brings an application back.',
    command: command('application.unarchive'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/applications/:id/transfer-ownership',
    access: 'OWNER',
    summary: 'Hands the application to another member.',
    command: command('application.transfer_ownership'),
  }),
]
