// Entries by the equality that a row needs to concern them: a hash per column answers at a cost that does not depend on
// how many entries there are. Entries without one are asked about every row.
import type { Tuple } from '../replication/pgoutput.ts'
import type { Equality } from './where/index-keys.ts'

interface ColumnIndex<T> {
  readonly column: string
  /** Where the column is in the current relation; -1 before that is known. */
  position: number
  readonly values: Map<string, Set<T>>
}

/** The most selective of the equalities that all have to hold. */
export const indexKeyOf = (equalities: readonly Equality[]): Equality | undefined =>
  [...equalities].sort((a, b) => a.values.length - b.values.length)[0]

export class EqualityIndex<T> {
  readonly #columns = new Map<string, ColumnIndex<T>>()
  readonly #rest = new Set<T>()
  #names: readonly string[] | undefined

  /** Entries that every row may concern. */
  get rest(): ReadonlySet<T> {
    return this.#rest
  }

  /** Nothing is asked for by its values. */
  get flat(): boolean {
    return this.#columns.size === 0
  }

  get empty(): boolean {
    return this.#columns.size === 0 && this.#rest.size === 0
  }

  /** Without an equality the entry is asked about every row. */
  add(entry: T, equality: Equality | undefined): void {
    if (equality === undefined) {
      this.#rest.add(entry)
      return
    }
    const { column } = equality
    let index = this.#columns.get(column)
    if (index === undefined) {
      index = { column, position: this.#names?.indexOf(column) ?? -1, values: new Map() }
      this.#columns.set(column, index)
    }
    for (const value of equality.values) {
      const entries = index.values.get(value)
      if (entries === undefined) index.values.set(value, new Set([entry]))
      else entries.add(entry)
    }
  }

  /** Takes the entry out, whichever way it was added. */
  remove(entry: T, equality: Equality | undefined): void {
    this.#rest.delete(entry)
    const index = equality === undefined ? undefined : this.#columns.get(equality.column)
    if (equality === undefined || index === undefined) return
    for (const value of equality.values) {
      const entries = index.values.get(value)
      entries?.delete(entry)
      if (entries?.size === 0) index.values.delete(value)
    }
    if (index.values.size === 0) this.#columns.delete(equality.column)
  }

  /** The columns of rows from now on, in their order. */
  describe(names: readonly string[]): void {
    this.#names = names
    for (const index of this.#columns.values()) index.position = names.indexOf(index.column)
  }

  /** Adds the entries whose equality one of the row's versions meets; `rest` is the caller's. */
  collect(previous: Tuple | null, next: Tuple | null, found: Set<T>): void {
    for (const { position, values } of this.#columns.values()) {
      const before = previous?.text(position) ?? null
      const after = next?.text(position) ?? null
      if (before !== null) for (const entry of values.get(before) ?? []) found.add(entry)
      if (after !== null && after !== before) for (const entry of values.get(after) ?? []) found.add(entry)
    }
  }
}
