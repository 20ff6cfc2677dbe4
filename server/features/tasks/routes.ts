// /api/projects/:id/tasks…, /api/tasks/:id… (domain rules, sections 5.1, 5.4 and 5.7).
import { z } from 'zod'
import { pageOf } from '#server/kernel/answers.ts'
import { commandNamed } from '#server/kernel/command.ts'
import { notFound } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { pageQuery } from '#server/kernel/pages.ts'
import { decide } from '#server/kernel/policy.ts'
import { callerOf, readAccess } from '#server/kernel/reading.ts'
import { type ReadContext, readRoute, type Route, writeRoute } from '#server/kernel/route.ts'
import { date, reference } from '#server/kernel/schemas.ts'
import { purgeAtOf } from '#server/kernel/trash.ts'
import { applicationPolicy } from '../applications/policy.ts'
import { readStanding } from '../members/access.ts'
import { findAggregate, findProject, listProjectMembers } from '../projects/queries.ts'
import { readProject } from '../projects/read.ts'
import { category } from '../projects/schema.ts'
import { listStatuses } from '../statuses/queries.ts'
import { taskCommands } from './commands.ts'
import { boardPage, findTask, findTaskByKey, listLabels, listMyTasks, listPutAway, listTasks } from './queries.ts'
import { readTaskScope } from './read.ts'
import { priorities, taskRow, taskType } from './schema.ts'

const command = (name: string) => commandNamed(taskCommands, name)
const list = pageOf(taskRow)
const search = z.string().trim().max(500).optional().describe('Stands in the title or the key')
const none = z.strictObject({})

const requireMember = ({ reader, actor }: ReadContext, applicationId: string) =>
  decide(applicationPolicy, 'read', { id: applicationId }, actor, readAccess(readStanding, reader, actor.userId))

const purgeAt = ({ deleted_at, updated_at }: { deleted_at: Date | null; updated_at: Date }): string | null =>
  deleted_at && purgeAtOf({ deleted_at, updated_at }).toISOString()

const myTasks = (path: string, state: 'open' | 'completed' | 'archived') =>
  readRoute({
    path,
    access: 'MEMBER',
    summary: 'My tasks in the application.',
    query: z.strictObject({
      ...pageQuery,
      state: z.enum(['open', 'completed', 'archived']).default(state).describe('`completed`: in the last 7 days'),
      search,
    }),
    response: list,
    run: async (context, params, query) => {
      await requireMember(context, must(params.id))
      return listMyTasks(context.reader, callerOf(context.actor), must(params.id), query)
    },
  })

const putAway = (path: string, which: 'archived' | 'trash') =>
  readRoute({
    path,
    access: 'MEMBER',
    summary: which === 'trash' ? 'Tasks in the trash, newest first.' : 'Archived tasks, newest first.',
    query: z.strictObject({ ...pageQuery, search }),
    response: list,
    run: async (context, params, query) => {
      const { standing } = await readProject(context, must(params.id))
      const found = await listPutAway(context.reader, must(params.id), which, query)
      const canRestore = standing.role === 'owner' || (standing.role === 'editor' && standing.projectRole !== undefined)
      return {
        ...found,
        data: found.data.map(row => ({
          ...row,
          can_restore: canRestore,
          ...(which === 'trash' ? { purge_at: purgeAt(row) } : {}),
        })),
      }
    },
  })

