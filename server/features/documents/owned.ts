// What an application or a person has beside documents, each under a name of its own: tags and templates. A creation has
// the place of their owner locked.
import { sql } from 'kysely'
import type { WriteContext } from '#server/kernel/command.ts'
import { AppError, notFound } from '#server/kernel/errors.ts'
import { decide, requireLive } from '#server/kernel/policy.ts'
import { placePolicy, type PlaceSubject } from './policy.ts'

type OwnedTable = 'document_tags' | 'document_templates'
type Owner = Pick<PlaceSubject, 'application_id' | 'user_id'>

/** Where the row lies: in no project. */
export const placeOfOwner = ({ application_id, user_id }: Owner): PlaceSubject => ({
  application_id,
  project_id: null,
  user_id,
})

interface ReadOne<Row> {
  executeTakeFirst(): Promise<Row | undefined>
}

/** 404, 403, 409 `application_archived`; otherwise the row that `query` finds by its id, locked until the commit. */
export const openOwned = async <Row extends Owner>(
  context: WriteContext,
  query: ReadOne<Row> & { forNoKeyUpdate(): ReadOne<Row> },
): Promise<Row> => {
  const found = await query.executeTakeFirst()
  requireLive(await decide(placePolicy, 'edit', found && placeOfOwner(found), context.actor, context.access))
  const row = await query.forNoKeyUpdate().executeTakeFirst()
  if (!row) throw notFound()
  return row
}

/** Rows of the same application or person. */
export const ofOwner = (owner: Owner) =>
  owner.user_id === null
    ? sql<boolean>`application_id = ${owner.application_id}`
    : sql<boolean>`user_id = ${owner.user_id}`

/** 409 `limit_reached` when the owner has `limit` rows. */
export const requireRoom = async (
  context: WriteContext,
  table: OwnedTable,
  owner: Owner,
  limit: number,
): Promise<void> => {
  const { count } = await context.tx
    .selectFrom(table)
    .select(sql<number>`count(*)::int`.as('count'))
    .where(ofOwner(owner))
    .executeTakeFirstOrThrow()
  if (count >= limit)
    throw new AppError('limit_reached', { message: `There are at most ${limit} of them; delete one first.` })
}

/** 409 `name_taken` when another row of the owner than `except` has the name, whatever its case. */
export const requireFreeName = async (
  context: WriteContext,
  table: OwnedTable,
  owner: Owner,
  { name, except }: { readonly name: string; readonly except?: string },
): Promise<void> => {
  const holder = await context.tx
    .selectFrom(table)
    .select('id')
    .where(ofOwner(owner))
    .where(sql<boolean>`lower(name) = lower(${name})`)
    .executeTakeFirst()
  if (holder && holder.id !== except) throw new AppError('name_taken', { details: { existing_id: holder.id } })
}
