// What checklist commands do to rows (domain rules, section 4).
import type { AnyRow } from '../types.ts'
import {
  count,
  created,
  type Effect,
  type Effects,
  patch,
  picked,
  rankFor,
  reorder,
  siblings,
  text,
  type View,
} from './view.ts'

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

export const checklistEffects: Effects = {
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
  'checklist.reorder': (view, args) =>
    reorder(view, 'checklists', siblings(view, 'checklists', 'task_id', args.task_id, undefined), args.ids),
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
    const done = item.is_done === true ? 1 : 0
    count(view, 'checklists', item.checklist_id, { total_items: -1, completed_items: -done })
    count(view, 'checklists', listId, { total_items: 1, completed_items: done })
  },
  'checklist_item.reorder': (view, args) =>
    reorder(
      view,
      'checklist_items',
      siblings(view, 'checklist_items', 'checklist_id', args.checklist_id, undefined),
      args.ids,
    ),
  'checklist_item.delete': (view, args) => {
    const item = view.get('checklist_items', text(args.id))
    if (item) removeItem(view, item)
  },
}
