// What comments on tasks and on documents have in common: threads of one level, who wrote in them, and how much one task
// or document holds, so that a page of its threads stays an answer. The task or document is locked by the caller.
import { sql } from 'kysely'
import type { ContentNode } from '#server/content/model.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError, invalidAt } from '#server/kernel/errors.ts'

/** What is commented on. */
export interface Subject {
  readonly table: 'comments' | 'document_comments'
  readonly column: 'task_id' | 'document_id'
  readonly id: string
}

/** Comments and replies, tombstones too. */
const commentLimit = 2000
/** Bytes of their bodies as JSON. */
const bytesLimit = 8 * 1024 * 1024

const bytesOf = (content: unknown): number => (content === undefined ? 0 : Buffer.byteLength(JSON.stringify(content)))

const here = ({ column, id }: Subject) => sql<boolean>`${sql.ref(column)} = ${id}`

/**
 * 409 `limit_reached` when there is no room for one more comment with `content` or, where there is one `before`, for the
 * growth of that.
 */
export const requireRoom = async (
  { tx }: WriteContext,
  subject: Subject,
  content: ContentNode,
  before?: unknown,
): Promise<void> => {
  const growth = bytesOf(content) - bytesOf(before)
  if (before !== undefined && growth <= 0) return
  const { count, bytes } = await tx
    .selectFrom(subject.table)
    .select([sql<number>`count(*)::int`.as('count'), sql<number>`coalesce(sum(body_bytes), 0)::int`.as('bytes')])
    .where(here(subject))
    .executeTakeFirstOrThrow()
  if (before === undefined && count >= commentLimit)
    throw new AppError('limit_reached', { message: `There are at most ${commentLimit} comments here.` })
  if (bytes + growth > bytesLimit)
    throw new AppError('limit_reached', { message: `The comments here have at most ${bytesLimit / 2 ** 20} MiB.` })
}

/** 422 unless `parentId` begins a thread there; a tombstone may. */
export const requireThread = async ({ tx }: WriteContext, subject: Subject, parentId: string): Promise<void> => {
  const parent = await tx
    .selectFrom(subject.table)
    .select('parent_id')
    .where('id', '=', parentId)
    .where(here(subject))
    .executeTakeFirst()
  if (!parent) throw invalidAt('parent_id', 'parent_foreign', 'The comment belongs to something else.')
  if (parent.parent_id !== null) throw invalidAt('parent_id', 'reply_to_reply', 'Replies are not replied to.')
}

/** Who wrote in the thread that `threadId` begins, those of deleted comments included. */
export const writersIn = async ({ tx }: WriteContext, { table }: Subject, threadId: string) => {
  const rows = await tx
    .selectFrom(table)
    .select('author_id')
    .distinct()
    .where(where => where.or([where('id', '=', threadId), where('parent_id', '=', threadId)]))
    .execute()
  return rows.map(row => row.author_id)
}
