// A person's standing in an application and a project: the rows behind every permission.
import { type Kysely, sql } from 'kysely'
import { coalesce } from '#server/kernel/coalesce.ts'
import type { DB, Reader } from '#server/kernel/database.ts'
import type { FindStanding } from '#server/kernel/mutation.ts'
import { type ProjectRole, type Role, type Scope, type Standing, stranger } from '#server/kernel/policy.ts'

interface StandingRow {
  readonly role: Role
  readonly archived: boolean
}

/**
 * For writes: share locks on application, membership and project row keep all three as they are until the commit, so
 * a removal that runs at the same moment comes either before (404) or after.
 */
export const findStanding: FindStanding = async (tx, userId, { applicationId, projectId }) => {
  const { rows } = await sql<StandingRow>`
    select m.role, a.archived_at is not null as archived
      from applications a join application_members m on m.application_id = a.id
     where a.id = ${applicationId} and m.user_id = ${userId}
       for share of a, m`.execute(tx)
  const found = rows[0]
  if (!found) return stranger
  let projectRole: ProjectRole | undefined
  if (projectId !== undefined && found.role === 'editor') {
    const row = await tx
      .selectFrom('project_members')
      .select('role')
      .where('project_id', '=', projectId)
      .where('user_id', '=', userId)
      .forShare()
      .executeTakeFirst()
    projectRole = row?.role as ProjectRole | undefined
  }
  return { role: found.role, projectRole, applicationArchived: found.archived }
}

/** For reads: the same in one statement, without locks. */
export const readStanding = async (reader: Reader, userId: string | undefined, scope: Scope): Promise<Standing> => {
  if (userId === undefined) return stranger
  const { rows } = await sql<StandingRow & { project_role: ProjectRole | null }>`
    select m.role, a.archived_at is not null as archived,
           (select p.role from project_members p where p.project_id = ${scope.projectId ?? null}::uuid and p.user_id = m.user_id) as project_role
      from application_members m join applications a on a.id = m.application_id
     where m.application_id = ${scope.applicationId} and m.user_id = ${userId}`.execute(reader)
  const found = rows[0]
  return found
    ? { role: found.role, projectRole: found.project_role ?? undefined, applicationArchived: found.archived }
    : stranger
}

/**
 * A lookup of a person's role in an application, as the database has it when it is asked: every shape request asks, and
 * those that come together share a query.
 */
export const roleLookup = (
  reads: Kysely<DB>,
): ((userId: string, applicationId: string) => Promise<Role | undefined>) => {
  const find = coalesce<Role>(async keys => {
    const pairs = keys.map(key => key.split('/'))
    const rows = await reads
      .selectFrom('application_members')
      .select(['user_id', 'application_id', 'role'])
      .where(
        sql<boolean>`(user_id, application_id) in (select * from unnest(
          ${pairs.map(([userId]) => userId)}::uuid[], ${pairs.map(([, applicationId]) => applicationId)}::uuid[]))`,
      )
      .execute()
    return new Map(rows.map(row => [`${row.user_id}/${row.application_id}`, row.role as Role]))
  })
  return (userId, applicationId) => find(`${userId}/${applicationId}`)
}

/** All applications of a person with his role in each. */
export const rolesOf = (reader: Reader, userId: string) =>
  reader.selectFrom('application_members').select(['application_id', 'role']).where('user_id', '=', userId).execute()
