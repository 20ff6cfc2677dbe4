// Which application, project and person a command of imports and exports means.
import { sql } from 'kysely'
import type { DocumentTarget } from '../features/transfers/index.ts'
import { foldEmail } from '../features/users/schema.ts'
import type { Reader } from '#server/kernel/database.ts'
import type { CommandSession } from './session.ts'

export interface Target {
  readonly applicationId: string
  readonly applicationName: string
  readonly userId: string
}

/** Names or ids from the command line. */
export interface TargetNames {
  readonly application: string
  /** E-mail address; the first owner where none is named. */
  readonly as: string | undefined
}

const shown = 10

/** Those that the person could have meant (all, where nobody is named), as the end of a message. */
const applicationsOf = async (reader: Reader, as: string | undefined): Promise<string> => {
  let query = reader.selectFrom('applications as a').select(['a.name', 'a.id']).orderBy('a.name')
  if (as !== undefined)
    query = query
      .innerJoin('application_members as m', 'm.application_id', 'a.id')
      .innerJoin('users as u', 'u.id', 'm.user_id')
      .where(sql`lower(u.email)`, '=', foldEmail(as))
  const rows = await query.limit(shown + 1).execute()
  if (rows.length === 0) return as === undefined ? ' It has none yet.' : ` ${as} is a member of none.`
  const list = rows.slice(0, shown).map(({ name, id }) => `\n  ${id}  ${name}`)
  return ` There are:${list.join('')}${rows.length > shown ? '\n  …' : ''}`
}

/** The application and the person in it. Throws with a sentence for the terminal where one is missing or ambiguous. */
export const findTarget = async (
  { database, place }: CommandSession,
  { application, as }: TargetNames,
): Promise<Target> =>
  database.read(async reader => {
    const isId = /^[0-9a-f-]{36}$/i.test(application)
    const found = await reader
      .selectFrom('applications')
      .select(['id', 'name'])
      .where(isId ? 'id' : 'name', '=', application)
      .execute()
    const [row, second] = found
    if (!row) {
      const others = await applicationsOf(reader, as)
      throw new Error(`There is no application ${JSON.stringify(application)} in ${place}.${others}`)
    }
    if (second) throw new Error(`Several applications are called ${JSON.stringify(application)}; name one by its id.`)
    let people = reader
      .selectFrom('application_members as m')
      .innerJoin('users as u', 'u.id', 'm.user_id')
      .select('u.id')
      .where('m.application_id', '=', row.id)
      .orderBy('m.created_at')
    people =
      as === undefined ? people.where('m.role', '=', 'owner') : people.where(sql`lower(u.email)`, '=', foldEmail(as))
    const person = await people.executeTakeFirst()
    if (!person) throw new Error(`${as ?? 'An owner'} is no member of ${row.name}.`)
    return { applicationId: row.id, applicationName: row.name, userId: person.id }
  })

/** The application's own documents, or those of the project with this key. */
export const documentTarget = async (
  { database }: CommandSession,
  applicationId: string,
  projectKey: string | undefined,
): Promise<DocumentTarget> => {
  if (projectKey === undefined) return { scope: 'application', scopeId: applicationId, applicationId }
  const project = await database.read(reader =>
    reader
      .selectFrom('projects')
      .select('id')
      .where('application_id', '=', applicationId)
      .where('key', '=', projectKey.toUpperCase())
      .executeTakeFirst(),
  )
  if (!project) throw new Error(`There is no project with the key ${projectKey} in the application.`)
  return { scope: 'project', scopeId: project.id, applicationId }
}
