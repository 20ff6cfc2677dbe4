// /api/projects…, /api/applications/:id/projects… (domain rules, sections 5.1, 5.4 and 5.5).
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { commandNamed } from '#server/kernel/command.ts'
import { notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { codes, decide } from '#server/kernel/policy.ts'
import { callerOf, readAccess } from '#server/kernel/reading.ts'
import { type ReadContext, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { applicationPolicy } from '../applications/policy.ts'
import { readStanding } from '../members/access.ts'
import { projectCommands } from './commands.ts'
import { projectMemberCommands } from './member-commands.ts'
import {
  findProject,
  findProjectMember,
  listAssignable,
  listMyProjects,
  listProjectMembers,
  listProjects,
} from './queries.ts'
import { readProject } from './read.ts'
import { category, projectMemberRow, projectRow } from './schema.ts'

const commands = [...projectCommands, ...projectMemberCommands]
const command = (name: string) => commandNamed(commands, name)
const list = pageOf(projectRow)
const members = pageOf(projectMemberRow)
const search = z.string().trim().max(255).optional().describe('Stands in the name or the key')
const none = z.strictObject({})

const requireMember = async ({ reader, actor }: ReadContext, applicationId: string) =>
  decide(applicationPolicy, 'read', { id: applicationId }, actor, readAccess(readStanding, reader, actor.userId))

const myQuery = z.strictObject({
  ...pageQuery,
  all: z.stringbool().default(false).describe('Every project that is not archived, not the caller’s alone'),
  sort: z.enum(['due_date', 'name', 'updated_at']).default('due_date').describe('What they are sorted by'),
  order: z.enum(['asc', 'desc']).default('asc').describe('Nulls come last in either'),
  status: category.optional().describe('The effective status'),
  search,
})

const reads: readonly Route[] = [
  readRoute({
    path: '/api/applications/:id/projects/my',
    access: 'MEMBER',
    summary: 'Projects that I am a member, lead or assignee of.',
    query: myQuery,
    response: list,
    run: async (context, params, query) => {
      await requireMember(context, must(params.id))
      return listMyProjects(context.reader, callerOf(context.actor), must(params.id), query)
    },
  }),
  readRoute({
    path: '/api/me/projects',
    access: 'USER',
    summary: 'My projects in all applications.',
    query: myQuery,
    response: list,
    run: (context, _params, query) => listMyProjects(context.reader, callerOf(context.actor), undefined, query),
  }),
  readRoute({
    path: '/api/applications/:id/projects',
    access: 'MEMBER',
    summary: 'Projects of the application, newest update first.',
    query: z.strictObject({
      ...pageQuery,
      search,
      project_type: z.enum(['kanban', 'scrum']).optional().describe('Projects of this type'),
      status: category.optional().describe('The effective status'),
      archived: z.enum(['false', 'true', 'all']).default('false').describe('`true`: the archived ones alone'),
    }),
    response: list,
    run: async (context, params, query) => {
      await requireMember(context, must(params.id))
      return listProjects(context.reader, { applicationId: must(params.id), userId: context.actor.userId }, query)
    },
  }),
  readRoute({
    path: '/api/applications/:id/projects/archived',
    access: 'MEMBER',
    summary: 'Archived projects, newest archive first.',
    query: z.strictObject({ ...pageQuery, search }),
    response: list,
    run: async (context, params, query) => {
      const { standing } = await requireMember(context, must(params.id))
      const scope = { applicationId: must(params.id), userId: context.actor.userId }
      const found = await listProjects(context.reader, scope, { ...query, archived: 'true' })
      return { ...found, data: found.data.map(row => ({ ...row, can_restore: codes.EDITOR(standing) })) }
    },
  }),
  readRoute({
    path: '/api/projects/:id',
    access: 'MEMBER',
    summary: 'One project with its counters.',
    query: none,
    response: z.object({ data: projectRow }),
    run: async (context, params) => {
      await readProject(context, must(params.id))
      return { data: await findProject(context.reader, must(params.id), context.actor.userId) }
    },
  }),
  readRoute({
    path: '/api/projects/:id/members',
    access: 'MEMBER',
    summary: 'Contributors of the project, oldest first.',
    query: z.strictObject(pageQuery),
    response: members,
    run: async (context, params, query) => {
      await readProject(context, must(params.id))
      return listProjectMembers(context.reader, must(params.id), query)
    },
  }),
  readRoute({
    path: '/api/projects/:id/members/count',
    access: 'MEMBER',
    summary: 'How many contributors there are.',
    query: none,
    response: z.object({ data: z.object({ total: z.int() }) }),
    run: async (context, params) => {
      await readProject(context, must(params.id))
      const { total } = await listProjectMembers(context.reader, must(params.id), { limit: 1, include_total: true })
      return { data: { total } }
    },
  }),
  readRoute({
    path: '/api/projects/:id/members/assignable',
    access: 'MEMBER',
    summary: 'Everyone a task may be given to.',
    query: none,
    response: z.object({ data: z.array(z.looseObject({ user_id: z.uuid() })), next_cursor: z.null() }),
    run: async (context, params) => {
      const { row } = await readProject(context, must(params.id))
      return { data: await listAssignable(context.reader, row), next_cursor: null }
    },
  }),
  readRoute({
    path: '/api/projects/:id/members/check/:user_id',
    access: 'MEMBER',
    summary: 'Is the person a contributor, and in which role?',
    query: none,
    response: z.object({ data: z.object({ is_member: z.boolean(), role: z.string().nullable() }) }),
    run: async (context, params) => {
      await readProject(context, must(params.id))
      const row = await findProjectMember(context.reader, must(params.id), must(params.user_id))
      return { data: { is_member: row !== undefined, role: row?.role ?? null } }
    },
  }),
  readRoute({
    path: '/api/projects/:id/members/:user_id',
    access: 'MEMBER',
    summary: 'One contributor.',
    query: none,
    response: z.object({ data: projectMemberRow }),
    run: async (context, params) => {
      await readProject(context, must(params.id))
      const row = await findProjectMember(context.reader, must(params.id), must(params.user_id))
      if (!row) throw notFound()
      return { data: row }
    },
  }),
]

const overrideAliases: Readonly<Record<string, string>> = {
  override_status: 'status',
  override_reason: 'reason',
  override_expires_at: 'expires_at',
}

const writes: readonly Route[] = [
  writeRoute({
    method: 'POST',
    path: '/api/applications/:id/projects',
    access: 'EDITOR',
    summary: 'Creates a project.',
    command: command('project.create'),
    params: { id: 'application_id' },
    status: 201,
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/projects/:id',
    access: 'EDITOR',
    summary: 'Changes a project.',
    command: command('project.update'),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/projects/:id',
    access: 'PADMIN',
    summary: 'Deletes a project for good.',
    command: command('project.delete'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/projects/:id/archive',
    access: 'EDITOR',
    summary: 'Archives a project.',
    command: command('project.archive'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/projects/:id/unarchive',
    access: 'EDITOR',
    summary: 'Brings a project back.',
    command: command('project.unarchive'),
  }),
  writeRoute({
    method: 'PUT',
    path: '/api/projects/:id/override-status',
    access: 'OWNER',
    summary: 'States the project’s status by hand.',
    command: command('project.set_override'),
    toArgs: (params, body) => ({
      ...Object.fromEntries(Object.entries(body).map(([name, value]) => [overrideAliases[name] ?? name, value])),
      id: params.id,
    }),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/projects/:id/override-status',
    access: 'OWNER',
    summary: 'Lets the status follow the tasks again.',
    command: command('project.clear_override'),
  }),
  writeRoute({
    method: 'POST',
    path: '/api/projects/:id/members',
    access: 'PADMIN',
    summary: 'Adds a contributor.',
    command: command('project_member.add'),
    params: { id: 'project_id' },
    status: 201,
  }),
  writeRoute({
    method: 'POST',
    path: '/api/projects/:id/members/leave',
    access: 'SELF',
    summary: 'Leaves the project.',
    command: command('project_member.leave'),
    params: { id: 'project_id' },
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/projects/:id/members/:user_id',
    aliases: ['/api/projects/:id/members/:user_id/role'],
    access: 'PADMIN',
    summary: 'Changes a contributor’s role.',
    command: command('project_member.set_role'),
    params: { id: 'project_id' },
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/projects/:id/members/:user_id',
    access: 'PADMIN',
    summary: 'Removes a contributor.',
    command: command('project_member.remove'),
    params: { id: 'project_id' },
    queryArgs: ['open_tasks', 'to_user_id'],
  }),
]

export const projectRoutes: readonly Route[] = [...reads, ...writes]
