// /api/applications/:id/members… (domain rules, section 5.2).
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { commandNamed } from '#server/kernel/command.ts'
import { notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { codes, decide } from '#server/kernel/policy.ts'
import { readAccess } from '#server/kernel/reading.ts'
import { type ReadContext, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { readStanding } from './access.ts'
import { memberCommands } from './commands.ts'
import { memberPolicy } from './policy.ts'
import { countMembers, findMember, listMembers } from './queries.ts'
import { memberRow, role } from './schema.ts'

const command = (name: string) => commandNamed(memberCommands, name)

const requireRead = async ({ reader, actor }: ReadContext, applicationId: string) => {
  const subject = { applicationId, editorsMayAddEditors: false }
  return decide(memberPolicy, 'read', subject, actor, readAccess(readStanding, reader, actor.userId))
}

const base = '/api/applications/:id/members'

export const memberRoutes: readonly Route[] = [
  readRoute({
    path: base,
    access: 'MEMBER',
    summary: 'Members of the application, oldest first; e-mail addresses for owners and editors.',
    query: z.strictObject({ ...pageQuery, role: role.optional().describe('Members with this role') }),
    response: pageOf(memberRow),
    run: async (context, params, query) => {
      const { standing } = await requireRead(context, must(params.id))
      return listMembers(context.reader, must(params.id), {
        withEmail: codes.EDITOR(standing),
        role: query.role,
        request: query,
      })
    },
  }),
  readRoute({
    path: `${base}/count`,
    access: 'MEMBER',
    summary: 'How many members there are, by role.',
    query: z.strictObject({}),
    response: z.object({ data: z.object({ total: z.int(), by_role: z.record(role, z.int()) }) }),
    run: async (context, params) => {
      await requireRead(context, must(params.id))
      return { data: await countMembers(context.reader, must(params.id)) }
    },
  }),
  readRoute({
    path: `${base}/:user_id`,
    access: 'MEMBER',
    summary: 'One member.',
    query: z.strictObject({}),
    response: z.object({ data: memberRow }),
    run: async (context, params) => {
      const { standing } = await requireRead(context, must(params.id))
      const row = await findMember(context.reader, must(params.id), must(params.user_id), codes.EDITOR(standing))
      if (!row) throw notFound()
      return { data: row }
    },
  }),
  writeRoute({
    method: 'POST',
    path: `${base}/leave`,
    access: 'MEMBER',
    summary: 'Leaves the application.',
    command: command('member.leave'),
    params: { id: 'application_id' },
  }),
  writeRoute({
    method: 'PATCH',
    path: `${base}/:user_id`,
    access: 'EDITOR',
    summary: 'Changes a member’s role.',
    command: command('member.set_role'),
    params: { id: 'application_id' },
  }),
  writeRoute({
    method: 'DELETE',
    path: `${base}/:user_id`,
    access: 'OWNER',
    summary: 'Removes a member; naming oneself leaves.',
    command: command('member.remove'),
    params: { id: 'application_id' },
    queryArgs: ['open_tasks', 'to_user_id'],
  }),
]
