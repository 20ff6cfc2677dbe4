// Opening a project for reading: the row, or 404 for whoever may not see it.
import { decide, type Granted } from '#server/kernel/policy.ts'
import { readAccess } from '#server/kernel/reading.ts'
import type { ReadContext } from '#server/kernel/route.ts'
import { readStanding } from '../members/access.ts'
import { type ProjectAction, projectPolicy } from './policy.ts'
import { projectColumns } from './schema.ts'

/** The project's row with proof that the caller may read it. */
export const readProject = async (context: ReadContext, id: string) => {
  const { reader, actor } = context
  const row = await reader.selectFrom('projects').select(projectColumns).where('id', '=', id).executeTakeFirst()
  const granted = await decide(projectPolicy, 'read', row, actor, readAccess(readStanding, reader, actor.userId))
  return granted as Granted<ProjectAction, NonNullable<typeof row>>
}
