// Edit clocks have no foreign key: whoever deletes rows for good takes their clocks along, or a new row under an old id
// would inherit them.
import { sql } from 'kysely'
import type { WriteContext } from '#server/kernel/command.ts'

/** Deletes the clocks of the tasks in `scope` and of everything on them; before the rows themselves go. */
export const forgetClocks = async (
  context: WriteContext,
  scope: { readonly column: 'application_id' | 'project_id' | 'task_id'; readonly ids: readonly string[] },
): Promise<void> => {
  const own = sql.ref(scope.column)
  const ofTask = sql.ref(scope.column === 'task_id' ? 'id' : scope.column)
  await sql`delete from field_clocks where (entity_type, entity_id) in (
    select 'task', id from tasks where ${ofTask} = any(${scope.ids})
    union all select 'checklist', id from checklists where ${own} = any(${scope.ids})
    union all select 'checklist_item', id from checklist_items where ${own} = any(${scope.ids}))`.execute(context.tx)
}
