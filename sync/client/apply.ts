// What commands do to rows, as far as a client can tell before the server has answered. Pure. The server decides in the
// end: this layer is thrown away when its answer is in the shapes. Rows that the client does not hold are not invented.
import { boardEffects } from './effects/boards.ts'
import { checklistEffects } from './effects/checklists.ts'
import { commentEffects } from './effects/comments.ts'
import { documentCommentEffects } from './effects/document-comments.ts'
import { countingView } from './effects/counters.ts'
import { notificationEffects } from './effects/notifications.ts'
import { taskEffects } from './effects/tasks.ts'
import type { EffectContext, Effects, View } from './effects/view.ts'
import type { AnyRow, Mutation } from './types.ts'

export type { View } from './effects/view.ts'

const effects: Effects = {
  ...boardEffects,
  ...taskEffects,
  ...checklistEffects,
  ...commentEffects,
  ...documentCommentEffects,
  ...notificationEffects,
}

/** Names of the commands that show an effect at once. */
export const commandsWithEffect: readonly string[] = Object.keys(effects)

/** Lets `mutation` have its effect on `view`; without `id` a creation has none, because nobody knows the row's id yet. */
export const applyMutation = (view: View, mutation: Mutation, context: EffectContext): void => {
  if (mutation.name.endsWith('.create') && typeof mutation.args.id !== 'string') return
  effects[mutation.name]?.(countingView(view, context.editedAt), mutation.args, context)
}

const homes: Readonly<Record<string, string>> = {
  application: 'application',
  project: 'projects',
  status: 'task_statuses',
  task: 'tasks',
  checklist: 'checklists',
  checklist_item: 'checklist_items',
  comment: 'comments',
  notification: 'my_notifications',
}

/** The shape in which the row that a command is about lies, or undefined. */
export const shapeOfCommand = (name: string): string | undefined => homes[name.split('.')[0] ?? '']

// what an answer carries besides the columns of its row
const extras = new Set(['my_role', 'my_project_role', 'statuses', 'aggregate'])

/** The row inside an answer's data. */
export const bareRow = (data: AnyRow): AnyRow =>
  Object.fromEntries(Object.entries(data).filter(([name]) => !extras.has(name)))

/** The columns that came into being with a project, told in its answer. */
export const answeredStatuses = (data: AnyRow): readonly AnyRow[] =>
  Array.isArray(data.statuses) ? (data.statuses as AnyRow[]) : []
