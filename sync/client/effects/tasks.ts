// What task commands do to rows (domain rules, sections 4 and 6).
import type { AnyRow } from '../types.ts'
import {
  type Args,
  count,
  created,
  type Effect,
  type EffectContext,
  type Effects,
  firstByRank,
  number,
  patch,
  picked,
  rankFor,
  siblings,
  text,
  type View,
} from './view.ts'

/** The visible cards of a column. */
export const column = (view: View, statusId: unknown, except: unknown): AnyRow[] =>
  siblings(view, 'tasks', 'status_id', statusId, except).filter(
    row => row.deleted_at === null && row.archived_at === null,
  )

/** Is this a column of category done? */
export const isDone = (view: View, statusId: unknown): boolean =>
  view.get('task_statuses', text(statusId))?.category === 'done'

const completion = (view: View, task: AnyRow, statusId: unknown, editedAt: string): Args => {
  const after = isDone(view, statusId)
  if (after === isDone(view, task.status_id)) return {}
  return { completed_at: after ? editedAt : null }
}

const taskFields = [
  'title',
  'description',
  'task_type',
  'priority',
  'assignee_id',
  'reporter_id',
  'parent_id',
  'story_points',
  'due_date',
] as const

const labelsAfter = (labels: unknown, args: Args): unknown => {
  if (Array.isArray(args.labels)) return args.labels
  const fold = (list: unknown) => (Array.isArray(list) ? (list as string[]) : [])
  const removed = new Set(fold(args.labels_remove).map(label => label.toLowerCase()))
  const kept = fold(labels).filter(label => !removed.has(label.toLowerCase()))
  const present = new Set(kept.map(label => label.toLowerCase()))
  return [...kept, ...fold(args.labels_add).filter(label => !present.has(label.toLowerCase()))]
}

const moveTask: Effect = (view, args, { editedAt }) => {
  const task = view.get('tasks', text(args.id))
  if (!task) return
  const statusId = args.status_id ?? task.status_id
  const moved = statusId !== task.status_id
  const rank = rankFor(column(view, statusId, task.id), args, moved) ?? task.rank
  view.put('tasks', text(args.id), {
    ...task,
    status_id: statusId,
    rank,
    ...completion(view, task, statusId, editedAt),
  })
}

/** Rows that go to the trash, or come from it, together with `id`. */
const subtree = (view: View, id: string): AnyRow[] => {
  const found: AnyRow[] = []
  const ids = new Set([id])
  for (let grew = true; grew; ) {
    grew = false
    for (const row of view.rows('tasks')) {
      const own = text(row.id)
      if (found.some(one => one.id === own) || !(own === id || ids.has(text(row.parent_id)))) continue
      found.push(row)
      ids.add(own)
      grew = true
    }
  }
  return found
}

/** Depths of a task and of everything below it, after it got another parent. */
const deepen = (view: View, id: string): void => {
  for (const row of subtree(view, id).toSorted((a, b) => number(a.depth) - number(b.depth))) {
    const parent = view.get('tasks', text(row.parent_id))
    const known = parent !== undefined || row.parent_id === null
    if (known) patch(view, 'tasks', row.id, { depth: parent ? number(parent.depth) + 1 : 0 })
  }
}

/** A task goes for good, with what hangs on it. */
export const removeTask = (view: View, id: string): void => {
  for (const comment of siblings(view, 'comments', 'task_id', id, undefined)) {
    for (const mention of siblings(view, 'mentions', 'comment_id', comment.id, undefined)) {
      view.remove('mentions', text(mention.id))
    }
    view.remove('comments', text(comment.id))
  }
  for (const shape of ['checklist_items', 'checklists']) {
    for (const row of siblings(view, shape, 'task_id', id, undefined)) view.remove(shape, text(row.id))
  }
  view.remove('tasks', id)
}

/** A new or returning task brings an archived project back. */
export const bringBack = (view: View, projectId: unknown, { editedAt }: EffectContext): void => {
  const project = view.get('projects', text(projectId))
  if (!project || project.archived_at === null) return
  patch(view, 'projects', projectId, { archived_at: null, unarchived_at: editedAt })
  count(view, 'application', project.application_id, { projects_count: 1 })
}

