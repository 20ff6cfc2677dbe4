// project.* (domain rules, section 4).
import { fieldEdits, mergeRow, recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, defineCommand, type WriteContext, z } from '#server/kernel/command.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'
import { requireFreeId } from '#server/kernel/free-id.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import { endLibrary } from '../documents/endings.ts'
import { lockApplication } from '../applications/queries.ts'
import { memberIds } from '../members/queries.ts'
import { createStatuses, defaultStatuses } from '../statuses/create.ts'
import { statusRow } from '../statuses/schema.ts'
import { forgetClocks } from '../tasks/clocks.ts'
import { lockProject, openProject, requireUnarchived } from './open.ts'
import { projectPolicy } from './policy.ts'
import {
  aggregateColumns,
  createInput,
  idInput,
  overrideInput,
  projectColumns,
  updateInput,
  projectRow,
} from './schema.ts'

const projectLimit = 500

const fields = [
  'name',
  'description',
  'project_type',
  'due_date',
  'lead_id',
  'require_assignee',
  'freeze_done',
] as const

const requireLead = async (context: WriteContext, applicationId: string, userId: string): Promise<void> => {
  const member = await context.tx
    .selectFrom('application_members')
    .select('role')
    .where('application_id', '=', applicationId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  if (!member || member.role === 'viewer') {
    throw invalidAt('lead_id', 'lead_not_eligible', 'The lead is an owner or editor of the application.')
  }
}

const readBack = (context: WriteContext, id: string) =>
  context.tx.selectFrom('projects').select(projectColumns).where('id', '=', id).executeTakeFirstOrThrow()

interface ProjectLike {
  readonly id: string
  readonly application_id: string
  readonly name: string
}

const recordOf = (project: ProjectLike) => ({
  entityType: 'project',
  entityId: project.id,
  entityLabel: project.name,
  applicationId: project.application_id,
  projectId: project.id,
})

const create = defineCommand({
  name: 'project.create',
  summary: 'Creates a board with its columns; the caller becomes its admin.',
  access: 'EDITOR',
  input: createInput,
  output: projectRow.extend({ statuses: z.array(statusRow), my_project_role: z.literal('admin') }),
  inTransactions: true,
  run: async (context, input) => {
    const id = input.id ?? uuid7()
    const applicationId = input.application_id
    await lockApplication(context.tx, applicationId)
    const granted = await decide(
      projectPolicy,
      'create',
      { id, application_id: applicationId },
      context.actor,
      context.access,
    )
    requireLive(granted)
    await requireFreeId(context, 'projects', input.id)
    const others = await context.tx
      .selectFrom('projects')
      .select(['id', 'key'])
      .where('application_id', '=', applicationId)
      .execute()
    if (others.length >= projectLimit) {
      throw new AppError('limit_reached', { message: `An application holds at most ${projectLimit} projects.` })
    }
    if (others.some(other => other.key === input.key)) throw new AppError('key_taken')
    if (input.lead_id) await requireLead(context, applicationId, input.lead_id)
    await context.tx
      .insertInto('projects')
      .values({
        id,
        application_id: applicationId,
        key: input.key,
        name: input.name,
        description: input.description ?? null,
        project_type: input.project_type ?? 'kanban',
        due_date: input.due_date ?? null,
        lead_id: input.lead_id ?? null,
        require_assignee: input.require_assignee ?? false,
        freeze_done: input.freeze_done ?? false,
        created_by_id: context.userId,
      })
      .execute()
    const statuses = await createStatuses(context, { id, applicationId }, input.statuses ?? defaultStatuses)
    await context.tx
      .insertInto('project_members')
      .values({
        id: uuid7(),
        application_id: applicationId,
        project_id: id,
        user_id: context.userId,
        role: 'admin',
        added_by_id: context.userId,
      })
      .execute()
    startClock(context, 'project', id)
    const project = await readBack(context, id)
    context.record(recordOf(project))
    context.touch('projects', 'project_members', 'project_aggregates', 'task_statuses', 'application')
    const aggregate = await context.tx
      .selectFrom('project_aggregates')
      .select(aggregateColumns)
      .where('project_id', '=', id)
      .executeTakeFirst()
    return { data: { ...project, statuses, aggregate, my_project_role: 'admin' } }
  },
})

const update = defineCommand({
  name: 'project.update',
  summary: 'Changes a project; its key stays.',
  access: 'EDITOR',
  input: updateInput,
  output: projectRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, fields)) throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    const { project } = await openProject(context, input.id, 'update')
    requireUnarchived(project)
    if (input.lead_id && input.lead_id !== project.lead_id) {
      await requireLead(context, project.application_id, input.lead_id)
    }
    const merged = await mergeRow(context, 'project', project, fieldEdits(input, project, fields))
    if (merged.changed.length > 0) {
      await context.tx
        .updateTable('projects')
        .set(Object.fromEntries(merged.changed.map(edit => [edit.unit, edit.value])))
        .where('id', '=', project.id)
        .execute()
      context.touch('projects')
    }
    recordMerge(context, recordOf(project), merged)
    return { data: await readBack(context, project.id), superseded: merged.superseded }
  },
})

