// user.update_profile (domain rules, section 4). Names reach the member rows by trigger.
import { type AnyCommand, defineCommand, type WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt, notFound } from '#server/kernel/errors.ts'
import { isEmptyChange } from '#server/kernel/schemas.ts'
import { requirePersonal } from '#server/kernel/scopes.ts'
import { ownColumns, profileFields, profileInput, ownRow } from './schema.ts'

const lockOwn = async (context: WriteContext) => {
  const row = await context.tx
    .selectFrom('users')
    .select(ownColumns)
    .where('id', '=', context.userId)
    .forUpdate()
    .executeTakeFirst()
  if (!row) throw notFound()
  return row
}

export const updateProfile = defineCommand({
  name: 'user.update_profile',
  summary: 'Changes the own name, time zone, first day of the week or language.',
  access: 'SELF',
  input: profileInput,
  output: ownRow,
  inTransactions: false,
  run: async (context, input) => {
    requirePersonal(context.actor)
    if (isEmptyChange(input, profileFields)) {
      throw invalidAt('', 'nothing_to_change', 'Name at least one field to change.')
    }
    const row = await lockOwn(context)
    const expected = input.expected_version ?? context.expectedVersion
    if (expected !== undefined && expected !== row.version) {
      throw new AppError('version_conflict', { details: { current: row } })
    }
    const changed = profileFields.filter(field => input[field] !== undefined && input[field] !== row[field])
    if (changed.length === 0) return { data: row }
    const saved = await context.tx
      .updateTable('users')
      .set(Object.fromEntries(changed.map(field => [field, input[field]])))
      .where('id', '=', row.id)
      .returning(ownColumns)
      .executeTakeFirstOrThrow()
    context.touch('me')
    if (changed.includes('display_name')) context.touch('my_memberships', 'application_members')
    context.record({
      entityType: 'user',
      entityId: row.id,
      entityLabel: saved.display_name,
      applicationId: undefined,
      changes: Object.fromEntries(changed.map(field => [field, { old: row[field], new: saved[field] }])),
    })
    return { data: saved }
  },
})

export const userCommands: readonly AnyCommand[] = [updateProfile]
