// application.* (domain rules, section 4).
import { sql } from 'kysely'
import { fieldEdits, mergeRow, recordMerge, startClock } from '#server/kernel/clocks.ts'
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import type { WriteTx } from '#server/kernel/database.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { must } from '#server/kernel/must.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { idOutput, isEmptyChange } from '#server/kernel/schemas.ts'
import { limitedTo } from '#server/kernel/scopes.ts'
import { endLibrary } from '../documents/endings.ts'
import { memberIds } from '../members/queries.ts'
import { setMemberRole } from '../members/roles.ts'
import { lockCounters } from '../notifications/lock-counters.ts'
import { forgetClocks } from '../tasks/clocks.ts'
import { releaseOpenTasks } from '../tasks/release.ts'
import { type ApplicationAction, applicationPolicy } from './policy.ts'
import { lockApplication } from './queries.ts'
import { applicationColumns, createInput, idInput, transferInput, updateInput, applicationRow } from './schema.ts'

const fields = ['name', 'description', 'editors_may_add_editors'] as const

/** Locks the application, then decides: the order that every command about it keeps. */
const open = async (context: WriteContext, id: string, action: ApplicationAction) => {
  const row = await lockApplication(context.tx, id)
  const granted = await decide(applicationPolicy, action, row, context.actor, context.access)
  return { row: must(row), granted }
}

const readBack = async (context: WriteContext, id: string) => {
  const row = await context.tx
    .selectFrom('applications')
    .select(applicationColumns)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const standing = await context.access.standing({ applicationId: id })
  return { ...row, ...(standing.role ? { my_role: standing.role } : {}) }
}

const create = defineCommand({
  name: 'application.create',
  summary: 'Creates an application; the caller becomes its owner.',
  access: 'USER',
  input: createInput,
  output: applicationRow,
  inTransactions: true,
  run: async (context, input) => {
    // it would not see what it has made
    if (limitedTo(context.actor) !== undefined) throw new AppError('forbidden')
    const id = input.id ?? uuid7()
    const row = await context.tx
      .insertInto('applications')
      .values({
        id,
        name: input.name,
        description: input.description ?? null,
        editors_may_add_editors: input.editors_may_add_editors ?? true,
        created_by_id: context.userId,
      })
      .returning(applicationColumns)
      .executeTakeFirstOrThrow()
    await context.tx
      .insertInto('application_members')
      .values({ id: uuid7(), application_id: id, user_id: context.userId, role: 'owner', display_name: '' })
      .execute()
    startClock(context, 'application', id)
    context.record({ entityType: 'application', entityId: id, entityLabel: row.name, applicationId: id })
    context.touch('application', 'application_members', 'my_memberships')
    context.emit({ type: 'access_changed', userId: context.userId, applicationId: id })
    return { data: { ...row, members_count: 1, my_role: 'owner' } }
  },
})

const update = defineCommand({
  name: 'application.update',
  summary: 'Changes name, description or who may invite editors.',
  access: 'EDITOR',
  input: updateInput,
  output: applicationRow,
  inTransactions: true,
  run: async (context, input) => {
    if (isEmptyChange(input, fields)) throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    const { row, granted } = await open(context, input.id, 'update')
    if (input.editors_may_add_editors !== undefined && granted.standing.role !== 'owner')
      throw new AppError('forbidden')
    requireLive(granted)
    const merged = await mergeRow(context, 'application', row, fieldEdits(input, row, fields))
    if (merged.changed.length > 0) {
      await context.tx
        .updateTable('applications')
        .set(Object.fromEntries(merged.changed.map(edit => [edit.unit, edit.value])))
        .where('id', '=', row.id)
        .execute()
      context.touch('application')
    }
    const entry = { entityType: 'application', entityId: row.id, entityLabel: row.name, applicationId: row.id }
    recordMerge(context, entry, merged)
    return { data: await readBack(context, row.id), superseded: merged.superseded }
  },
})

