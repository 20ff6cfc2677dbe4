// Who may see whom: people who share an application, by name; an exact address only for those who may invite.
import { sql } from 'kysely'
import type { Reader, WriteTx } from '#server/kernel/database.ts'
import { likePattern, page, type PageQuery } from '#server/kernel/pages.ts'
import { type Caller, within } from '#server/kernel/reading.ts'
import { foldEmail, ownColumns } from './schema.ts'

/** The own account, or undefined when it is gone. */
export const findOwn = (db: Reader | WriteTx, id: string) =>
  db.selectFrom('users').select(ownColumns).where('id', '=', id).executeTakeFirst()

/** An account by its address, with what signing in needs. */
export const findForSignIn = (db: Reader, email: string) =>
  db
    .selectFrom('users')
    .select([...ownColumns, 'password_hash', 'disabled_at'])
    .where(sql`lower(email)`, '=', foldEmail(email))
    .executeTakeFirst()

/** Applications that both belong to. */
const sharedApplications = (reader: Reader, caller: Caller, otherId: string) =>
  reader
    .selectFrom('application_members as mine')
    .innerJoin('application_members as theirs', 'theirs.application_id', 'mine.application_id')
    .select('mine.application_id as id')
    .where('mine.user_id', '=', caller.userId)
    .where(within(caller, 'mine.application_id'))
    .where('theirs.user_id', '=', otherId)
    .orderBy('mine.application_id')
    .execute()

/** A person as the caller may see him; undefined for strangers, as for ids that do not exist. */
export const findPerson = async (reader: Reader, caller: Caller, id: string) => {
  const shared = await sharedApplications(reader, caller, id)
  if (shared.length === 0 && id !== caller.userId) return undefined
  const person = await reader
    .selectFrom('users')
    .select(['id', 'display_name', 'avatar_url'])
    .where('id', '=', id)
    .executeTakeFirst()
  return person && { ...person, shared_application_ids: shared.map(row => row.id) }
}

const isAddress = (text: string): boolean => /^[^\s@]+@[^\s@]+$/.test(text)

/**
 * People whose name contains `text` among those who share an application with the caller; a complete address also finds
 * exactly that account, if the caller may invite somewhere. Never the caller.
 */
export const searchPeople = (reader: Reader, caller: Caller, text: string, request: PageQuery) => {
  const callerId = caller.userId
  const people = reader
    .selectFrom('users')
    .select(['users.id', 'users.display_name', 'users.avatar_url'])
    .where('users.id', '!=', callerId)
    .where('users.disabled_at', 'is', null)
    .where(where => {
      const coMember = sql<boolean>`exists (
        select 1 from application_members mine
          join application_members theirs using (application_id)
         where mine.user_id = ${callerId} and theirs.user_id = users.id and ${within(caller, 'mine.application_id')})`
      const byName = where.and([coMember, sql<boolean>`users.display_name ilike ${likePattern(text)}`])
      if (!isAddress(text)) return byName
      const mayInvite = sql<boolean>`exists (
        select 1 from application_members mine
         where mine.user_id = ${callerId} and mine.role in ('owner', 'editor') and ${within(caller, 'mine.application_id')})`
      return where.or([byName, where.and([mayInvite, sql<boolean>`lower(users.email) = ${foldEmail(text)}`])])
    })
  return page(people, {
    sort: [{ by: sql`lower(users.display_name)`, type: 'text' }],
    id: sql`users.id`,
    request,
    filters: { callerId, text },
  })
}
