// Opening a task for reading: the row, or 404 for whoever may not see it.
import { decide } from '#server/kernel/policy.ts'
import { readAccess } from '#server/kernel/reading.ts'
import type { ReadContext } from '#server/kernel/route.ts'
import { readStanding } from '../members/access.ts'
import { taskPolicy } from './policy.ts'

/** Where the task lives, with proof that the caller may read it. */
export const readTaskScope = async ({ reader, actor }: ReadContext, id: string) => {
  const row = await reader
    .selectFrom('tasks')
    .select(['id', 'application_id', 'project_id'])
    .where('id', '=', id)
    .executeTakeFirst()
  return decide(taskPolicy, 'read', row, actor, readAccess(readStanding, reader, actor.userId))
}
