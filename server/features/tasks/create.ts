// task.create (domain rules, sections 4 and 6.2).
import { startClock } from '#server/kernel/clocks.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError, invalid, invalidAt } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { lockApplication } from '../applications/queries.ts'
import { lockProject, unarchiveProject, watchingStatus } from '../projects/open.ts'
import { rankInColumn } from './column.ts'
import { givenNumbers } from './given-numbers.ts'
import { firstTodo, lockStatus, readTask, recordOf, requireEligible, requireParent, requireReporter } from './open.ts'
import { announceAssignment } from './notices.ts'
import { taskPolicy } from './policy.ts'
import { createInput, importedFields, taskRow } from './schema.ts'

const taskLimit = 50_000

export const createTask = defineCommand({
  name: 'task.create',
  summary: 'Creates a card; the number comes from the project’s counter.',
  access: 'CONTRIB',
  input: createInput,
  output: taskRow,
  inTransactions: true,
  run: async (context, input) => {
    const foreign = context.actor.kind === 'import' ? [] : importedFields.filter(name => name in input)
    if (foreign.length > 0) {
      throw invalid(foreign.map(path => ({ path, code: 'unknown_field', message: 'Only imports set this.' })))
    }
    const found = await context.tx
      .selectFrom('projects')
      .select(['id as project_id', 'application_id', 'archived_at'])
      .where('id', '=', input.project_id)
      .executeTakeFirst()
    // the new card brings the project back, which moves the application's counter: that row is locked first
    if (found?.archived_at) await lockApplication(context.tx, found.application_id)
    requireLive(await decide(taskPolicy, 'write', found, context.actor, context.access))
    const project = must(await lockProject(context, input.project_id))
    await unarchiveProject(context, project)
    const status =
      input.status_id === undefined
        ? await firstTodo(context, project)
        : await lockStatus(context, project, input.status_id)
    if (input.assignee_id) await requireEligible(context, project, input.assignee_id)
    if (project.require_assignee && status.category !== 'todo' && !input.assignee_id) {
      throw invalidAt('assignee_id', 'assignee_required', 'Outside todo a task of this project needs an assignee.')
    }
    const reporter = input.reporter_id === undefined ? context.userId : input.reporter_id
    if (reporter && reporter !== context.userId) await requireReporter(context, project, reporter)
    if (input.task_type === 'subtask' && !input.parent_id) {
      throw invalidAt('parent_id', 'subtask_requires_parent', 'A subtask needs a parent.')
    }
    if (input.parent_id) await requireParent(context, project, input.parent_id, undefined)
    if (project.next_task_number > taskLimit) {
      throw new AppError('limit_reached', { message: `A project holds at most ${taskLimit} tasks.` })
    }
    const taken =
      input.number !== undefined &&
      input.number < project.next_task_number &&
      (await givenNumbers(context.tx, project.id, input.number)).size > 0
    const number = input.number !== undefined && !taken ? input.number : project.next_task_number
    const rank = must(await rankInColumn(context, status.id, undefined, input, true))
    const id = input.id ?? uuid7()
    const completedAt = status.category === 'done' ? (input.completed_at ?? context.stamp.editedAt) : null
    await watchingStatus(context, project, async () => {
      await context.tx
        .updateTable('projects')
        .set({ next_task_number: Math.max(project.next_task_number, number + 1) })
        .where('id', '=', project.id)
        .execute()
      await context.tx
        .insertInto('tasks')
        .values({
          id,
          application_id: project.application_id,
          project_id: project.id,
          number,
          task_key: `${project.key}-${number}`,
          title: input.title,
          description: input.description ?? null,
          task_type: input.task_type ?? 'story',
          priority: input.priority ?? 'medium',
          status_id: status.id,
          rank,
          assignee_id: input.assignee_id ?? null,
          reporter_id: reporter,
          created_by_id: context.userId,
          parent_id: input.parent_id ?? null,
          labels: input.labels ?? [],
          story_points: input.story_points ?? null,
          due_date: input.due_date ?? null,
          completed_at: completedAt,
          archived_at: input.archived_at ?? null,
          ...(input.created_at ? { created_at: input.created_at } : {}),
        })
        .execute()
    })
    startClock(context, 'task', id)
    const task = await readTask(context, id)
    announceAssignment(context, task)
    context.record(recordOf(task))
    context.touch('tasks', 'project_aggregates')
    return { data: task }
  },
})
