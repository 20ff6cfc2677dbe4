// Move-ins: which rows does a change of a value set bring into a shape? Postgres is asked for the rows with those values,
// at whatever time that is, and what later transactions did to them is undone with the stream's own old and new rows: the
// result is the rows as they were right after the transaction in question, whenever the question was asked.
import type { Pool } from 'pg'
import { quoteIdentifier, quoteLiteral, quoteRelation } from '../../identifiers.ts'
import type { PgSnapshot } from '../../protocol.ts'
import { copyValue, createLineSplitter } from '../copy-lines.ts'
import type { ShapeDefinition } from '../definition.ts'
import { type Query, type ReadOptions, withReadTransaction } from '../snapshot.ts'
import { isEnum } from '../where/types.ts'
import { sqlType } from '../where/sql.ts'
import type { Filter, FilterLiteral } from './definition.ts'
import { nullKey, valuesOf } from './keys.ts'

/** Values that one question may name; more at once end the shape. */
export const moveValueLimit = 10_000
/** Bytes of rows that move in at once; more end the shape. */
const moveBytesLimit = 64 * 1024 * 1024

/** A row's needed columns. */
export type Row = readonly (string | null)[]

/** Keys that came into a literal, by literal. */
export type Gains = ReadonlyMap<number, ReadonlySet<string>>

/** Rows with the values in question, of one snapshot. */
export interface Fetched {
  readonly snapshot: PgSnapshot
  readonly until: bigint
  readonly rows: readonly Row[]
}

/** The rows are too many for a move. */
export class MoveTooLarge extends Error {
  override name = 'MoveTooLarge'
}

// An enum's type may be in any schema; beside its own column a literal needs none.
const typed = (text: string, type: string): string =>
  isEnum(type) ? quoteLiteral(text) : `CAST(${quoteLiteral(text)} AS ${sqlType(type)})`

const equals = (column: string, value: string): string => `${quoteIdentifier(column)} OPERATOR(pg_catalog.=) ${value}`

/** The condition that a row has one of the keys at a literal. */
const hasKey = ({ columns, types }: FilterLiteral & { kind: 'member' }, keys: ReadonlySet<string>): string => {
  const conditions: string[] = []
  const [column = ''] = columns
  const [type = ''] = types
  const values = [...keys].filter(key => key !== nullKey)
  if (keys.has(nullKey)) conditions.push(`${quoteIdentifier(column)} IS NULL`)
  if (columns.length === 1 && values.length > 0 && !isEnum(type)) {
    const list = values.map(key => typed(valuesOf(key, 1)[0] ?? '', type)).join(', ')
    conditions.push(equals(column, `ANY (ARRAY[${list}])`))
  }
  if (columns.length > 1 || isEnum(type))
    for (const key of values) {
      const parts = valuesOf(key, columns.length)
      const pairs = columns.map((name, index) => equals(name, typed(parts[index] ?? '', types[index] ?? '')))
      conditions.push(`(${pairs.join(' AND ')})`)
    }
  return conditions.length === 0 ? 'false' : `(${conditions.join(' OR ')})`
}

/** The question for the rows that the gains may bring in. */
export const moveQuery = (
  definition: ShapeDefinition,
  filter: Filter,
  columns: readonly string[],
  gains: Gains,
): Query => {
  const alternatives: string[] = []
  for (const [index, keys] of gains) {
    const literal = filter.literals[index]
    if (literal?.kind !== 'member') continue
    const key = hasKey(literal, keys)
    for (const disjunct of filter.disjuncts) {
      if (!disjunct.includes(index)) continue
      const plain = disjunct.flatMap(other => {
        const { kind, sql } = filter.literals[other] ?? literal
        return kind === 'plain' ? [sql] : []
      })
      alternatives.push(`(${[key, ...plain].join(' AND ')})`)
    }
  }
  const select = `SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${quoteRelation(definition)}`
  return { sql: `${select} WHERE ${alternatives.join(' OR ')}`, tables: [definition] }
}

/** Asks. Rejects with MoveTooLarge, or as `withReadTransaction` does. */
export const fetchRows = (pool: Pool, options: ReadOptions, query: Query): Promise<Fetched> =>
  withReadTransaction(pool, query, options, async transaction => {
    const rows: Row[] = []
    let bytes = 0
    const split = createLineSplitter(line => rows.push(line.split('\t').map(copyValue)))
    for await (const chunk of transaction.rows) {
      bytes += chunk.length
      if (bytes > moveBytesLimit) throw new MoveTooLarge(`more than ${moveBytesLimit} bytes of rows would move in`)
      split(chunk)
    }
    return { snapshot: transaction.snapshot, until: transaction.insertLsn, rows }
  })

/** Both versions of a changed row. */
export interface RowVersions {
  readonly previous: Row | null
  readonly next: Row | null
}

/** A transaction that the fetched rows contain. */
export interface Undone {
  readonly xid: bigint
  readonly changes: readonly RowVersions[]
}

interface Counted {
  readonly row: Row
  count: number
}

/**
 * Fetched rows, set back to before the first of the `undone` transactions, and from there, one by one, forward again.
 * Rows are found by their keys at the literals, so that a step costs what it changes.
 */
export class RewoundRows {
  readonly #undone: readonly Undone[]
  /** The lowest xid from each undone transaction on. */
  readonly #lowest: bigint[] = []
  readonly #keysOf: (row: Row) => readonly (readonly [literal: number, key: string])[]
  readonly #rows = new Map<string, Counted>()
  readonly #byKey = new Map<string, Set<Counted>>()
  #at = 0

  constructor(
    rows: readonly Row[],
    undone: readonly Undone[],
    keysOf: (row: Row) => readonly (readonly [literal: number, key: string])[],
  ) {
    this.#undone = undone
    this.#keysOf = keysOf
    for (const row of rows) this.#enter(row, 1)
    for (const { changes } of undone) this.#apply(changes, -1)
    for (let index = undone.length - 1; index >= 0; index--) {
      const { xid } = undone[index] as Undone
      const after = this.#lowest[index + 1]
      this.#lowest[index] = after !== undefined && after < xid ? after : xid
    }
  }

  /** The next transaction has happened. */
  advance(): void {
    const next = this.#undone[this.#at]
    if (next === undefined) return
    this.#at += 1
    this.#apply(next.changes, 1)
  }

  /** The lowest xid that is still undone. */
  get lowest(): bigint | undefined {
    return this.#lowest[this.#at]
  }

  /** The rows that have one of the keys. */
  withKeys(gains: Gains): readonly Row[] {
    const found = new Set<Counted>()
    for (const [literal, keys] of gains)
      for (const key of keys)
        for (const counted of this.#byKey.get(`${literal}/${key}`) ?? []) if (counted.count > 0) found.add(counted)
    return [...found].map(({ row }) => row)
  }

  #apply(changes: readonly RowVersions[], direction: 1 | -1): void {
    for (const { previous, next } of changes) {
      if (previous !== null) this.#enter(previous, -direction)
      if (next !== null) this.#enter(next, direction)
    }
  }

  #enter(row: Row, by: number): void {
    const text = JSON.stringify(row)
    const known = this.#rows.get(text)
    if (known !== undefined) {
      known.count += by
      return
    }
    const counted = { row, count: by }
    this.#rows.set(text, counted)
    for (const [literal, key] of this.#keysOf(row)) {
      const slot = `${literal}/${key}`
      const rows = this.#byKey.get(slot)
      if (rows === undefined) this.#byKey.set(slot, new Set([counted]))
      else rows.add(counted)
    }
  }
}
