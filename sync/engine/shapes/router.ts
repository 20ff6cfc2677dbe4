// Which shapes does a change concern? A hash per equality column, and one per column that is compared with subqueries,
// answer that at a cost that does not depend on how many shapes there are; the other shapes are asked one by one.
import { must } from '#server/kernel/must.ts'
import type { Relation, Tuple } from '../replication/pgoutput.ts'
import { type Change, type Effect, type Encoded, PlanCache } from './encode.ts'
import { EqualityIndex, indexKeyOf } from './equality-index.ts'
import type { Binding, Shape } from './shape.ts'
import type { Anchor } from './subquery/anchors.ts'
import { MemberIndex } from './subquery/member-index.ts'

interface TableRoute {
  relation: Relation | undefined
  plans: PlanCache | undefined
  readonly shapes: Set<Shape>
  readonly byEquality: EqualityIndex<Shape>
  /** Shapes with subqueries that are up to date. */
  readonly byMember: MemberIndex
}

interface Anchored {
  readonly sources: Set<number>
  readonly anchors: readonly Anchor[]
}

const equalityOf = (shape: Shape) => indexKeyOf(shape.definition.where?.equalities ?? [])

export class Router {
  readonly #tables = new Map<number, TableRoute>()
  readonly #relations = new Map<number, Relation>()
  readonly #anchored = new Map<Shape, Anchored>()

  /** From now on the changes of `sources` reach the shape; with `all`, also those of rows that its equalities exclude. */
  add(shape: Shape, sources: readonly number[], all = false): void {
    const anchored = this.#anchored.get(shape)
    for (const oid of sources) {
      const route = this.#route(oid)
      route.shapes.add(shape)
      if (anchored === undefined) route.byEquality.add(shape, all ? undefined : equalityOf(shape))
      else {
        anchored.sources.add(oid)
        route.byMember.add(shape, anchored.anchors)
      }
    }
  }

  /**
   * The shape's sets are known, and are what the stream says: of its own tables, `sources`, only changes of rows with
   * their values reach it. Those of its sets' tables are the sets' business.
   */
  anchor(shape: Shape, sources: readonly number[], anchors: readonly Anchor[]): void {
    if (this.#anchored.has(shape)) return
    this.#anchored.set(shape, { sources: new Set(sources), anchors })
    for (const { oid } of shape.definition.inner) this.#tables.get(oid)?.byEquality.remove(shape, equalityOf(shape))
    for (const oid of sources) {
      const route = this.#route(oid)
      route.byEquality.remove(shape, equalityOf(shape))
      route.byMember.add(shape, anchors)
    }
  }

  /** Every change of its own tables reaches the shape again. */
  release(shape: Shape): void {
    const anchored = this.#anchored.get(shape)
    if (anchored === undefined) return
    this.#anchored.delete(shape)
    for (const oid of anchored.sources) {
      const route = this.#route(oid)
      route.byMember.remove(shape, anchored.anchors)
      route.byEquality.add(shape, equalityOf(shape))
    }
  }

  /** Whether shapes of the relation are found by values that a transaction may still change. */
  anchors(oid: number): boolean {
    return this.#tables.get(oid)?.byMember.empty === false
  }

  isAnchored(shape: Shape): boolean {
    return this.#anchored.has(shape)
  }

  /** Takes the shape off every table. */
  remove(shape: Shape): void {
    const anchors = this.#anchored.get(shape)?.anchors ?? []
    this.#anchored.delete(shape)
    for (const [oid, route] of this.#tables) {
      if (!route.shapes.delete(shape)) continue
      route.byEquality.remove(shape, equalityOf(shape))
      route.byMember.remove(shape, anchors)
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
    const { byEquality, byMember } = route
    if (byEquality.flat && byMember.empty) return byEquality.rest.size === 0 ? [] : [...byEquality.rest]
    const found = new Set<Shape>(byEquality.rest)
    byEquality.collect(previous, next, found)
    if (!byMember.empty) for (const row of [previous, next]) if (row !== null) byMember.collect(row, found)
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
      route = {
        relation: undefined,
        plans: undefined,
        shapes: new Set(),
        byEquality: new EqualityIndex(),
        byMember: new MemberIndex(),
      }
      this.#tables.set(oid, route)
      const known = this.#relations.get(oid)
      if (known !== undefined) this.#describe(route, known)
    }
    return route
  }

  #describe(route: TableRoute, relation: Relation): void {
    route.relation = relation
    route.plans = new PlanCache(relation)
    const names = relation.columns.map(column => column.name)
    route.byEquality.describe(names)
    route.byMember.describe(names)
    for (const shape of route.shapes) shape.bindings.delete(relation.oid)
  }
}
