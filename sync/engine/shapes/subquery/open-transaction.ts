// What has been decoded of the open transaction, as far as subqueries are concerned.
import type { Relation } from '../../replication/pgoutput.ts'
import type { Change } from '../encode.ts'
import type { Moves } from './moves.ts'
import type { RowChange } from './records.ts'
import type { ValueSet } from './value-set.ts'

/** Bytes of one transaction's rows that are kept until its commit; more end the shapes that need them. */
const bytesLimit = 64 * 1024 * 1024

export class OpenTransaction {
  readonly rows = new Map<number, RowChange[]>()
  /** As in TxRecord; the keys are the shapes that some row concerns. */
  readonly hits = new Map<Moves, RowChange[] | null>()
  /** Relations whose rows were too many to keep. */
  readonly lost = new Set<number>()
  /** The sets that some row concerns. */
  readonly sets = new Set<ValueSet>()
  bytes = 0

  get empty(): boolean {
    return this.sets.size === 0 && this.rows.size === 0 && this.lost.size === 0
  }

  /** More than may be kept. */
  get full(): boolean {
    return this.bytes > bytesLimit
  }

  /** Keeps a change for the commit, unless its table's are lost. */
  keep(relation: Relation, change: Change, size: number): RowChange {
    const kept = { relation, change }
    if (this.lost.has(relation.oid)) return kept
    // The driver uses the memory of its messages again: what is kept has to be decoded.
    change.previous?.row()
    change.next?.row()
    const known = this.rows.get(relation.oid)
    if (known === undefined) this.rows.set(relation.oid, [kept])
    else known.push(kept)
    this.bytes += size
    return kept
  }

  /** The change concerns the shape; when it was not looked for by value, any other may as well. */
  hit(moves: Moves, kept: RowChange, byValue: boolean): void {
    const hits = this.hits.get(moves)
    if (!byValue) this.hits.set(moves, null)
    else if (hits === undefined) this.hits.set(moves, [kept])
    else hits?.push(kept)
  }

  /** Forgets the rows: whoever needs them cannot go on. */
  lose(): void {
    for (const oid of this.rows.keys()) this.lost.add(oid)
    this.rows.clear()
    this.bytes = 0
  }
}
