// Field-level last-edit-wins (domain rules, section 7). Pure: clocks and values in, decision out.
// A *unit* is what wins or loses together: a column, a group of columns, a single label.

/** When, by which transaction, by whom: the identity of an edit. Compared by (editedAt, transactionId). */
export interface Stamp {
  readonly editedAt: Date
  /** UUIDv7; breaks ties. */
  readonly transactionId: string
  readonly actorId: string | undefined
}

/** One unit's clock as stored: [ISO time, transaction id, actor id or null]. */
export type UnitClock = readonly [string, string, string | null]
export type Clock = Readonly<Record<string, UnitClock>>

export interface Superseded {
  readonly field: string
  readonly your_value: unknown
  readonly value: unknown
  readonly edited_at: string
  readonly by_id: string | null
}

const zeroId = '00000000-0000-0000-0000-000000000000'

/** Does `stamp` win over `clock` (or, without one, over the row's creation)? Equal wins: a repeat is harmless. */
export const wins = (stamp: Stamp, clock: UnitClock | undefined, baseAt: Date): boolean => {
  const against = clock ? Date.parse(clock[0]) : baseAt.getTime()
  const mine = Math.max(stamp.editedAt.getTime(), baseAt.getTime())
  if (mine !== against) return mine > against
  return stamp.transactionId >= (clock ? clock[1] : zeroId)
}

/** The stamp as it is stored: an edit before the row's creation counts as the creation time. */
export const clockOf = (stamp: Stamp, baseAt: Date): UnitClock => [
  new Date(Math.max(stamp.editedAt.getTime(), baseAt.getTime())).toISOString(),
  stamp.transactionId,
  stamp.actorId ?? null,
]

export interface UnitEdit {
  /** Name of the unit in the clock. */
  readonly unit: string
  /** Name of the field in a `superseded` report. */
  readonly field: string
  readonly value: unknown
  readonly current: unknown
}

export interface MergeResult {
  readonly applied: readonly UnitEdit[]
  readonly superseded: readonly Superseded[]
  /** Clock entries to store: one per applied unit. */
  readonly clock: Clock
}

/**
 * Decides each edit on its own: written when its stamp is at or after the unit's clock, else superseded.
 * `strict` (If-Match, expected_version) applies every unit.
 */
export const mergeUnits = (
  edits: readonly UnitEdit[],
  clock: Clock,
  baseAt: Date,
  stamp: Stamp,
  strict = false,
): MergeResult => {
  const applied: UnitEdit[] = []
  const superseded: Superseded[] = []
  const written: Record<string, UnitClock> = {}
  for (const edit of edits) {
    const held = clock[edit.unit]
    if (strict || wins(stamp, held, baseAt)) {
      applied.push(edit)
      written[edit.unit] = clockOf(stamp, baseAt)
    } else {
      superseded.push({
        field: edit.field,
        your_value: edit.value,
        value: edit.current,
        edited_at: held ? held[0] : baseAt.toISOString(),
        by_id: held ? held[2] : null,
      })
    }
  }
  return { applied, superseded, clock: written }
}
