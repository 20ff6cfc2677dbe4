// Shapes by the values of their subqueries: a row's value → the sets that have it → their shapes, by equality.
import type { Tuple } from '../../replication/pgoutput.ts'
import { EqualityIndex, indexKeyOf } from '../equality-index.ts'
import type { Shape } from '../shape.ts'
import type { Anchor } from './anchors.ts'
import { keyOf } from './keys.ts'
import type { ValueSet } from './value-set.ts'

/** The anchors of one table that look at the same columns on both sides. */
interface Group {
  readonly anchor: Omit<Anchor, 'set'>
  positions: readonly number[]
  readonly shapes: Map<ValueSet, EqualityIndex<Shape>>
}

const nameOf = ({ index, columns }: Anchor) => JSON.stringify([index.name, columns])
const equalityOf = (shape: Shape) => indexKeyOf(shape.definition.where?.equalities ?? [])

export class MemberIndex {
  readonly #groups = new Map<string, Group>()
  #names: readonly string[] | undefined

  get empty(): boolean {
    return this.#groups.size === 0
  }

  add(shape: Shape, anchors: readonly Anchor[]): void {
    for (const anchor of anchors) {
      const name = nameOf(anchor)
      const group = this.#groups.get(name) ?? { anchor, positions: this.#place(anchor), shapes: new Map() }
      this.#groups.set(name, group)
      const shapes = group.shapes.get(anchor.set) ?? new EqualityIndex()
      if (this.#names !== undefined) shapes.describe(this.#names)
      group.shapes.set(anchor.set, shapes)
      shapes.add(shape, equalityOf(shape))
    }
  }

  remove(shape: Shape, anchors: readonly Anchor[]): void {
    for (const anchor of anchors) {
      const name = nameOf(anchor)
      const group = this.#groups.get(name)
      const shapes = group?.shapes.get(anchor.set)
      shapes?.remove(shape, equalityOf(shape))
      if (shapes?.empty === true) group?.shapes.delete(anchor.set)
      if (group?.shapes.size === 0) this.#groups.delete(name)
    }
  }

  /** The columns of rows from now on, in their order. */
  describe(names: readonly string[]): void {
    this.#names = names
    for (const group of this.#groups.values()) {
      group.positions = this.#place(group.anchor)
      for (const shapes of group.shapes.values()) shapes.describe(names)
    }
  }

  /** Adds the shapes that a version of a row may be in. */
  collect(row: Tuple, found: Set<Shape>): void {
    for (const { anchor, positions, shapes } of this.#groups.values()) {
      const key = keyOf(
        anchor.canonical,
        positions.map(position => row.text(position)),
      )
      const holders = anchor.index.holders(key)
      // Other tables' shapes may have most of the sets.
      const sets = shapes.size < holders.size ? shapes.keys() : holders
      for (const set of sets) {
        const index = holders.has(set) ? shapes.get(set) : undefined
        if (index === undefined) continue
        for (const shape of index.rest) found.add(shape)
        index.collect(row, null, found)
      }
    }
  }

  #place({ columns }: Omit<Anchor, 'set'>): readonly number[] {
    return columns.map(name => this.#names?.indexOf(name) ?? -1)
  }
}
