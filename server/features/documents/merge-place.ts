// Name, place and rank of a folder or document: each decided by edit time, rules checked on what wins (domain rules,
// sections 7 and 8.1). The row and its place are locked.
import { openClock } from '#server/kernel/clocks.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import type { Superseded, UnitEdit } from '#server/kernel/merge.ts'
import { freeName, placeOf, rankIn, type RankedList, requireFolder } from './place.ts'
import type { PlaceSubject } from './policy.ts'

/** Where a row stands now, in the words of its table. */
export interface Standing {
  readonly entityType: 'folder' | 'document'
  readonly table: RankedList['table']
  readonly row: PlaceSubject & {
    readonly id: string
    readonly version: number
    readonly created_at: Date
    readonly scope: string
    readonly rank: string
    readonly deleted_at: Date | null
  }
  readonly name: { readonly field: 'name' | 'title'; readonly value: string }
  readonly parent: { readonly field: 'parent_id' | 'folder_id'; readonly value: string | null }
}

/** What somebody wants; absent is unchanged. */
export interface PlaceEdits {
  readonly name?: string | undefined
  readonly parentId?: string | null | undefined
  readonly anchors?: {
    readonly after_id?: string | undefined
    readonly before_id?: string | undefined
    readonly rank?: string | undefined
  }
}

export interface MergedPlace {
  /** Columns to write: those that change. */
  readonly set: Readonly<Record<string, string | null>>
  readonly changed: readonly UnitEdit[]
  readonly superseded: readonly Superseded[]
}

/** Merges `edits` into `now`; `fits` checks a new parent beyond its scope. 422 and 409 `name_taken` for broken rules. */
export const mergePlace = async (
  context: WriteContext,
  now: Standing,
  edits: PlaceEdits,
  fits: (parentId: string | null) => Promise<void> = async () => {},
): Promise<MergedPlace> => {
  const { row, name, parent } = now
  const clock = await openClock(context, now.entityType, row)
  const units: UnitEdit[] = []
  if (edits.name !== undefined)
    units.push({ unit: name.field, field: name.field, value: edits.name, current: name.value })
  if (edits.parentId !== undefined) {
    units.push({ unit: 'place', field: parent.field, value: edits.parentId, current: parent.value })
  }
  const merged = clock.merge(units)
  const wins = new Map(merged.changed.map(edit => [edit.field, edit.value]))
  const moved = wins.has(parent.field)
  const parentId = (moved ? wins.get(parent.field) : parent.value) as string | null
  if (moved) {
    await requireFolder(context, placeOf(row), parentId, parent.field)
    await fits(parentId)
  }
  // a place that lost takes its rank along
  const lost = edits.parentId !== undefined && edits.parentId !== parent.value && !moved
  const list = { table: now.table, place: placeOf(row), folderId: parentId }
  const asked = lost || (!moved && edits.anchors === undefined) ? undefined : { ...edits.anchors }
  // a rank that loses is reported as it was asked for: making room for it would move its neighbours
  const rank =
    asked === undefined || moved || clock.wins('rank')
      ? asked && (await rankIn(context, list, { ...asked, except: row.id, moved }))
      : (asked.rank ?? asked)
  const ranked = clock.merge(
    rank === undefined ? [] : [{ unit: 'rank', field: 'rank', value: rank, current: row.rank }],
    moved,
  )
  clock.save()
  if (wins.size > 0 && row.deleted_at === null) {
    const wanted = (wins.get(name.field) ?? name.value) as string
    await freeName(context, row, { folderId: parentId, name: wanted, except: row.id })
  }
  const changed = [...merged.changed, ...ranked.changed]
  return {
    set: Object.fromEntries(changed.map(edit => [edit.field, edit.value as string | null])),
    changed,
    superseded: [...merged.superseded, ...ranked.superseded],
  }
}
