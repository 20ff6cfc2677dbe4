// What commands on comments of documents do to rows. They lie in one of two shapes: an application's, or a person's own.
import { type Args, created, type Effect, type EffectContext, type Effects, patch, text, type View } from './view.ts'

const homes = [
  { documents: 'documents', comments: 'document_comments' },
  { documents: 'personal_documents', comments: 'personal_document_comments' },
] as const

/** Changes a comment, wherever the client holds it. */
const change =
  (make: (args: Args, context: EffectContext) => Args): Effect =>
  (view, args, context) => {
    for (const { comments } of homes) patch(view, comments, args.id, make(args, context))
  }

const anchorOf = (args: Args): Args => {
  const { anchor } = args as { anchor?: { start: string; end: string; quote: string } }
  return { anchor_start: anchor?.start ?? null, anchor_end: anchor?.end ?? null, quote: anchor?.quote ?? null }
}

const create = (view: View, args: Args, context: EffectContext): void => {
  // where that text stands, the server finds out
  if (args.find !== undefined) return
  for (const { documents, comments } of homes) {
    const document = view.get(documents, text(args.document_id))
    if (!document) continue
    view.put(comments, text(args.id), {
      ...created(args, context),
      application_id: document.application_id,
      user_id: document.user_id,
      document_id: document.id,
      parent_id: args.parent_id ?? null,
      author_id: context.userId ?? null,
      author_name: context.userName ?? '',
      body: args.body ?? null,
      body_text: args.body_markdown ?? '',
      body_edited_at: null,
      ...anchorOf(args),
      resolved_at: null,
      resolved_by_id: null,
      deleted_at: null,
      deleted_by_id: null,
    })
  }
}

export const documentCommentEffects: Effects = {
  'document_comment.create': create,
  'document_comment.update': change((args, { editedAt }) => ({
    ...(args.body === undefined ? {} : { body: args.body }),
    ...(args.body_markdown === undefined ? {} : { body_text: args.body_markdown }),
    body_edited_at: editedAt,
  })),
  'document_comment.delete': change((_args, { editedAt, userId }) => ({
    body: null,
    body_text: '',
    deleted_at: editedAt,
    deleted_by_id: userId ?? null,
  })),
  'document_comment.resolve': change((_args, { editedAt, userId }) => ({
    resolved_at: editedAt,
    resolved_by_id: userId ?? null,
  })),
  'document_comment.reopen': change(() => ({ resolved_at: null, resolved_by_id: null })),
}