export const taskRoutes: readonly Route[] = [
  myTasks('/api/applications/:id/tasks/my', 'open'),
  myTasks('/api/applications/:id/tasks/my/completed', 'completed'),
  myTasks('/api/applications/:id/tasks/my/archived', 'archived'),
  readRoute({
    path: '/api/applications/:id/labels',
    access: 'MEMBER',
    summary: 'Labels in use, most used first.',
    query: none,
    response: z.object({ data: z.array(z.object({ label: z.string(), count: z.int() })), next_cursor: z.null() }),
    run: async (context, params) => {
      await requireMember(context, must(params.id))
      return { data: await listLabels(context.reader, must(params.id)), next_cursor: null }
    },
  }),
  readRoute({
    path: '/api/me/tasks',
    access: 'USER',
    summary: 'My open tasks in all applications.',
    query: z.strictObject({
      ...pageQuery,
      category: category.optional().describe('Of the status'),
      sort: z
        .enum(['updated_at', 'due_date', 'title'])
        .default('updated_at')
        .describe('`updated_at`: the newest first'),
      search,
    }),
    response: list,
    run: (context, _params, query) =>
      listMyTasks(context.reader, callerOf(context.actor), undefined, { ...query, state: 'open' }),
  }),
  readRoute({
    path: '/api/projects/:id/tasks',
    access: 'MEMBER',
    summary: 'Visible tasks of a project.',
    query: z.strictObject({
      ...pageQuery,
      search,
      task_type: taskType.optional().describe('Tasks of this type'),
      status_id: reference.optional().describe('Tasks of this column'),
      category: category.optional().describe('Of the status'),
      priority: z.enum(priorities).optional().describe('Tasks of this priority'),
      assignee_id: z
        .union([reference, z.enum(['me', 'none'])])
        .optional()
        .describe('A person’s id, `me`, or `none` for unassigned tasks'),
      label: z.string().trim().min(1).max(50).optional().describe('Tasks with this label, in any case of letters'),
      parent_id: z
        .union([reference, z.literal('none')])
        .optional()
        .describe('Subtasks of a task, or `none` for those of no task'),
      due_before: date.optional().describe('Due before this day'),
      due_after: date.optional().describe('Due after this day'),
      overdue: z.stringbool().optional().describe('Due before today and not done; `false`: all others'),
      sort: z
        .enum(['board', 'updated_at', 'created_at', 'due_date', 'title', 'priority', 'number'])
        .default('board')
        .describe('`board`: by column, and as the cards lie in it'),
      order: z.enum(['asc', 'desc']).default('asc').describe('Nulls come last in either'),
    }),
    response: list,
    run: async (context, params, query) => {
      await readProject(context, must(params.id))
      return listTasks(context.reader, { projectId: must(params.id), userId: context.actor.userId }, query)
    },
  }),
  putAway('/api/projects/:id/tasks/archived', 'archived'),
  putAway('/api/projects/:id/tasks/trash', 'trash'),
  readRoute({
    path: '/api/projects/:id/tasks/by-key/:key',
    access: 'MEMBER',
    summary: 'One task by its key.',
    query: none,
    response: z.object({ data: taskRow }),
    run: async (context, params) => {
      await readProject(context, must(params.id))
      const row = await findTaskByKey(context.reader, must(params.id), must(params.key))
      if (!row) throw notFound()
      return { data: row }
    },
  }),
  readRoute({
    path: '/api/projects/:id/full',
    aliases: ['/api/projects/:id/board'],
    access: 'MEMBER',
    summary: 'The whole board: project, columns, people and visible tasks in order.',
    query: z.strictObject({ cursor: pageQuery.cursor }),
    response: z.object({ data: z.looseObject({ tasks: z.array(taskRow) }), next_cursor: z.string().nullable() }),
    run: async (context, params, query) => {
      const { row: project } = await readProject(context, must(params.id))
      const { reader } = context
      const request = { limit: 200, cursor: query.cursor, include_total: false }
      const tasks = await boardPage(reader, project.id, request, 2000)
      const people = await listProjectMembers(reader, project.id, { limit: 200, include_total: false })
      const aggregate = await findAggregate(reader, project.id)
      return {
        data: {
          project: await findProject(reader, project.id, context.actor.userId),
          aggregate,
          statuses: await listStatuses(reader, project.id),
          members: people.data,
          tasks: tasks.data,
          archived_count: aggregate?.archived_tasks ?? 0,
        },
        next_cursor: tasks.next_cursor,
      }
    },
  }),
  readRoute({
    path: '/api/tasks/:id',
    access: 'MEMBER',
    summary: 'One task, also from archive and trash.',
    query: none,
    response: z.object({ data: taskRow }),
    run: async (context, params) => {
      await readTaskScope(context, must(params.id))
      return { data: await findTask(context.reader, must(params.id)) }
    },
  }),
  writeRoute({
    method: 'POST',
    path: '/api/projects/:id/tasks',
    access: 'CONTRIB',
    summary: 'Creates a task.',
    command: command('task.create'),
    params: { id: 'project_id' },
    status: 201,
  }),
  writeRoute({
    method: 'PATCH',
    path: '/api/tasks/:id',
    access: 'CONTRIB',
    summary: 'Changes a task.',
    command: command('task.update'),
  }),
  writeRoute({
    method: 'DELETE',
    path: '/api/tasks/:id',
    access: 'CONTRIB',
    summary: 'Moves a task to the trash.',
    command: command('task.delete'),
  }),
  ...(['PUT', 'POST'] as const).map(method =>
    writeRoute({
      method,
      path: '/api/tasks/:id/move',
      access: 'CONTRIB',
      summary: 'Moves a task.',
      command: command('task.move'),
    }),
  ),
  ...(['archive', 'unarchive', 'restore'] as const).map(name =>
    writeRoute({
      method: 'POST',
      path: `/api/tasks/:id/${name}`,
      access: 'CONTRIB',
      summary: command(`task.${name}`).summary,
      command: command(`task.${name}`),
    }),
  ),
  writeRoute({
    method: 'DELETE',
    path: '/api/tasks/:id/permanent',
    access: 'PADMIN',
    summary: 'Deletes a task from the trash for good.',
    command: command('task.purge'),
  }),
]