/** Everything of a column goes to the end of another one, in its order. */
export const emptyColumn = (view: View, from: unknown, to: unknown, editedAt: string): void => {
  let moving = siblings(view, 'tasks', 'status_id', from, undefined)
  for (let next = firstByRank(moving); next; next = firstByRank(moving)) {
    const { id } = next
    moving = moving.filter(row => row.id !== id)
    patch(view, 'tasks', id, {
      status_id: to,
      rank: rankFor(siblings(view, 'tasks', 'status_id', to, id), {}, true) ?? next.rank,
      ...completion(view, next, to, editedAt),
    })
  }
}

export const taskEffects: Effects = {
  'task.create': (view, args, context) => {
    const statuses = siblings(view, 'task_statuses', 'project_id', args.project_id, undefined)
    const first = firstByRank(statuses.filter(row => row.category === 'todo'))
    const statusId = args.status_id ?? first?.id
    const project = view.get('projects', text(args.project_id)) ?? statuses[0]
    if (statusId === undefined || project === undefined) return
    bringBack(view, args.project_id, context)
    view.put('tasks', text(args.id), {
      ...created(args, context),
      application_id: project.application_id,
      project_id: args.project_id,
      number: 0,
      task_key: '',
      title: args.title,
      description: args.description ?? null,
      task_type: args.task_type ?? 'story',
      priority: args.priority === 'critical' ? 'highest' : (args.priority ?? 'medium'),
      status_id: statusId,
      rank: rankFor(column(view, statusId, args.id), args, true) ?? 'a0',
      assignee_id: args.assignee_id ?? null,
      reporter_id: args.reporter_id === undefined ? (context.userId ?? null) : args.reporter_id,
      created_by_id: context.userId ?? null,
      parent_id: args.parent_id ?? null,
      depth: args.parent_id ? number(view.get('tasks', text(args.parent_id))?.depth) + 1 : 0,
      labels: args.labels ?? [],
      story_points: args.story_points ?? null,
      due_date: args.due_date ?? null,
      completed_at: isDone(view, statusId) ? context.editedAt : null,
      archived_at: null,
      unarchived_at: null,
      deleted_at: null,
      deleted_by_id: null,
      trash_root_id: null,
      checklist_total: 0,
      checklist_done: 0,
      comment_count: 0,
      attachment_count: 0,
      subtask_total: 0,
      subtask_done: 0,
    })
  },
  'task.update': (view, args, context) => {
    const task = view.get('tasks', text(args.id))
    if (!task) return
    const priority = args.priority === 'critical' ? { priority: 'highest' } : {}
    const labels = { labels: labelsAfter(task.labels, args) }
    view.put('tasks', text(args.id), { ...task, ...picked(args, taskFields), ...priority, ...labels })
    if (args.parent_id !== undefined) deepen(view, text(args.id))
    if (args.status_id !== undefined) moveTask(view, { id: args.id, status_id: args.status_id }, context)
  },
  'task.move': moveTask,
  'task.archive': (view, args, { editedAt }) => {
    const task = view.get('tasks', text(args.id))
    if (task?.archived_at === null) patch(view, 'tasks', args.id, { archived_at: editedAt })
  },
  'task.unarchive': (view, args, context) => {
    const task = view.get('tasks', text(args.id))
    if (!task || task.archived_at === null) return
    bringBack(view, task.project_id, context)
    patch(view, 'tasks', args.id, { archived_at: null, unarchived_at: context.editedAt })
  },
  'task.delete': (view, args, { editedAt, userId }) => {
    for (const row of subtree(view, text(args.id))) {
      if (row.deleted_at !== null) continue
      patch(view, 'tasks', row.id, { deleted_at: editedAt, deleted_by_id: userId ?? null, trash_root_id: args.id })
    }
  },
  'task.restore': (view, args, context) => {
    const task = view.get('tasks', text(args.id))
    if (!task || task.trash_root_id === null) return
    bringBack(view, task.project_id, context)
    const parent = view.get('tasks', text(task.parent_id))
    if (parent && parent.deleted_at !== null) {
      patch(view, 'tasks', args.id, {
        parent_id: null,
        task_type: task.task_type === 'subtask' ? 'task' : task.task_type,
      })
      deepen(view, text(args.id))
    }
    for (const row of subtree(view, text(args.id))) {
      if (row.trash_root_id !== task.trash_root_id) continue
      patch(view, 'tasks', row.id, { deleted_at: null, deleted_by_id: null, trash_root_id: null })
    }
  },
  'task.purge': (view, args) => {
    if (view.get('tasks', text(args.id))?.deleted_at === null) return
    for (const row of subtree(view, text(args.id))) if (row.deleted_at !== null) removeTask(view, text(row.id))
  },
}
