// What comment commands do to rows (domain rules, section 4).
import { count, created, type Effects, patch, siblings, text } from './view.ts'

export const commentEffects: Effects = {
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
    for (const mention of siblings(view, 'mentions', 'comment_id', args.id, undefined)) {
      view.remove('mentions', text(mention.id))
    }
    count(view, 'tasks', comment.task_id, { comment_count: -1 })
  },
}
