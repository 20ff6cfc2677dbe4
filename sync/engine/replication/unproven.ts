// The visibility trap: Postgres sends a commit to replication before it is visible to new snapshots, by microseconds as
// a rule, for ever while the commit waits for a synchronous standby. This remembers the transactions that were
// dispatched and that no snapshot has yet been seen to contain.
import type { PgSnapshot } from '../protocol.ts'
import { isVisible, liftXid } from '../shapes/pg-snapshot.ts'

export class Unproven {
  readonly #tables = new Map<number, ReadonlySet<number>>()

  /** A transaction begins to be dispatched; `tables` fills while it is decoded. */
  add(xid: number, tables: ReadonlySet<number>): void {
    this.#tables.set(xid, tables)
  }

  /** What a snapshot for these relations has to contain; `open` is always one of them. */
  touching(sources: readonly number[], open: number | null): readonly number[] {
    const found: number[] = []
    for (const [xid, tables] of this.#tables) if (xid === open || sources.some(oid => tables.has(oid))) found.push(xid)
    return found
  }

  /** Forgets what `snapshot` shows to be finished; every later snapshot contains it as well. */
  prove(snapshot: PgSnapshot, open: number | null): void {
    for (const xid of this.#tables.keys())
      if (xid !== open && liftXid(xid, snapshot.xmax) < snapshot.xmin) this.#tables.delete(xid)
  }

  get size(): number {
    return this.#tables.size
  }

  /** For the position file. */
  list(): readonly (readonly [number, readonly number[]])[] {
    return [...this.#tables].map(([xid, tables]) => [xid, [...tables]])
  }
}

/** Whether `snapshot` contains all of `xids`. */
export const containsAll = (snapshot: PgSnapshot, xids: readonly number[]): boolean =>
  xids.every(xid => isVisible(xid, snapshot))
