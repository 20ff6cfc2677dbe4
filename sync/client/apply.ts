// What the board commands do to rows, as far as a client can tell before the server has answered. Pure. The server
// decides in the end: this layer is thrown away when its answer is in the shapes. Commands that are not here, and rows
// that the client does not hold, have no optimistic effect.
import { place } from '../../server/kernel/placement.ts'
import { byRank } from '../../server/kernel/rank.ts'
import type { AnyRow, Mutation } from './types.ts'

/** The rows an effect may read and change, by shape name and row id. */
export interface View {
  get(shape: string, id: string): AnyRow | undefined
  rows(shape: string): Iterable<AnyRow>
  put(shape: string, id: string, row: AnyRow): void
  remove(shape: string, id: string): void
}

export interface EffectContext {
  /** ISO 8601; the transaction's `edited_at`. */
  readonly editedAt: string
  readonly userId: string | undefined
  readonly userName: string | undefined
}

type Args = Readonly<Record<string, unknown>>
type Effect = (view: View, args: Args, context: EffectContext) => void

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const number = (value: unknown): number => (typeof value === 'number' ? value : 0)

const patch = (view: View, shape: string, id: unknown, change: Args): void => {
  const row = view.get(shape, text(id))
  if (row) view.put(shape, text(id), { ...row, ...change })
}

const picked = (args: Args, names: readonly string[]): Args =>
  Object.fromEntries(names.filter(name => args[name] !== undefined).map(name => [name, args[name]]))

/** The rank for a row among `siblings`, or undefined when it stays where it is. */
const rankFor = (siblings: readonly AnyRow[], args: Args, moved: boolean): string | undefined => {
  const ranked = siblings.map(row => ({ id: text(row.id), rank: text(row.rank) }))
  try {
    const placement = place(ranked, args, moved, () => 0.5)
    if (placement.kind === 'rank') return placement.rank
    // the server will write the list anew; until then the neighbour's rank keeps the row close
    if (placement.kind === 'rewrite') return ranked.toSorted(byRank)[Math.max(0, placement.index - 1)]?.rank
    return undefined
  } catch {
    return undefined
  }
}

const siblings = (view: View, shape: string, parent: string, parentId: unknown, except: unknown): AnyRow[] =>
  [...view.rows(shape)].filter(row => row[parent] === parentId && row.id !== except)

const column = (view: View, statusId: unknown, except: unknown): AnyRow[] =>
  siblings(view, 'tasks', 'status_id', statusId, except).filter(
    row => row.deleted_at === null && row.archived_at === null,
  )

const isDone = (view: View, statusId: unknown): boolean =>
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

const count = (view: View, shape: string, id: unknown, changes: Readonly<Record<string, number>>): void => {
  const row = view.get(shape, text(id))
  if (!row) return
  const after = Object.entries(changes).map(([name, by]) => [name, Math.max(0, number(row[name]) + by)])
  view.put(shape, text(id), { ...row, ...Object.fromEntries(after) })
}

const countItems = (view: View, item: AnyRow, total: number, done: number): void => {
  count(view, 'tasks', item.task_id, { checklist_total: total, checklist_done: done })
  count(view, 'checklists', item.checklist_id, { total_items: total, completed_items: done })
}

const changeItem: Effect = (view, args, { editedAt, userId }) => {
  const item = view.get('checklist_items', text(args.id))
  if (!item) return
  const done = args.is_done
  const turned = typeof done === 'boolean' && done !== item.is_done
  const ticked = turned
    ? { is_done: done, completed_by_id: done ? (userId ?? null) : null, completed_at: done ? editedAt : null }
    : {}
  view.put('checklist_items', text(args.id), { ...item, ...picked(args, ['content']), ...ticked })
  if (turned) countItems(view, item, 0, done ? 1 : -1)
}

