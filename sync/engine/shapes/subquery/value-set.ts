// The values of one SELECT inside a clause, with a count for each, kept by the stream. Never stored: after a restart it
// is read from Postgres again and set back to where the stream stands, which is exact because the stream says what every
// transaction did.
import type { Pool } from 'pg'
import type { Tuple, Relation } from '../../replication/pgoutput.ts'
import { quoteIdentifier, quoteRelation } from '../../identifiers.ts'
import type { PgSnapshot } from '../../protocol.ts'
import { copyValue, createLineSplitter } from '../copy-lines.ts'
import { isVisible } from '../pg-snapshot.ts'
import type { RowFilter } from '../shape.ts'
import { type ReadOptions, SnapshotRefused, withReadTransaction } from '../snapshot.ts'
import { predicate } from '../where/evaluate.ts'
import { type Filter, isNested, type SetDefinition } from './definition.ts'
import { keyOf, nullKey, totalKey } from './keys.ts'
import { bindFacts, type Facts, holds, isVisibleRow } from './literals.ts'
import { add, type Counts, type Delta, type TxRecord, View } from './records.ts'
import type { ValueIndex } from './value-index.ts'

/** Different values, or combinations of what decides about them, that a set may have. */
export const valueLimit = 1_000_000

type Row = readonly (string | null)[]

/** Rows that are alike in everything that counts: a value and what decides whether it is selected. */
interface Group {
  readonly value: string
  readonly facts: Facts
  count: number
  /** What it last added to the count of `value`. */
  given: number
}

interface Bound {
  readonly matches: RowFilter | null
  readonly facts: ((row: Row) => Facts) | null
  readonly values: readonly number[]
}

/** What was read, until the stream has caught up with it. */
interface Loaded {
  readonly snapshot: PgSnapshot
  readonly until: bigint
  readonly groups: Delta
}

export class ValueSet implements Counts {
  readonly definition: SetDefinition
  /** Number of the first transaction that it takes part in. */
  readonly since: number
  /** The sets of its own filter, by literal. */
  readonly inner: ReadonlyMap<number, ValueSet>
  /** Shapes and sets that use it. */
  users = 0
  /** Why it cannot be had. */
  failure: Error | undefined
  #ready = false
  #loaded: Loaded | undefined
  #aside: TxRecord[] = []
  readonly #counts: Delta = new Map()
  readonly #groups = new Map<string, Group>()
  readonly #byLink = new Map<number, Map<string, Set<Group>>>()
  #bound = new WeakMap<Relation, Bound>()
  #pending: Delta = new Map()
  #index: ValueIndex | undefined

  constructor(definition: SetDefinition, since: number, inner: ReadonlyMap<number, ValueSet>) {
    this.definition = definition
    this.since = since
    this.inner = inner
  }

  /** Whether its counts are those of the last transaction of the stream. */
  get ready(): boolean {
    return this.#ready
  }

  /** The LSN that the stream has to reach before the set can be ready; null when it is not waiting for the stream. */
  get waitsFor(): bigint | null {
    return this.#ready ? null : (this.#loaded?.until ?? null)
  }

