// The value sets of an engine: equal ones are shared, and found by table and by columns. Invariant: no set stands before
// one that it depends on.
import type { Relation } from '../../replication/pgoutput.ts'
import type { Change } from '../encode.ts'
import { isNested, type SetDefinition } from './definition.ts'
import type { Delta } from './records.ts'
import { TableSets } from './table-sets.ts'
import { ValueIndex } from './value-index.ts'
import { ValueSet } from './value-set.ts'

/** The sets that live. */
export class SetRegistry {
  readonly #touching: (oid: number) => readonly number[]
  readonly #sets = new Set<ValueSet>()
  /** Those that depend on others, in the same order. */
  readonly #nested = new Set<ValueSet>()
  readonly #byTable = new TableSets()
  readonly #needed = new WeakMap<ValueSet, readonly number[]>()
  readonly #indexes = new Map<string, ValueIndex>()

  /** `touching`: the transactions that a snapshot of the table taken from now on has to contain. */
  constructor(touching: (oid: number) => readonly number[]) {
    this.#touching = touching
  }

  /** Number of sets. */
  get size(): number {
    return this.#sets.size
  }

  /** Every set. */
  all(): readonly ValueSet[] {
    return [...this.#sets]
  }

  /** Whether the set is still needed. */
  has(set: ValueSet): boolean {
    return this.#sets.has(set)
  }

  /** Transactions that have to be in the snapshot that the set is read from. */
  needed(set: ValueSet): readonly number[] {
    return this.#needed.get(set) ?? []
  }

  /** The set of this definition that takes part in every transaction from `since` on; made when there is none. */
  of(definition: SetDefinition, since: number): ValueSet {
    for (const set of this.#sets)
      if (set.definition.identity === definition.identity && set.since <= since && set.failure === undefined) return set
    const inner = new Map<number, ValueSet>()
    if (isNested(definition.condition))
      for (const [index, literal] of definition.condition.literals.entries())
        if (literal.kind === 'member') inner.set(index, this.of(literal.set, since))
    const set = new ValueSet(definition, since, inner)
    this.#needed.set(set, this.#touching(definition.table.oid))
    this.#sets.add(set)
    if (inner.size > 0) this.#nested.add(set)
    this.#byTable.add(set)
    return set
  }

  /** Nobody needs the set any more. */
  drop(set: ValueSet): void {
    const index = set.unindex()
    if (index?.users === 0) this.#indexes.delete(index.name)
    this.#sets.delete(set)
    this.#nested.delete(set)
    this.#byTable.remove(set)
  }

  /** The sets that a change of a row may concern. */
  concerned(relation: Relation, change: Change): Iterable<ValueSet> {
    return this.#byTable.concerned(relation, change)
  }

  /** The sets that are read from the table. */
  ofTable(oid: number): Iterable<ValueSet> {
    return this.#byTable.of(oid)
  }

  /** The sets whose rows changed, then those that may depend on them, in the order in which they were made. */
  inOrder(groups: ReadonlyMap<ValueSet, Delta>): readonly ValueSet[] {
    return [...[...groups.keys()].filter(set => set.inner.size === 0), ...this.#nested]
  }

  /** The index of all sets with the same columns. */
  indexOf(set: ValueSet): ValueIndex {
    const { table, columns } = set.definition
    const name = JSON.stringify([table.oid, columns])
    let index = this.#indexes.get(name)
    if (index === undefined) {
      index = new ValueIndex(name)
      this.#indexes.set(name, index)
    }
    set.indexIn(index)
    return index
  }
}