const removeItem = (view: View, item: AnyRow): void => {
  view.remove('checklist_items', text(item.id))
  countItems(view, item, -1, item.is_done === true ? -1 : 0)
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

const created = (args: Args, { editedAt }: EffectContext): Args => ({
  id: args.id,
  version: 0,
  created_at: editedAt,
  updated_at: editedAt,
})

const effects: Readonly<Record<string, Effect>> = {
  'task.create': (view, args, context) => {
    const statuses = siblings(view, 'task_statuses', 'project_id', args.project_id, undefined)
    const first = statuses
      .filter(row => row.category === 'todo')
      .map(row => ({ id: text(row.id), rank: text(row.rank) }))
      .toSorted(byRank)[0]
    const statusId = args.status_id ?? first?.id
    const project = view.get('projects', text(args.project_id)) ?? statuses[0]
    if (statusId === undefined || project === undefined) return
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
    if (args.status_id !== undefined) moveTask(view, { id: args.id, status_id: args.status_id }, context)
  },
  'task.move': moveTask,
  'task.archive': (view, args, { editedAt }) => {
    const task = view.get('tasks', text(args.id))
    if (task?.archived_at === null) patch(view, 'tasks', args.id, { archived_at: editedAt })
  },
  'task.unarchive': (view, args, { editedAt }) =>
    patch(view, 'tasks', args.id, { archived_at: null, unarchived_at: editedAt }),
  'task.delete': (view, args, { editedAt, userId }) => {
    for (const row of subtree(view, text(args.id))) {
      if (row.deleted_at !== null) continue
      patch(view, 'tasks', row.id, { deleted_at: editedAt, deleted_by_id: userId ?? null, trash_root_id: args.id })
    }
  },
  'task.restore': (view, args) => {
    const root = view.get('tasks', text(args.id))?.trash_root_id
    for (const row of subtree(view, text(args.id))) {
      if (root === undefined || root === null || row.trash_root_id !== root) continue
      patch(view, 'tasks', row.id, { deleted_at: null, deleted_by_id: null, trash_root_id: null })
    }
  },
  'task.purge': (view, args) => {
    for (const row of subtree(view, text(args.id))) if (row.deleted_at !== null) view.remove('tasks', text(row.id))
  },
  'checklist.create': (view, args, context) => {
    const task = view.get('tasks', text(args.task_id))
    if (!task) return
    view.put('checklists', text(args.id), {
      ...created(args, context),
      application_id: task.application_id,
      project_id: task.project_id,
      task_id: task.id,
      title: args.title,
      rank: rankFor(siblings(view, 'checklists', 'task_id', task.id, args.id), {}, true) ?? 'a0',
      total_items: 0,
      completed_items: 0,
    })
  },
  'checklist.update': (view, args) => patch(view, 'checklists', args.id, picked(args, ['title'])),
  'checklist.delete': (view, args) => {
    for (const item of siblings(view, 'checklist_items', 'checklist_id', args.id, undefined)) removeItem(view, item)
    view.remove('checklists', text(args.id))
  },
  'checklist.move': (view, args) => {
    const list = view.get('checklists', text(args.id))
    if (!list) return
    const rank = rankFor(siblings(view, 'checklists', 'task_id', list.task_id, list.id), args, false)
    if (rank !== undefined) patch(view, 'checklists', args.id, { rank })
  },
  'checklist_item.create': (view, args, context) => {
    const list = view.get('checklists', text(args.checklist_id))
    if (!list) return
    const done = args.is_done === true
    const item = {
      ...created(args, context),
      application_id: list.application_id,
      project_id: list.project_id,
      task_id: list.task_id,
      checklist_id: list.id,
      content: args.content,
      is_done: done,
      completed_by_id: done ? (context.userId ?? null) : null,
      completed_at: done ? context.editedAt : null,
      rank: rankFor(siblings(view, 'checklist_items', 'checklist_id', list.id, args.id), args, true) ?? 'a0',
    }
    view.put('checklist_items', text(args.id), item)
    countItems(view, item, 1, done ? 1 : 0)
  },
  'checklist_item.update': changeItem,
  'checklist_item.set_done': changeItem,
  'checklist_item.move': (view, args) => {
    const item = view.get('checklist_items', text(args.id))
    if (!item) return
    const listId = args.checklist_id ?? item.checklist_id
    const others = siblings(view, 'checklist_items', 'checklist_id', listId, item.id)
    const rank = rankFor(others, args, listId !== item.checklist_id) ?? item.rank
    patch(view, 'checklist_items', args.id, { checklist_id: listId, rank })
  },
  'checklist_item.delete': (view, args) => {
    const item = view.get('checklist_items', text(args.id))
    if (item) removeItem(view, item)
  },
  'comment.create': (view, args, context) => {
    const task = view.get('tasks', text(args.task_id))
    if (!task) return
    view.put('comments', text(args.id), {
      ...created(args, context),
      application_id: task.application_id,
      project_id: task.project_id,
      task_id: task.id,
      parent_id: args.parent_id ?? null,
      author_id: context.userId ?? null,
      author_name: context.userName ?? '',
      body: args.body ?? null,
      body_text: args.body_markdown ?? '',
      body_edited_at: null,
      deleted_at: null,
      deleted_by_id: null,
    })
    count(view, 'tasks', args.task_id, { comment_count: 1 })
  },
  'comment.update': (view, args, { editedAt }) => {
    const body = args.body === undefined ? {} : { body: args.body }
    const bodyText = args.body_markdown === undefined ? {} : { body_text: args.body_markdown }
    patch(view, 'comments', args.id, { ...body, ...bodyText, body_edited_at: editedAt })
  },
  'comment.delete': (view, args, { editedAt, userId }) => {
    const comment = view.get('comments', text(args.id))
    if (!comment || comment.deleted_at !== null) return
    patch(view, 'comments', args.id, { body: null, body_text: '', deleted_at: editedAt, deleted_by_id: userId ?? null })
    count(view, 'tasks', comment.task_id, { comment_count: -1 })
  },
  'status.create': (view, args, context) => {
    const others = siblings(view, 'task_statuses', 'project_id', args.project_id, args.id)
    const project = view.get('projects', text(args.project_id)) ?? others[0]
    if (!project) return
    view.put('task_statuses', text(args.id), {
      ...created(args, context),
      application_id: project.application_id,
      project_id: args.project_id,
      name: args.name,
      category: args.category,
      color: args.color ?? '#8B95A1',
      rank: rankFor(others, args, true) ?? 'a0',
    })
  },
  'status.update': (view, args) => patch(view, 'task_statuses', args.id, picked(args, ['name', 'color'])),
  'status.move': (view, args) => {
    const status = view.get('task_statuses', text(args.id))
    if (!status) return
    const rank = rankFor(siblings(view, 'task_statuses', 'project_id', status.project_id, status.id), args, false)
    if (rank !== undefined) patch(view, 'task_statuses', args.id, { rank })
  },
  'project.update': (view, args) =>
    patch(
      view,
      'projects',
      args.id,
      picked(args, ['name', 'description', 'project_type', 'due_date', 'lead_id', 'require_assignee', 'freeze_done']),
    ),
  'application.update': (view, args) =>
    patch(view, 'application', args.id, picked(args, ['name', 'description', 'editors_may_add_editors'])),
}

/** Lets `mutation` have its effect on `view`; without `id` a creation has none, because nobody knows the row's id yet. */
export const applyMutation = (view: View, mutation: Mutation, context: EffectContext): void => {
  if (mutation.name.endsWith('.create') && typeof mutation.args.id !== 'string') return
  effects[mutation.name]?.(view, mutation.args, context)
}

const homes: Readonly<Record<string, string>> = {
  application: 'application',
  project: 'projects',
  status: 'task_statuses',
  task: 'tasks',
  checklist: 'checklists',
  checklist_item: 'checklist_items',
  comment: 'comments',
}

/** The shape in which the row that a command is about lies, or undefined. */
export const shapeOfCommand = (name: string): string | undefined => homes[name.split('.')[0] ?? '']