  count(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  /** About how many different values there are. */
  get size(): number {
    return this.#counts.size
  }

  /** From now on `index` says which values the set has; until `unindex`. */
  indexIn(index: ValueIndex): void {
    if (this.#index !== undefined) return
    this.#index = index
    index.users += 1
    for (const [key, count] of this.#counts) if (count > 0) index.enter(key, this)
  }

  /** Returns the index that it was in. */
  unindex(): ValueIndex | undefined {
    const index = this.#index
    if (index === undefined) return undefined
    for (const key of this.#counts.keys()) index.leave(key, this)
    index.users -= 1
    this.#index = undefined
    return index
  }

  /** A row of its table changed in the open transaction. */
  change(relation: Relation, previous: Tuple | null, next: Tuple | null): void {
    const bound = this.#bind(relation)
    if (previous !== null) this.#enter(this.#pending, bound, previous.row(), -1)
    if (next !== null) this.#enter(this.#pending, bound, next.row(), 1)
  }

  /** What the open transaction did so far; the next one begins with nothing. */
  take(): Delta {
    const pending = this.#pending
    if (pending.size > 0) this.#pending = new Map()
    return pending
  }

  /** The transaction is over: the sets that this one depends on have said what it did to them. */
  apply(record: TxRecord): void {
    if (!this.#ready) {
      this.#aside.push(record)
      return
    }
    this.#step(record, literal => this.#innerCounts(literal))
  }

  /** Reads the table. Rejects when that cannot be done. */
  async load(pool: Pool, options: ReadOptions): Promise<void> {
    const { table, columns, condition } = this.definition
    const nested = isNested(condition)
    const names = nested ? [...new Set([...columns, ...condition.columns])] : columns
    const select = names.map(quoteIdentifier).join(', ')
    const where = conditionOf(condition)
    const from = `FROM ${quoteRelation(table)}${where === '' ? '' : ` WHERE ${where}`}`
    // Equal values may differ in their text, which a plain condition may look at: those are not grouped by Postgres.
    const sql = nested
      ? `SELECT ${select}, 1 ${from}`
      : `SELECT ${select}, pg_catalog.count(*) ${from} GROUP BY ${select}`
    const bound = this.#boundTo(names, true)
    this.#loaded = await withReadTransaction(pool, { sql, tables: [table] }, options, async transaction => {
      const groups: Delta = new Map()
      const split = createLineSplitter(line => {
        const fields = line.split('\t').map(copyValue)
        this.#enter(groups, bound, fields, Number(fields.at(-1)))
      })
      for await (const chunk of transaction.rows) {
        split(chunk)
        if (groups.size > valueLimit) throw new SnapshotRefused(`A subquery has more than ${valueLimit} values`)
      }
      return { snapshot: transaction.snapshot, until: transaction.insertLsn, groups }
    })
  }

  /** The stream has reached `processed`, and the sets that this one depends on are ready: true when it is, too, now. */
  settle(processed: bigint): boolean {
    if (this.#ready || this.#loaded === undefined || processed + 1n < this.#loaded.until) return false
    const { snapshot, groups } = this.#loaded
    const records = this.#aside
    // Back to before the first record: what the snapshot has of them is taken out, then all come in their order.
    for (const record of records)
      if (isVisible(record.xid, snapshot)) for (const [key, by] of record.groups.get(this) ?? []) add(groups, key, -by)
    const views = new Map([...new Set(this.inner.values())].map(set => [set, new View(set)]))
    for (const view of views.values()) for (const record of records) view.push(record)
    const viewOf = (literal: number) => views.get(this.#innerSet(literal)) ?? this.#innerSet(literal)
    this.#enterGroups(groups, new Map(), viewOf)
    for (const record of records) {
      for (const view of views.values()) view.pass(record)
      this.#step(record, viewOf)
    }
    this.#aside = []
    this.#loaded = undefined
    this.#ready = true
    return true
  }

  get tooLarge(): boolean {
    return this.#counts.size > valueLimit || this.#groups.size > valueLimit
  }

  #innerSet(literal: number): ValueSet {
    const set = this.inner.get(literal)
    if (set === undefined) throw new Error('a literal without its set')
    return set
  }

  #innerCounts(literal: number): Counts {
    return this.#innerSet(literal)
  }

  /** `countsOf` is already that after the record. */
  #step(record: TxRecord, countsOf: (literal: number) => Counts): void {
    const delta: Delta = new Map()
    const touched = new Set<Group>()
    this.#enterGroups(record.groups.get(this) ?? new Map(), delta, countsOf, touched)
    const { condition } = this.definition
    if (isNested(condition))
      for (const group of this.#affected(record, condition)) this.#recount(group, condition, countsOf, delta)
    if (delta.size > 0) record.values.set(this, delta)
  }

  #enterGroups(
    groups: Delta,
    delta: Delta,
    countsOf: (literal: number) => Counts,
    touched: Set<Group> = new Set(),
  ): void {
    const { condition } = this.definition
    if (!isNested(condition)) {
      for (const [key, by] of groups) this.#give(key, by, delta)
      return
    }
    for (const [key, by] of groups) {
      const group = this.#groups.get(key) ?? this.#newGroup(key, condition)
      group.count += by
      touched.add(group)
    }
    for (const group of touched) {
      this.#recount(group, condition, countsOf, delta)
      if (group.count === 0) this.#dropGroup(group, condition)
    }
  }

  /** Groups whose membership may have changed because other sets did. */
  *#affected(record: TxRecord, condition: Filter): Iterable<Group> {
    for (const [literal, set] of this.inner) {
      const delta = record.values.get(set)
      if (delta === undefined) continue
      const entry = condition.literals[literal]
      if (entry?.kind === 'member' && entry.negated && (delta.has(nullKey) || delta.has(totalKey)))
        yield* this.#groups.values()
      else for (const key of delta.keys()) yield* this.#byLink.get(literal)?.get(key) ?? []
    }
  }

