// Value sets by the table that they select from, and there by what their condition asks for.
import type { Relation } from '../../replication/pgoutput.ts'
import type { Change } from '../encode.ts'
import { EqualityIndex, indexKeyOf } from '../equality-index.ts'
import { equalitiesOf } from '../where/index-keys.ts'
import { isNested } from './definition.ts'
import type { ValueSet } from './value-set.ts'

interface OfTable {
  readonly sets: Set<ValueSet>
  readonly index: EqualityIndex<ValueSet>
  relation: Relation | undefined
}

const equalityOf = ({ definition: { condition } }: ValueSet) =>
  condition === null || isNested(condition) ? undefined : indexKeyOf(equalitiesOf(condition.expr))

export class TableSets {
  readonly #tables = new Map<number, OfTable>()

  add(set: ValueSet): void {
    const { oid } = set.definition.table
    const known = this.#tables.get(oid) ?? { sets: new Set(), index: new EqualityIndex(), relation: undefined }
    this.#tables.set(oid, known)
    known.sets.add(set)
    known.index.add(set, equalityOf(set))
  }

  remove(set: ValueSet): void {
    const { oid } = set.definition.table
    const known = this.#tables.get(oid)
    known?.sets.delete(set)
    known?.index.remove(set, equalityOf(set))
    if (known?.sets.size === 0) this.#tables.delete(oid)
  }

  /** All sets of the table. */
  of(oid: number): Iterable<ValueSet> {
    return this.#tables.get(oid)?.sets ?? []
  }

  /** The sets whose rows a change may concern. */
  concerned(relation: Relation, { previous, next }: Change): Iterable<ValueSet> {
    const known = this.#tables.get(relation.oid)
    if (known === undefined) return []
    if (known.relation !== relation) {
      known.relation = relation
      known.index.describe(relation.columns.map(column => column.name))
    }
    if (known.index.flat) return known.index.rest
    const found = new Set(known.index.rest)
    known.index.collect(previous, next, found)
    return found
  }
}
