// Making the columns of a new project.
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuid7 } from '#server/kernel/ids.ts'
import { freshRanks } from '#server/kernel/rank.ts'
import type { Category } from '../projects/schema.ts'
import { statusColumns } from './schema.ts'

/** Colour of a category where none is given (domain rules, section 6.1). */
export const categoryColors: Readonly<Record<Category, string>> = {
  todo: '#8B95A1',
  active: '#2F80ED',
  review: '#9B51E0',
  issue: '#EB5757',
  done: '#27AE60',
}

export interface NewStatus {
  readonly id?: string | undefined
  readonly name: string
  readonly category: Category
  readonly color?: string | undefined
}

export const defaultStatuses: readonly NewStatus[] = [
  { name: 'Todo', category: 'todo' },
  { name: 'In Progress', category: 'active' },
  { name: 'In Review', category: 'review' },
  { name: 'Issue', category: 'issue' },
  { name: 'Done', category: 'done' },
]

/** Inserts `list` in order as the columns of a project that has none yet. */
export const createStatuses = async (
  context: WriteContext,
  project: { readonly id: string; readonly applicationId: string },
  list: readonly NewStatus[],
) => {
  const names = new Set(list.map(status => status.name.toLowerCase()))
  if (names.size < list.length) throw new AppError('name_taken')
  const ranks = freshRanks(list.length, context.random)
  return context.tx
    .insertInto('task_statuses')
    .values(
      list.map((status, index) => ({
        id: status.id ?? uuid7(),
        application_id: project.applicationId,
        project_id: project.id,
        name: status.name,
        category: status.category,
        color: status.color ?? categoryColors[status.category],
        rank: ranks[index] ?? '',
      })),
    )
    .returning(statusColumns)
    .execute()
}
