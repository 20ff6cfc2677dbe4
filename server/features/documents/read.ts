// Opening a place or a document for reading: the row, or 404 for whoever may not see it.
import type { SignedIn } from '#server/kernel/actor.ts'
import type { Reader } from '#server/kernel/database.ts'
import { must } from '#server/kernel/must.ts'
import { decide, decision, type Standing, standingOf } from '#server/kernel/policy.ts'
import { readAccess } from '#server/kernel/reading.ts'
import { readStanding } from '../members/access.ts'
import { findPlace, type Place } from './place.ts'
import { type PlaceAction, placePolicy, type PlaceSubject } from './policy.ts'
import { documentColumns, type ScopeName } from './schema.ts'

interface Asking {
  readonly reader: Reader
  readonly actor: SignedIn
}

const accessOf = ({ reader, actor }: Asking) => readAccess(readStanding, reader, actor.userId)

/** The place that a caller names; 404, or 403 where he may see it but not `action`. */
export const readPlace = async (
  asking: Asking,
  named: { readonly scope: ScopeName; readonly scope_id?: string | undefined },
  action: PlaceAction = 'read',
): Promise<Place> => {
  const found = await findPlace(asking.reader, named, asking.actor.userId)
  await decide(placePolicy, action, found, asking.actor, accessOf(asking))
  return must(found)
}

/** What somebody of that standing may do with a row. */
export const rightsOf = (actor: SignedIn, { row, standing }: { row: PlaceSubject; standing: Standing }) => {
  const may = (action: PlaceAction) => decision(placePolicy, action, row, actor, standing) === 'allowed'
  return { can_view: may('read'), can_edit: may('edit'), is_owner: may('read') && standing.role === 'owner' }
}

/** What the caller may do at a place; nothing at one that is not there. */
export const rightsAt = async (asking: Asking, row: PlaceSubject | undefined) =>
  row
    ? rightsOf(asking.actor, { row, standing: await standingOf(placePolicy, row, asking.actor, accessOf(asking)) })
    : { can_view: false, can_edit: false, is_owner: false }

/** Grants reading what lies at a place; 404 for whoever may not see it. */
export const requireReadable = <Row extends PlaceSubject>(asking: Asking, row: Row | undefined) =>
  decide<PlaceAction, Row>(placePolicy, 'read', row, asking.actor, accessOf(asking))

/** A document, also from the trash, with the caller's standing there. */
export const grantedDocument = async (asking: Asking, id: string) => {
  const row = await asking.reader
    .selectFrom('documents')
    .select(documentColumns)
    .where('id', '=', id)
    .executeTakeFirst()
  return requireReadable(asking, row)
}

/** A document, also from the trash. */
export const readDocument = async (asking: Asking, id: string) => (await grantedDocument(asking, id)).row
