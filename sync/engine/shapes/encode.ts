// A change → the JSON of the items it becomes in a shape. Plans are shared by the shapes that send the same columns in
// the same way, and remember the last change: it is encoded once, however many shapes it belongs to.
import { must } from '#server/kernel/must.ts'
import type { Relation, Tuple } from '../replication/pgoutput.ts'
import { keyColumns, type ShapeDefinition } from './definition.ts'

/** A change of one row, with what its items' headers need. */
export interface Change {
  readonly previous: Tuple | null
  readonly next: Tuple | null
  readonly xid: number
  readonly lsn: bigint
  readonly op: number
}

/** What a change is from the point of view of one shape. */
export type Effect = 'insert' | 'update' | 'delete'

/** Items for (op, op + 1); the second only when the key changed. */
export type Encoded = readonly [] | readonly [string] | readonly [string, string]

/** What a subquery shape says about both versions of a row; JSON that begins with a comma. */
export interface RowHeaders {
  readonly previous: string
  readonly next: string
  /** For an update: it is sent even if no column that is sent has changed. */
  readonly update: string
  readonly changed: boolean
  /** The update is sent as a delete and an insert. */
  readonly apart: boolean
}

export interface Plan {
  encode(change: Change, effect: Effect): Encoded
  /** With the headers of a subquery shape. */
  encodeWith(change: Change, effect: Effect, headers: RowHeaders): Encoded
  /** The key of a row. */
  keyOf(row: Tuple): string
}

const escapeName = (name: string) => name.replaceAll('/', '//').replaceAll('.', '..')
const escapeValue = (text: string) => (text.includes('/') ? text.replaceAll('/', '//') : text)

/** `"schema"."table"`, the beginning of every key. */
export const keyPrefix = (schema: string, name: string): string => `"${escapeName(schema)}"."${escapeName(name)}"`

/** One section of a key. */
export const keySection = (text: string | null): string => (text === null ? '/_' : `/"${escapeValue(text)}"`)

const jsonOrNull = (text: string | null) => (text === null ? 'null' : JSON.stringify(text))

const none: Encoded = []

/** The plan for `definition` and rows laid out like `relation`. */
export const createPlan = (definition: ShapeDefinition, relation: Relation): Plan => {
  const position = (name: string) => {
    const index = relation.columns.findIndex(column => column.name === name)
    if (index < 0) throw new Error(`column ${name} is not in the stream`)
    return index
  }
  const prefix = keyPrefix(definition.schema, definition.name)
  const keyPositions = keyColumns(definition).map(position)
  const hasKey = definition.primaryKey.length > 0
  const full = definition.replica === 'full'
  const selected = definition.selected.map(name => ({
    position: position(name),
    label: `${JSON.stringify(name)}:`,
    inKey: definition.primaryKey.includes(name),
  }))
  const relationJson = `"relation":${JSON.stringify([definition.schema, definition.name])}`

  const keyOf = (row: Tuple) => {
    let key = prefix
    for (const index of keyPositions) key += keySection(row.text(index))
    return key
  }
  const members = (row: Tuple, columns: typeof selected) => {
    let text = ''
    for (const { label, position } of columns)
      text += `${text === '' ? '' : ','}${label}${jsonOrNull(row.text(position))}`
    return text
  }
  const keyMembers = selected.filter(column => column.inKey)
  const ofDelete = full || !hasKey ? selected : keyMembers

  const item = (
    change: Change,
    operation: Effect,
    op: number,
    parts: { key: string; value: string; old?: string; more?: string },
  ) =>
    `{"key":${JSON.stringify(parts.key)},"value":{${parts.value}}${parts.old === undefined ? '' : `,"old_value":{${parts.old}}`},"headers":{"operation":"${operation}",${relationJson},"txids":[${change.xid}],"lsn":"${change.lsn}","op_position":${op}${parts.more ?? ''}}}`

  const insert = (change: Change, op: number, row: Tuple, more?: string) =>
    item(change, 'insert', op, {
      key: keyOf(row),
      value: members(row, selected),
      ...(more === undefined ? {} : { more }),
    })
  const remove = (change: Change, op: number, row: Tuple, more?: string) =>
    item(change, 'delete', op, {
      key: keyOf(row),
      value: members(row, ofDelete),
      ...(more === undefined ? {} : { more }),
    })

  const update = (change: Change, previous: Tuple, next: Tuple, headers?: RowHeaders): Encoded => {
    const changed = selected.filter(({ position }) => previous.text(position) !== next.text(position))
    const oldKey = keyOf(previous)
    const newKey = keyOf(next)
    const before = headers?.previous ?? ''
    const after = headers?.next ?? ''
    if (oldKey !== newKey) {
      // Without a primary key the key may change in a column that is not sent.
      if (changed.length === 0 && !hasKey && definition.allColumns) return none
      return [
        remove(change, change.op, previous, `,"key_change_to":${JSON.stringify(newKey)}${before}`),
        insert(change, change.op + 1, next, `,"key_change_from":${JSON.stringify(oldKey)}${after}`),
      ]
    }
    if (headers?.apart === true)
      return [remove(change, change.op, previous, before), insert(change, change.op + 1, next, after)]
    if (changed.length === 0 && headers?.changed !== true) return none
    const more = headers?.update ?? ''
    if (full)
      return [
        item(change, 'update', change.op, {
          key: newKey,
          value: members(next, selected),
          old: members(previous, changed),
          more,
        }),
      ]
    const sent = selected.filter(column => column.inKey || changed.includes(column))
    return [item(change, 'update', change.op, { key: newKey, value: members(next, sent), more })]
  }

  let last: { change: Change; effect: Effect; encoded: Encoded } | undefined
  const encode = (change: Change, effect: Effect): Encoded => {
    if (effect === 'insert') return [insert(change, change.op, must(change.next))]
    if (effect === 'delete') return [remove(change, change.op, must(change.previous))]
    return update(change, must(change.previous), must(change.next))
  }
  return {
    encode: (change, effect) => {
      if (last === undefined || last.change !== change || last.effect !== effect)
        last = { change, effect, encoded: encode(change, effect) }
      return last.encoded
    },
    encodeWith: (change, effect, headers) => {
      if (effect === 'insert') return [insert(change, change.op, must(change.next), headers.next)]
      if (effect === 'delete') return [remove(change, change.op, must(change.previous), headers.previous)]
      return update(change, must(change.previous), must(change.next), headers)
    },
    keyOf,
  }
}

/** Plans of one relation; two shapes get the same plan when their items are the same. */
export class PlanCache {
  readonly #relation: Relation
  readonly #plans = new Map<string, Plan>()

  constructor(relation: Relation) {
    this.#relation = relation
  }

  planFor(definition: ShapeDefinition): Plan {
    const { schema, name, selected, replica, primaryKey, allColumns } = definition
    const id = JSON.stringify([schema, name, selected, replica, primaryKey, allColumns])
    let plan = this.#plans.get(id)
    if (plan === undefined) {
      plan = createPlan(definition, this.#relation)
      this.#plans.set(id, plan)
    }
    return plan
  }
}