  #recount(group: Group, condition: Filter, countsOf: (literal: number) => Counts, delta: Delta): void {
    const active = condition.literals.map((literal, index) => {
      const fact = group.facts[index]
      if (literal.kind === 'plain' || typeof fact !== 'string') return fact === true
      return holds(fact, countsOf(index), { negated: literal.negated, width: literal.columns.length })
    })
    const gives = isVisibleRow(condition, active) ? group.count : 0
    if (gives === group.given) return
    this.#give(group.value, gives - group.given, delta)
    group.given = gives
  }

  #give(key: string, by: number, delta: Delta): void {
    const had = this.count(key) > 0
    add(this.#counts, key, by)
    const has = this.count(key) > 0
    if (has && !had) this.#index?.enter(key, this)
    if (had && !has) this.#index?.leave(key, this)
    add(this.#counts, totalKey, by)
    add(delta, key, by)
    add(delta, totalKey, by)
  }

  #newGroup(key: string, condition: Filter): Group {
    const [value, facts] = JSON.parse(key) as [string, Facts]
    const group: Group = { value, facts, count: 0, given: 0 }
    this.#groups.set(key, group)
    for (const [index, literal] of condition.literals.entries()) {
      if (literal.kind === 'plain') continue
      const links = this.#byLink.get(index) ?? new Map<string, Set<Group>>()
      this.#byLink.set(index, links)
      const link = String(facts[index])
      const groups = links.get(link)
      if (groups === undefined) links.set(link, new Set([group]))
      else groups.add(group)
    }
    return group
  }

  #dropGroup(group: Group, condition: Filter): void {
    this.#groups.delete(JSON.stringify([group.value, group.facts]))
    for (const [index, literal] of condition.literals.entries()) {
      if (literal.kind === 'plain') continue
      const links = this.#byLink.get(index)
      const link = String(group.facts[index])
      links?.get(link)?.delete(group)
      if (links?.get(link)?.size === 0) links.delete(link)
    }
  }

  #enter(into: Delta, bound: Bound, row: Row, by: number): void {
    if (bound.matches !== null && !bound.matches(row)) return
    const value = keyOf(
      this.definition.canonical,
      bound.values.map(position => row[position] ?? null),
    )
    if (bound.facts === null) {
      add(into, value, by)
      return
    }
    const { condition } = this.definition
    const facts = bound.facts(row)
    // What no membership can bring in need not be kept.
    const possible = (condition as Filter).disjuncts.some(disjunct =>
      disjunct.every(literal => facts[literal] !== false),
    )
    if (possible) add(into, JSON.stringify([value, facts]), by)
  }

  #bind(relation: Relation): Bound {
    const known = this.#bound.get(relation)
    if (known !== undefined) return known
    const bound = this.#boundTo(
      relation.columns.map(column => column.name),
      false,
    )
    this.#bound.set(relation, bound)
    return bound
  }

  #boundTo(names: readonly string[], filtered: boolean): Bound {
    const { columns, condition } = this.definition
    const positions = new Map(names.map((name, index) => [name, index]))
    const plain = condition !== null && !isNested(condition) && !filtered
    return {
      matches: plain ? predicate(condition.expr, positions) : null,
      facts: isNested(condition) ? bindFacts(condition, names) : null,
      values: columns.map(name => names.indexOf(name)),
    }
  }
}

/** For Postgres: the whole condition, or, with subqueries in it, what its plain parts say. */
const conditionOf = (condition: SetDefinition['condition']): string => {
  if (condition === null) return ''
  if (!isNested(condition)) return condition.sql
  const disjuncts = condition.disjuncts.map(disjunct =>
    disjunct.flatMap(index => {
      const literal = condition.literals[index]
      return literal?.kind === 'plain' ? [literal.sql] : []
    }),
  )
  if (disjuncts.some(plain => plain.length === 0)) return ''
  return disjuncts.map(plain => `(${plain.join(' AND ')})`).join(' OR ')
}
