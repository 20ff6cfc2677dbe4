// Edit clocks in the database: one row per mergeable entity, read and written under that entity's row lock.
import { sql } from 'kysely'
import type { ActivityEntry, WriteContext } from './command.ts'
import { AppError } from './errors.ts'
import { type Clock, clockOf, type MergeResult, mergeUnits, type UnitClock, type UnitEdit, wins } from './merge.ts'

/** Starts the clock of a new row: units without an entry of their own count as edited then. */
export const startClock = (context: WriteContext, entityType: string, entityId: string): void => {
  context.later(
    context.tx
      .insertInto('field_clocks')
      .values({ entity_type: entityType, entity_id: entityId, base_at: context.stamp.editedAt })
      .onConflict(conflict => conflict.doNothing()),
  )
}

const same = (a: unknown, b: unknown): boolean =>
  a instanceof Date && b instanceof Date
    ? a.getTime() === b.getTime()
    : typeof a === 'object' || typeof b === 'object'
      ? JSON.stringify(a) === JSON.stringify(b)
      : a === b

export interface RowMerge extends MergeResult {
  /** Applied edits whose value differs from the stored one. */
  readonly changed: readonly UnitEdit[]
}

/** 409 with the present row when the caller named a version that it no longer has. */
export const requireVersion = (context: WriteContext, row: { readonly version: number }): void => {
  if (context.expectedVersion !== undefined && context.expectedVersion !== row.version) {
    throw new AppError('version_conflict', { details: { current: row } })
  }
}

export interface OpenClock {
  /** Would an edit of this unit be applied? */
  wins(unit: string): boolean
  /**
   * Merges `edits`; `forced` ones win whatever the clock says. An edit that loses but says what is stored already is
   * not reported.
   */
  merge(edits: readonly UnitEdit[], forced?: boolean): RowMerge
  /** Stores the clock entries of everything that was applied. */
  save(): void
}

/**
 * Reads the edit clock of `row`, which the caller has locked. A strict write (expected version) applies every unit and
 * is stamped with the server's now; 409 `version_conflict` when the version is another.
 */
export const openClock = async (
  context: WriteContext,
  entityType: string,
  row: { readonly id: string; readonly version: number; readonly created_at: Date },
): Promise<OpenClock> => {
  requireVersion(context, row)
  const strict = context.expectedVersion !== undefined
  const stamp = strict ? { ...context.stamp, editedAt: context.now } : context.stamp
  const held = await context.tx
    .selectFrom('field_clocks')
    .select(['base_at', 'clock'])
    .where('entity_type', '=', entityType)
    .where('entity_id', '=', row.id)
    .executeTakeFirst()
  const baseAt = held?.base_at ?? row.created_at
  const clock = (held?.clock ?? {}) as unknown as Clock
  const written: Record<string, UnitClock> = {}
  return {
    wins: unit => strict || wins(stamp, clock[unit], baseAt),
    merge: (edits, forced = false) => {
      const merged = mergeUnits(edits, clock, baseAt, stamp, strict || forced)
      Object.assign(written, merged.clock)
      return {
        ...merged,
        superseded: merged.superseded.filter(lost => !same(lost.your_value, lost.value)),
        changed: merged.applied.filter(edit => !same(edit.value, edit.current)),
      }
    },
    save: () => {
      if (Object.keys(written).length === 0) return
      context.later(
        context.tx
          .insertInto('field_clocks')
          .values({ entity_type: entityType, entity_id: row.id, base_at: baseAt, clock: JSON.stringify(written) })
          .onConflict(conflict =>
            conflict.columns(['entity_type', 'entity_id']).doUpdateSet({
              clock: sql`field_clocks.clock || excluded.clock`,
            }),
          ),
      )
    },
  }
}

/** openClock, merge and save in one: for rows whose edits are all decided alike. */
export const mergeRow = async (
  context: WriteContext,
  entityType: string,
  row: { readonly id: string; readonly version: number; readonly created_at: Date },
  edits: readonly UnitEdit[],
): Promise<RowMerge> => {
  const clock = await openClock(context, entityType, row)
  const merged = clock.merge(edits)
  clock.save()
  return merged
}

/**
 * Decides one unit of many rows at once, all locked: stores the clock of each that this edit wins, and gives back the
 * others with the clock that beat it.
 */
export const claimUnit = async (
  context: WriteContext,
  entityType: string,
  rows: readonly { readonly id: string; readonly created_at: Date }[],
  unit: string,
): Promise<ReadonlyMap<string, UnitClock>> => {
  const lost = new Map<string, UnitClock>()
  if (rows.length === 0) return lost
  const held = await context.tx
    .selectFrom('field_clocks')
    .select(['entity_id', 'base_at', 'clock'])
    .where('entity_type', '=', entityType)
    .where(
      'entity_id',
      'in',
      rows.map(row => row.id),
    )
    .execute()
  const clocks = new Map(held.map(row => [row.entity_id, row]))
  const values = rows.flatMap(row => {
    const stored = clocks.get(row.id)
    const baseAt = stored?.base_at ?? row.created_at
    const clock = (stored?.clock as unknown as Clock | undefined)?.[unit]
    if (clock && !wins(context.stamp, clock, baseAt)) {
      lost.set(row.id, clock)
      return []
    }
    const written = JSON.stringify({ [unit]: clockOf(context.stamp, baseAt) })
    return [{ entity_type: entityType, entity_id: row.id, base_at: baseAt, clock: written }]
  })
  if (values.length === 0) return lost
  await context.tx
    .insertInto('field_clocks')
    .values(values)
    .onConflict(conflict =>
      conflict.columns(['entity_type', 'entity_id']).doUpdateSet({ clock: sql`field_clocks.clock || excluded.clock` }),
    )
    .execute()
  return lost
}

/** One edit per given field that names itself as its unit; absent fields make none. */
export const fieldEdits = (
  input: Readonly<Record<string, unknown>>,
  row: Readonly<Record<string, unknown>>,
  fields: readonly string[],
): UnitEdit[] =>
  fields
    .filter(field => input[field] !== undefined)
    .map(field => ({ unit: field, field, value: input[field], current: row[field] }))

/** `{field: {old, new}}` for the activity log. */
export const changesOf = (edits: readonly UnitEdit[]): Record<string, { old: unknown; new: unknown }> =>
  Object.fromEntries(edits.map(edit => [edit.field, { old: edit.current, new: edit.value }]))

/** The line of a merge in the activity log, with what changed and what lost; none where it did neither. */
export const recordMerge = (
  context: WriteContext,
  entry: ActivityEntry,
  { changed, superseded }: Pick<RowMerge, 'changed' | 'superseded'>,
): void => {
  if (changed.length + superseded.length > 0) context.record({ ...entry, changes: changesOf(changed), superseded })
}
