// People of an import: members of the application by the names that files give them.
import type { ImportDeps } from '../importer.ts'

/** Finds a member by name or address, and whether tasks of the project may be given to them. */
export type Finder = (name: string | undefined) => { readonly userId: string; readonly eligible: boolean } | undefined

/** The members of an application, for a project of it. */
export const peopleOf = async (deps: ImportDeps, applicationId: string, projectId: string): Promise<Finder> => {
  const rows = await deps.database.read(reader =>
    reader
      .selectFrom('application_members as m')
      .innerJoin('users as u', 'u.id', 'm.user_id')
      .leftJoin('project_members as p', join =>
        join.onRef('p.user_id', '=', 'm.user_id').on('p.project_id', '=', projectId),
      )
      .select(['m.user_id', 'm.role', 'm.display_name', 'u.email', 'p.id as project_row'])
      .where('m.application_id', '=', applicationId)
      .execute(),
  )
  return name => {
    const wanted = name?.replace(/^@/, '').toLowerCase()
    const row = rows.find(one => one.display_name.toLowerCase() === wanted || one.email.toLowerCase() === wanted)
    return (
      row && {
        userId: row.user_id,
        eligible: row.role === 'owner' || (row.role === 'editor' && row.project_row !== null),
      }
    )
  }
}

/** What is said of a task outside of todo that `importer` gets, since none of `names` can; the same for all names. */
export const insteadOf = (
  names: readonly string[],
  find: Finder,
  importer: string,
): { readonly message: string; readonly detail?: string } => {
  const [who] = names
  const why =
    who === undefined
      ? 'Nobody is named'
      : find(who) === undefined
        ? 'Whoever is named is unknown here'
        : 'Whoever is named may not have tasks of this project'
  return {
    message: `${why}; a task that is under way or done needs somebody: it is assigned to ${importer}, who imports.`,
    ...(who === undefined ? {} : { detail: who }),
  }
}
