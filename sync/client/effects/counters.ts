// What a task counts for: in its parent, in the aggregates of its project, and so in the project's status (domain rules,
// sections 6.10 to 6.12). A view that keeps them while effects change tasks.
import type { AnyRow } from '../types.ts'
import { count, number, patch, text, type View } from './view.ts'

/** The counters of `project_aggregates`. */
export const taskCounters = [
  'total_tasks',
  'todo_tasks',
  'active_tasks',
  'review_tasks',
  'issue_tasks',
  'done_tasks',
  'archived_tasks',
  'archived_done_tasks',
] as const

const derived = (counts: AnyRow): string => {
  const of = (name: (typeof taskCounters)[number]) => number(counts[name])
  if (of('total_tasks') === 0) return of('archived_done_tasks') === 0 ? 'todo' : 'done'
  if (of('done_tasks') === of('total_tasks')) return 'done'
  if (of('issue_tasks') > 0) return 'issue'
  if (of('todo_tasks') > 0) return 'todo'
  return of('active_tasks') > 0 || of('review_tasks') > 0 ? 'active' : 'todo'
}

/** Brings a project's derived and effective status up to its counters and its override. */
export const settleStatus = (view: View, projectId: unknown, now: string): void => {
  const project = view.get('projects', text(projectId))
  if (!project) return
  const counts = view.get('project_aggregates', text(projectId))
  const status = counts ? derived(counts) : project.derived_status
  const expires = project.override_expires_at
  const overridden = project.override_status !== null && (typeof expires !== 'string' || expires > now)
  patch(view, 'projects', projectId, {
    derived_status: status,
    effective_status: overridden ? project.override_status : status,
  })
}

interface Weight {
  readonly parentId: string
  readonly subtask: Readonly<Record<string, number>>
  readonly projectId: string
  readonly board: Readonly<Record<string, number>>
}

/** What `task` counts for, `sign` times; nothing in the trash. */
const weigh = (view: View, task: AnyRow | undefined, sign: 1 | -1): Weight | undefined => {
  if (!task || task.deleted_at !== null) return undefined
  const category = text(view.get('task_statuses', text(task.status_id))?.category)
  const done = category === 'done' ? sign : 0
  return {
    parentId: text(task.parent_id),
    subtask: { subtask_total: sign, subtask_done: done },
    projectId: text(task.project_id),
    board:
      task.archived_at === null
        ? { total_tasks: sign, ...(category === '' ? {} : { [`${category}_tasks`]: sign }) }
        : { archived_tasks: sign, archived_done_tasks: done },
  }
}

/** `view`, in which a change of a task moves the counters with it. */
export const countingView = (view: View, now: string): View => {
  const recount = (before: AnyRow | undefined, after: AnyRow | undefined): void => {
    for (const weight of [weigh(view, before, -1), weigh(view, after, 1)]) {
      if (!weight) continue
      count(view, 'tasks', weight.parentId, weight.subtask)
      count(view, 'project_aggregates', weight.projectId, weight.board)
    }
    settleStatus(view, (after ?? before)?.project_id, now)
  }
  return {
    get: (shape, id) => view.get(shape, id),
    rows: shape => view.rows(shape),
    put: (shape, id, row) => {
      const before = view.get(shape, id)
      view.put(shape, id, row)
      if (shape === 'tasks') recount(before, row)
    },
    remove: (shape, id) => {
      const before = view.get(shape, id)
      view.remove(shape, id)
      if (shape === 'tasks') recount(before, undefined)
    },
  }
}
