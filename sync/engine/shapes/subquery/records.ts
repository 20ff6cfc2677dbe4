// What one transaction did to the tables that subquery shapes look at. Records are shared by everyone who still has to
// deal with the transaction.
import type { Change } from '../encode.ts'
import type { Relation } from '../../replication/pgoutput.ts'
import type { Moves } from './moves.ts'
import type { ValueSet } from './value-set.ts'

/** Changes of counts; a key without one has not changed. */
export type Delta = Map<string, number>

/** One change of a row, with the layout of its tuples. */
export interface RowChange {
  readonly relation: Relation
  readonly change: Change
}

export interface TxRecord {
  readonly lsn: bigint
  readonly xid: number
  /** The first position after those of its changes. */
  readonly op: number
  /** By relation; only those that some subquery shape reads. */
  readonly rows: ReadonlyMap<number, readonly RowChange[]>
  /**
   * The rows that concern a shape by the values before the transaction, when nothing more than those was looked for;
   * otherwise null, or no entry: any row may concern it.
   */
  readonly hits: ReadonlyMap<Moves, RowChange[] | null>
  /** What it did to the rows of the sets' tables, in the set's own grouping. */
  readonly groups: ReadonlyMap<ValueSet, Delta>
  /** What it did to the values of the sets; filled when the set knows. */
  readonly values: Map<ValueSet, Delta>
  /** Bytes that are kept for it. */
  readonly bytes: number
}

/** Adds `by` to a count; a count of 0 goes. */
export const add = (delta: Delta, key: string, by: number): void => {
  const next = (delta.get(key) ?? 0) + by
  if (next === 0) delta.delete(key)
  else delta.set(key, next)
}

/** Counts of one set at some point of the stream. */
export interface Counts {
  count(key: string): number
}

/** The counts of a set before the records that are still ahead of someone. */
export class View implements Counts {
  readonly set: ValueSet
  readonly #ahead: Delta

  constructor(set: ValueSet, ahead: Delta = new Map()) {
    this.set = set
    this.#ahead = ahead
  }

  count(key: string): number {
    return this.set.count(key) - (this.#ahead.get(key) ?? 0)
  }

  /** The count after `record`, which is the next one ahead. */
  after(record: TxRecord): Counts {
    const delta = record.values.get(this.set)
    return delta === undefined ? this : { count: key => this.count(key) + (delta.get(key) ?? 0) }
  }

  /** `record` has joined those ahead. */
  push(record: TxRecord): void {
    for (const [key, by] of record.values.get(this.set) ?? []) add(this.#ahead, key, by)
  }

  /** `record` is no longer ahead. */
  pass(record: TxRecord): void {
    for (const [key, by] of record.values.get(this.set) ?? []) add(this.#ahead, key, -by)
  }

  /** A view that goes its own way from here. */
  clone(): View {
    return new View(this.set, new Map(this.#ahead))
  }
}
