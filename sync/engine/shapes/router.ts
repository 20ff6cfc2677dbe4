// Which shapes does a change concern? A hash per equality column answers that at a cost that does not depend on how
// many shapes there are; shapes without a usable equality are asked one by one.
import { must } from '#server/kernel/must.ts'
import type { Relation, Tuple } from '../replication/pgoutput.ts'
import { type Change, type Effect, type Encoded, PlanCache } from './encode.ts'
import type { Binding, Shape } from './shape.ts'

interface ColumnIndex {
  readonly column: string
  /** Where the column is in the current relation; -1 before that is known. */
  position: number
  readonly values: Map<string, Set<Shape>>
}

interface TableRoute {
  relation: Relation | undefined
  plans: PlanCache | undefined
  readonly shapes: Set<Shape>
  readonly unindexed: Set<Shape>
  readonly indexes: Map<string, ColumnIndex>
}

const indexKeyOf = (shape: Shape) =>
  [...(shape.definition.where?.equalities ?? [])].sort((a, b) => a.values.length - b.values.length)[0]

export class Router {
  readonly #tables = new Map<number, TableRoute>()
  readonly #relations = new Map<number, Relation>()

  /** From now on the changes of `sources` reach the shape; with `all`, also those of rows that its equalities exclude. */
  add(shape: Shape, sources: readonly number[], all = false): void {
    for (const oid of sources) {
      const route = this.#route(oid)
      route.shapes.add(shape)
      const equality = all ? undefined : indexKeyOf(shape)
      if (equality === undefined) {
        route.unindexed.add(shape)
        continue
      }
      let index = route.indexes.get(equality.column)
      if (index === undefined) {
        index = { column: equality.column, position: -1, values: new Map() }
        route.indexes.set(equality.column, index)
        if (route.relation !== undefined) this.#place(index, route.relation)
      }
      for (const value of equality.values) {
        const shapes = index.values.get(value)
        if (shapes === undefined) index.values.set(value, new Set([shape]))
        else shapes.add(shape)
      }
    }
  }

  /** Takes the shape off every table. */
  remove(shape: Shape): void {
    for (const [oid, route] of this.#tables) {
      if (!route.shapes.delete(shape)) continue
      route.unindexed.delete(shape)
      const equality = indexKeyOf(shape)
      const index = equality === undefined ? undefined : route.indexes.get(equality.column)
      for (const value of equality?.values ?? []) {
        const shapes = index?.values.get(value)
        shapes?.delete(shape)
        if (shapes?.size === 0) index?.values.delete(value)
      }
      if (index?.values.size === 0) route.indexes.delete(index.column)
      if (route.shapes.size === 0) this.#tables.delete(oid)
    }
  }

  /** Everything that is fed by the relation `oid`. */
  shapesOf(oid: number): readonly Shape[] {
    return [...(this.#tables.get(oid)?.shapes ?? [])]
  }

  /** Every shape, once. */
  all(): readonly Shape[] {
    return [...new Set([...this.#tables.values()].flatMap(route => [...route.shapes]))]
  }

  /** Whether changes of the relation `oid` reach the shape. */
  feeds(shape: Shape, oid: number): boolean {
    return this.#tables.get(oid)?.shapes.has(shape) === true
  }

  /** False when nobody reads the relation: its changes need not be decoded. */
  watches(oid: number): boolean {
    return this.#tables.has(oid)
  }

  /** The stream described a relation. */
  setRelation(relation: Relation): void {
    this.#relations.set(relation.oid, relation)
    const route = this.#tables.get(relation.oid)
    if (route !== undefined) this.#describe(route, relation)
  }

  /** What the stream last said about a relation. */
  relationOf(oid: number): Relation {
    return must(this.#relations.get(oid), 'relation')
  }

  /** Forgets descriptions: a new stream sends them again. */
  forgetRelations(): void {
    this.#relations.clear()
  }

  /** The shapes that a change of `oid` may concern. Without an index hit no other column is decoded. */
  candidates(oid: number, previous: Tuple | null, next: Tuple | null): readonly Shape[] {
    const route = this.#tables.get(oid)
    if (route === undefined) return []
    if (route.indexes.size === 0) return route.unindexed.size === 0 ? [] : [...route.unindexed]
    const found = new Set<Shape>(route.unindexed)
    for (const { position, values } of route.indexes.values()) {
      const before = previous?.text(position) ?? null
      const after = next?.text(position) ?? null
      if (before !== null) for (const shape of values.get(before) ?? []) found.add(shape)
      if (after !== null && after !== before) for (const shape of values.get(after) ?? []) found.add(shape)
    }
    return [...found]
  }

  /** What the change is for a prepared shape: its items, none when it stays outside. */
  apply(shape: Shape, oid: number, change: Change): Encoded {
    const binding = shape.bindings.get(oid) ?? this.#bind(shape, oid)
    const { matches, plan } = binding
    const was = change.previous !== null && (matches === null || matches(change.previous.row()))
    const is = change.next !== null && (matches === null || matches(change.next.row()))
    const effect: Effect | null = was ? (is ? 'update' : 'delete') : is ? 'insert' : null
    return effect === null ? [] : plan.encode(change, effect)
  }

  #bind(shape: Shape, oid: number): Binding {
    const route = must(this.#tables.get(oid), 'route')
    const relation = must(route.relation, 'relation')
    const { bindFilter } = must(shape.loaded, 'loaded shape')
    const binding = {
      relation,
      matches: bindFilter === null ? null : bindFilter(relation.columns.map(column => column.name)),
      plan: must(route.plans, 'plans').planFor(shape.definition),
    }
    shape.bindings.set(oid, binding)
    return binding
  }

  #route(oid: number): TableRoute {
    let route = this.#tables.get(oid)
    if (route === undefined) {
      route = { relation: undefined, plans: undefined, shapes: new Set(), unindexed: new Set(), indexes: new Map() }
      this.#tables.set(oid, route)
      const known = this.#relations.get(oid)
      if (known !== undefined) this.#describe(route, known)
    }
    return route
  }

  #describe(route: TableRoute, relation: Relation): void {
    route.relation = relation
    route.plans = new PlanCache(relation)
    for (const index of route.indexes.values()) this.#place(index, relation)
    for (const shape of route.shapes) shape.bindings.delete(relation.oid)
  }

  #place(index: ColumnIndex, relation: Relation): void {
    index.position = relation.columns.findIndex(column => column.name === index.column)
  }
}