const setArchived = (name: 'project.archive' | 'project.unarchive', archive: boolean): AnyCommand =>
  defineCommand({
    name,
    summary: archive ? 'Puts a finished project away; its tasks keep their state.' : 'Brings a project back.',
    access: 'EDITOR',
    input: idInput,
    output: projectRow,
    inTransactions: true,
    run: async (context, input) => {
      const found = await context.tx
        .selectFrom('projects')
        .select('application_id')
        .where('id', '=', input.id)
        .executeTakeFirst()
      if (found) await lockApplication(context.tx, found.application_id)
      const { project } = await openProject(context, input.id, 'update')
      const value = archive ? context.stamp.editedAt : null
      const merged = await mergeRow(context, 'project', project, [
        {
          unit: 'archived_at',
          field: 'archived_at',
          value: (project.archived_at !== null) === archive ? project.archived_at : value,
          current: project.archived_at,
        },
      ])
      if (merged.changed.length > 0) {
        await context.tx
          .updateTable('projects')
          .set({ archived_at: value, ...(archive ? {} : { unarchived_at: context.now }) })
          .where('id', '=', project.id)
          .execute()
        context.touch('projects', 'application')
      }
      recordMerge(context, recordOf(project), merged)
      return { data: await readBack(context, project.id), superseded: merged.superseded }
    },
  })

const remove = defineCommand({
  name: 'project.delete',
  summary: 'Deletes the project with everything inside, at once and for good.',
  access: 'PADMIN',
  input: idInput,
  output: idOutput,
  inTransactions: true,
  run: async (context, input) => {
    const found = await context.tx
      .selectFrom('projects')
      .select('application_id')
      .where('id', '=', input.id)
      .executeTakeFirst()
    if (found) await lockApplication(context.tx, found.application_id)
    const { project } = await openProject(context, input.id, 'administer')
    const contributors = await context.tx
      .selectFrom('project_members')
      .select('user_id')
      .where('project_id', '=', project.id)
      .execute()
    context.notify({
      type: 'system',
      to: [...contributors.map(row => row.user_id), ...(await memberIds(context.tx, project.application_id, 'owner'))],
      title: project.name,
      message: 'The project was deleted.',
      applicationId: project.application_id,
      projectId: project.id,
    })
    await forgetClocks(context, { column: 'project_id', ids: [project.id] })
    await endLibrary(context, { column: 'project_id', id: project.id })
    await context.tx
      .deleteFrom('field_clocks')
      .where('entity_type', '=', 'project')
      .where('entity_id', '=', project.id)
      .execute()
    await context.tx.deleteFrom('tasks').where('project_id', '=', project.id).execute()
    await context.tx.deleteFrom('projects').where('id', '=', project.id).execute()
    context.record(recordOf(project))
    context.touch('projects', 'tasks', 'task_statuses', 'project_members', 'project_aggregates', 'application')
    return { data: { id: project.id } }
  },
})

const setOverride = defineCommand({
  name: 'project.set_override',
  summary: 'States the project’s status by hand, with a reason and an optional end.',
  access: 'OWNER',
  input: overrideInput,
  output: projectRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project } = await openProject(context, input.id, 'override')
    requireUnarchived(project)
    let status = input.status
    if (input.status_id !== undefined) {
      const column = await context.tx
        .selectFrom('task_statuses')
        .select('category')
        .where('id', '=', input.status_id)
        .where('project_id', '=', project.id)
        .executeTakeFirst()
      if (!column) throw invalidAt('status_id', 'status_foreign', 'The status belongs to another project.')
      status = column.category as typeof status
    }
    if (status === undefined) throw invalidAt('status', 'required', 'Name a status category or a status_id.')
    if (input.expires_at && input.expires_at <= context.now) {
      throw invalidAt('expires_at', 'out_of_range', 'The end lies in the past.')
    }
    return writeOverride(context, project.id, {
      override_status: status,
      override_reason: input.reason,
      override_by_id: context.userId,
      override_expires_at: input.expires_at ?? null,
    })
  },
})

interface Override {
  readonly override_status: string | null
  readonly override_reason: string | null
  readonly override_by_id: string | null
  readonly override_expires_at: Date | null
}

// the four columns are one unit: they win or lose together
const writeOverride = async (context: WriteContext, projectId: string, wanted: Override) => {
  const project = await lockProject(context, projectId)
  if (!project) throw new AppError('not_found')
  const current: Override = {
    override_status: project.override_status,
    override_reason: project.override_reason,
    override_by_id: project.override_by_id,
    override_expires_at: project.override_expires_at,
  }
  const merged = await mergeRow(context, 'project', project, [
    { unit: 'override', field: 'override_status', value: wanted, current },
  ])
  if (merged.changed.length > 0) {
    await context.tx.updateTable('projects').set(wanted).where('id', '=', projectId).execute()
    context.touch('projects')
  }
  recordMerge(context, recordOf(project), merged)
  return { data: await readBack(context, projectId), superseded: merged.superseded }
}

const clearOverride = defineCommand({
  name: 'project.clear_override',
  summary: 'Lets the project’s status follow its tasks again.',
  access: 'OWNER',
  input: idInput,
  output: projectRow,
  inTransactions: true,
  run: async (context, input) => {
    const { project } = await openProject(context, input.id, 'override')
    requireUnarchived(project)
    return writeOverride(context, project.id, {
      override_status: null,
      override_reason: null,
      override_by_id: null,
      override_expires_at: null,
    })
  },
})

export const projectCommands: readonly AnyCommand[] = [
  create,
  update,
  setArchived('project.archive', true),
  setArchived('project.unarchive', false),
  remove,
  setOverride,
  clearOverride,
]
