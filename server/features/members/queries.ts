// Reading memberships.
import { sql } from 'kysely'
import type { Reader, WriteTx } from '#server/kernel/database.ts'
import { type PageQuery, page } from '#server/kernel/pages.ts'
import type { Role } from '#server/kernel/policy.ts'
import { memberColumns } from './schema.ts'

const rows = (reader: Reader, applicationId: string, withEmail: boolean) =>
  reader
    .selectFrom('application_members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .select(memberColumns.map(column => `m.${column}` as const))
    .select(withEmail ? sql<string | null>`u.email`.as('email') : sql<string | null>`null`.as('email'))
    .where('m.application_id', '=', applicationId)

const withoutEmptyEmail = <Row extends { email?: unknown }>({ email, ...row }: Row) =>
  email === null || email === undefined ? row : { ...row, email }

/** All members, oldest first; e-mail addresses only where the caller may see them. */
export const listMembers = async (
  reader: Reader,
  applicationId: string,
  options: { readonly withEmail: boolean; readonly role?: string | undefined; readonly request: PageQuery },
) => {
  let query = rows(reader, applicationId, options.withEmail)
  if (options.role !== undefined) query = query.where('m.role', '=', options.role)
  const found = await page(query, {
    sort: [{ by: sql`m.created_at`, type: 'timestamptz' }],
    id: sql`m.id`,
    request: options.request,
    filters: [applicationId, options.role ?? null],
  })
  return { ...found, data: found.data.map(withoutEmptyEmail) }
}

export const findMember = async (reader: Reader, applicationId: string, userId: string, withEmail: boolean) => {
  const row = await rows(reader, applicationId, withEmail).where('m.user_id', '=', userId).executeTakeFirst()
  return row && withoutEmptyEmail(row)
}

/** Ids of the members, or of those with `role`. */
export const memberIds = async (
  db: Reader | WriteTx,
  applicationId: string,
  role?: Role,
): Promise<readonly string[]> => {
  let query = db.selectFrom('application_members').select('user_id').where('application_id', '=', applicationId)
  if (role !== undefined) query = query.where('role', '=', role)
  return (await query.execute()).map(row => row.user_id)
}

export const countMembers = async (reader: Reader, applicationId: string) => {
  const counts = await reader
    .selectFrom('application_members')
    .select(['role', sql<number>`count(*)::int`.as('count')])
    .where('application_id', '=', applicationId)
    .groupBy('role')
    .execute()
  const of = (role: string) => counts.find(entry => entry.role === role)?.count ?? 0
  const byRole = { owner: of('owner'), editor: of('editor'), viewer: of('viewer') }
  return { total: byRole.owner + byRole.editor + byRole.viewer, by_role: byRole }
}
