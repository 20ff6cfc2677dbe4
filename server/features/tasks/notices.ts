// Who hears of what about tasks (domain rules, section 11). A message names the column, or the fields that changed.
import type { WriteContext } from '#server/kernel/command.ts'
import type { UnitEdit } from '#server/kernel/merge.ts'

interface TaskRow {
  readonly id: string
  readonly task_key: string
  readonly title: string
  readonly application_id: string
  readonly project_id: string
}

interface Assigned {
  readonly assignee_id: string | null
  readonly reporter_id: string | null
}

/** What every notice about a task says. */
export const noticeAbout = (task: TaskRow) => ({
  title: `${task.task_key} ${task.title}`,
  entity: { type: 'task', id: task.id },
  applicationId: task.application_id,
  projectId: task.project_id,
  taskId: task.id,
})

/** Who has to do with a task. */
export const involvedIn = (task: Assigned) => [task.assignee_id, task.reporter_id]

const told = new Set(['title', 'description', 'task_type', 'priority', 'due_date', 'story_points', 'parent_id'])

const fieldsOf = (changed: readonly UnitEdit[]): string[] => [
  ...changed.map(edit => edit.unit).filter(unit => told.has(unit)),
  ...(changed.some(edit => edit.unit.startsWith('label:')) ? ['labels'] : []),
]

/** A task was given to somebody. */
export const announceAssignment = (context: WriteContext, task: TaskRow & Assigned): void =>
  context.notify({ ...noticeAbout(task), type: 'task_assigned', to: [task.assignee_id] })

/** An assignment was taken away, or passed on, from `formerId`. */
export const announceWithdrawal = (context: WriteContext, task: TaskRow, formerId: string | null): void =>
  context.notify({ ...noticeAbout(task), type: 'task_updated', to: [formerId], message: 'assignee_id' })

/** What `changed` made of `before`; `column` is the name of the one that the card has come into. */
export const announceChange = (
  context: WriteContext,
  { before, after }: { readonly before: Assigned; readonly after: TaskRow & Assigned },
  changed: readonly UnitEdit[],
  column: string | undefined,
): void => {
  if (after.assignee_id !== before.assignee_id) {
    announceAssignment(context, after)
    announceWithdrawal(context, after, before.assignee_id)
  }
  const about = { ...noticeAbout(after), to: involvedIn(after) }
  if (column !== undefined) context.notify({ ...about, type: 'status_change', message: column })
  const fields = fieldsOf(changed)
  if (fields.length > 0) context.notify({ ...about, type: 'task_updated', message: fields.join(', ') })
}

/** Tasks went into the trash or came back together: one event, of `root` for those who have to do with it. */
export const announceLot = (
  context: WriteContext,
  root: TaskRow & Assigned,
  lot: readonly (TaskRow & Assigned)[],
  message: 'trashed' | 'restored',
): void => {
  for (const task of [root, ...lot]) {
    context.notify({ ...noticeAbout(task), type: 'task_updated', to: involvedIn(task), message, event: root.id })
  }
}