const setArchived = (name: 'application.archive' | 'application.unarchive', archive: boolean): AnyCommand =>
  defineCommand({
    name,
    summary: archive ? 'Makes the application read-only.' : 'Makes the application writable again.',
    access: 'OWNER',
    input: idInput,
    output: applicationRow,
    inTransactions: true,
    run: async (context, input) => {
      const { row } = await open(context, input.id, 'own')
      if ((row.archived_at !== null) !== archive) {
        const value = archive ? context.stamp.editedAt : null
        await context.tx.updateTable('applications').set({ archived_at: value }).where('id', '=', row.id).execute()
        context.touch('application')
        context.record({
          entityType: 'application',
          entityId: row.id,
          entityLabel: row.name,
          applicationId: row.id,
          changes: { archived_at: { old: row.archived_at, new: value } },
        })
        // nobody may write in open documents any more, or everybody again
        for (const userId of await memberIds(context.tx, row.id)) {
          context.emit({ type: 'access_changed', userId, applicationId: row.id })
        }
      }
      return { data: await readBack(context, row.id) }
    },
  })

/** Whose counters the end of an application changes, members or not: those who were told of it or invited. */
const countedIn = async (tx: WriteTx, applicationId: string): Promise<readonly string[]> => {
  const { rows } = await sql<{ user_id: string }>`
    select user_id from notifications where application_id = ${applicationId}
    union select user_id from invitations where application_id = ${applicationId} and user_id is not null`.execute(tx)
  return rows.map(row => row.user_id)
}

const remove = defineCommand({
  name: 'application.delete',
  summary: 'Deletes the application with everything inside, at once and for good.',
  access: 'OWNER',
  scope: 'admin',
  input: idInput,
  output: idOutput,
  inTransactions: false,
  run: async (context, input) => {
    const { row } = await open(context, input.id, 'own')
    const members = await memberIds(context.tx, row.id)
    context.notify({
      type: 'system',
      to: members,
      title: row.name,
      message: 'The application was deleted.',
      applicationId: undefined,
      outsiders: true,
    })
    await forgetClocks(context, { column: 'application_id', ids: [row.id] })
    await endLibrary(context, { column: 'application_id', id: row.id })
    await sql`delete from field_clocks where (entity_type, entity_id) in (
      select 'application', id from applications where id = ${row.id}
      union all select 'project', id from projects where application_id = ${row.id})`.execute(context.tx)
    // tasks hold their statuses (no action), so they go before the cascade reaches both
    await context.tx.deleteFrom('tasks').where('application_id', '=', row.id).execute()
    lockCounters(context, [...members, ...(await countedIn(context.tx, row.id))])
    await context.tx.deleteFrom('applications').where('id', '=', row.id).execute()
    context.record({ entityType: 'application', entityId: row.id, entityLabel: row.name, applicationId: undefined })
    context.emit({ type: 'application_deleted', applicationId: row.id })
    context.touch('my_memberships')
    return { data: { id: row.id } }
  },
})

const transfer = defineCommand({
  name: 'application.transfer_ownership',
  summary: 'Makes another member owner; the caller takes own_role.',
  access: 'OWNER',
  scope: 'admin',
  input: transferInput,
  output: applicationRow,
  inTransactions: false,
  run: async (context, input) => {
    const { row } = await open(context, input.id, 'own')
    const target = await context.tx
      .selectFrom('application_members')
      .select(['user_id', 'role'])
      .where('application_id', '=', row.id)
      .where('user_id', '=', input.to_user_id)
      .executeTakeFirst()
    if (!target) throw notFound()
    if (input.to_user_id === context.userId) throw new AppError('own_role')
    if (input.own_role === 'viewer') {
      await releaseOpenTasks(context, { applicationId: row.id, userId: context.userId, open_tasks: 'refuse' })
    }
    await setMemberRole(context, { applicationId: row.id, userId: input.to_user_id, role: 'owner' })
    await setMemberRole(context, { applicationId: row.id, userId: context.userId, role: input.own_role })
    return { data: { ...(await readBack(context, row.id)), my_role: input.own_role } }
  },
})

export const applicationCommands: readonly AnyCommand[] = [
  create,
  update,
  setArchived('application.archive', true),
  setArchived('application.unarchive', false),
  remove,
  transfer,
]
