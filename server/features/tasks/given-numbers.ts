// Numbers that a project has given to tasks: they are never given again (domain rules, section 6.2).
import { sql } from 'kysely'
import type { Reader } from '#server/kernel/database.ts'

/**
 * The numbers of a project's tasks, those in the trash and those that are gone for good included; `only`: just this one, if
 * it was given. What is gone for good is known by the activity that its end leaves.
 */
export const givenNumbers = async (reader: Reader, projectId: string, only?: number): Promise<ReadonlySet<number>> => {
  const { rows } = await sql<{ number: number }>`
    select number from (
      select number from tasks where project_id = ${projectId}
      union all
      select substring(split_part(entity_label, ' ', 1) from '[0-9]+$')::int from activities
       where project_id = ${projectId} and entity_type = 'task' and action = 'task.purge') given
     where ${only ?? null}::int is null or number = ${only ?? null}::int`.execute(reader)
  return new Set(rows.map(row => row.number))
}
