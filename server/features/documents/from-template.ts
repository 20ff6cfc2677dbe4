// The first content of a document that is made from a template.
import type { ContentNode } from '#server/content/model.ts'
import { dayIn, fillPlaceholders } from '#server/content/placeholders.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import { invalidAt } from '#server/kernel/errors.ts'
import { reaches } from '#server/kernel/scopes.ts'
import type { PlaceSubject } from './policy.ts'

/**
 * The content of a template of the place's application, or of the caller's own, with its placeholders filled: the day is
 * the one on which the person made the document, where he is. 422 `template_foreign` for any other template.
 */
export const contentFromTemplate = async (
  context: WriteContext,
  place: PlaceSubject,
  templateId: string,
  title: string,
): Promise<ContentNode> => {
  const { actor, userId } = context
  const template = await context.tx
    .selectFrom('document_templates')
    .select(['application_id', 'user_id', 'content_json'])
    .where('id', '=', templateId)
    .executeTakeFirst()
  const isOpen =
    template?.user_id === null
      ? template.application_id === place.application_id
      : template?.user_id === userId && reaches(actor, undefined)
  if (!template || !isOpen)
    throw invalidAt('template_id', 'template_foreign', 'The template belongs to another application or person.')
  const { time_zone: timeZone } = await context.tx
    .selectFrom('users')
    .select('time_zone')
    .where('id', '=', userId)
    .executeTakeFirstOrThrow()
  return fillPlaceholders(template.content_json as unknown as ContentNode, {
    title,
    date: dayIn(timeZone, context.stamp.editedAt),
    author: actor.displayName,
  })
}
