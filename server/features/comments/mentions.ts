// Who is named in comments and documents: rows for the members among them, kept equal to the content.
import { sql } from 'kysely'
import type { WriteContext } from '#server/kernel/command.ts'
import { uuid7 } from '#server/kernel/ids.ts'

/** The members of the application among `ids`, however many those are. */
export const membersAmong = async (
  { tx }: WriteContext,
  applicationId: string,
  ids: readonly string[],
): Promise<readonly string[]> => {
  if (ids.length === 0) return []
  const members = await tx
    .selectFrom('application_members')
    .select('user_id')
    .where('application_id', '=', applicationId)
    .where(sql<boolean>`user_id = any(${ids}::uuid[])`)
    .execute()
  return members.map(member => member.user_id)
}

/** What names people: a comment or a document of an application. */
export interface MentionSource {
  readonly column: 'comment_id' | 'document_id'
  readonly id: string
  readonly applicationId: string
}

/** Makes the mentions of `source` those of `people`, who are members. Answers who is named now and was not before. */
export const saveMentions = async (
  context: WriteContext,
  { column, id: sourceId, applicationId }: MentionSource,
  people: readonly string[],
): Promise<readonly string[]> => {
  const present = await context.tx
    .selectFrom('mentions')
    .select(['id', 'user_id'])
    .where(column, '=', sourceId)
    .execute()
  const named = new Set(people)
  const known = new Set(present.map(row => row.user_id))
  const gone = present.filter(row => !named.has(row.user_id)).map(row => row.id)
  const fresh = [...named].filter(id => !known.has(id))
  if (gone.length > 0) await context.tx.deleteFrom('mentions').where('id', 'in', gone).execute()
  if (fresh.length > 0) {
    await context.tx
      .insertInto('mentions')
      .values(
        fresh.map(userId => ({ id: uuid7(), application_id: applicationId, [column]: sourceId, user_id: userId })),
      )
      .execute()
  }
  if (gone.length + fresh.length > 0) context.touch('mentions')
  return fresh
}
