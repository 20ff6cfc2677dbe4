// Casts: the target's name, its length or precision, and arrays, which PostgreSQL casts element by element.

import type { Node, TypeCast, TypeName as PgTypeName } from 'libpg-query'
import { commonType } from './catalog.ts'
import { roundTimestamp } from './datetime.ts'
import { refuse } from './errors.ts'
import { roundInterval } from './interval.ts'
import { applyNumericTypmod } from './numeric.ts'
import { catalogName, type Location, type Resolve } from './nodes.ts'
import { coerce, constant, makeArray, makeCall, parseLiteral } from './resolve-call.ts'
import { sqlType } from './sql.ts'
import { trimBlanks } from './text.ts'
import type { Expr, Implementation } from './tree.ts'
import { arrayTypeOf, elementOf, typeInfo, typeLabel, type TypeName } from './types.ts'
import type { Interval, Numeric } from './values.ts'

const castable = new Set([
  'bool',
  'bytea',
  'date',
  'float4',
  'float8',
  'int2',
  'int4',
  'int8',
  'text',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'varchar',
  'bpchar',
  'name',
  'interval',
  'numeric',
])

const typmodsOf = (name: PgTypeName, location: Location): readonly number[] =>
  (name.typmods ?? []).map(node => {
    if (!('A_Const' in node) || node.A_Const.ival === undefined)
      throw refuse(location, 'type modifiers must be integers')
    return node.A_Const.ival.ival ?? 0
  })

interface Target {
  readonly type: TypeName
  readonly typmods: readonly number[]
}

const targetOf = (name: PgTypeName | undefined, enums: ReadonlyMap<string, TypeName>, location: Location): Target => {
  const written = catalogName(name?.names) ?? ''
  const shown = (name?.names ?? []).map(n => ('String' in n ? n.String.sval : '')).join('.')
  const known = castable.has(written) ? written : enums.get(written)
  if (name === undefined || known === undefined || name.setof === true || name.pct_type === true) {
    throw refuse(location, `unsupported type ${shown}`)
  }
  const isArray = (name.arrayBounds ?? []).length > 0
  const type = isArray ? arrayTypeOf(known) : known
  if (type === undefined) throw refuse(location, `unsupported type ${shown}`)
  return { type, typmods: typmodsOf(name, location) }
}

const cut = (text: string, length: number): string => Array.from(text).slice(0, length).join('')

const timeRound = (time: number, precision: number): number => {
  const unit = 10 ** (6 - precision)
  return Math.floor((time + unit / 2) / unit) * unit
}

// What a type's length cast does to a value of the type, for an explicit cast.
const lengthCast = (type: TypeName, typmods: readonly number[]): Implementation | undefined => {
  const [first = 0, second = 0] = typmods
  const fits = (limit: number, n: number): boolean => n >= 0 && n <= limit
  switch (type) {
    case 'varchar':
      return typmods.length === 1 && first >= 1 ? a => cut(a as string, first) : undefined
    case 'bpchar':
      return typmods.length === 1 && first >= 1
        ? a =>
            cut(trimBlanks(a as string), first) +
            ' '.repeat(Math.max(0, first - Array.from(trimBlanks(a as string)).length))
        : undefined
    case 'numeric': {
      if (typmods.length > 2 || first < 1 || first > 1000 || second < -1000 || second > 1000) return undefined
      const typmod = ((first << 16) | (second & 0x7_ff)) + 4
      return a => applyNumericTypmod(a as Numeric, typmod)
    }
    case 'timestamp':
    case 'timestamptz':
      return typmods.length === 1 && fits(6, first) ? a => roundTimestamp(a as bigint, first) : undefined
    case 'time':
      return typmods.length === 1 && fits(6, first) ? a => timeRound(a as number, first) : undefined
    case 'interval':
      return typmods.length === 2 && first === 32_767 && fits(6, second)
        ? a => roundInterval(a as Interval, second)
        : undefined
    default:
      return undefined
  }
}

const typmodSql = (type: TypeName, typmods: readonly number[]): string =>
  type === 'interval' ? `interval(${typmods[1] ?? 6})` : `${sqlType(type)}(${typmods.join(', ')})`

const applyTypmods = (expr: Expr, { type, typmods }: Target, location: Location): Expr => {
  if (typmods.length === 0) return expr
  const run = lengthCast(type, typmods)
  if (run === undefined) throw refuse(location, `type modifiers of ${type} are not supported here`)
  return makeCall({ form: 'cast', name: typmodSql(type, typmods), args: [expr], type, strict: true, run }, location)
}

const withoutTypmods = (target: Target, location: Location): void => {
  if (target.typmods.length > 0) throw refuse(location, 'type modifiers of array elements are not supported')
}

// ARRAY[…]::t[] casts each element, also of arrays within.
const castArray = (nodes: readonly Node[], target: TypeName, location: Location, resolve: Resolve): Expr => {
  const element = elementOf(target) ?? target
  const elements = nodes.map(node => {
    if ('A_ArrayExpr' in node) return castArray(node.A_ArrayExpr.elements ?? [], target, location, resolve)
    const value = resolve(node)
    return coerce(value, elementOf(value.type) === undefined ? element : target, 'explicit', location)
  })
  if (elements.length > 0 && commonType(elements.map(e => e.type)) === undefined) {
    throw refuse(location, 'ARRAY elements cannot be matched')
  }
  return makeArray(target, elements)
}

// `interval '2' day`: a number without a unit has that of the field.
const singleFields: Readonly<Record<number, string>> = {
  2: 'month',
  4: 'year',
  8: 'day',
  1024: 'hour',
  2048: 'minute',
  4096: 'second',
}

const unitLiteral = ({ type, typmods }: Target, arg: Node): string | undefined => {
  const unit = type === 'interval' && typmods.length === 1 ? singleFields[typmods[0] ?? 0] : undefined
  const text = 'A_Const' in arg ? arg.A_Const.sval?.sval : undefined
  return unit !== undefined && text !== undefined && /^[+-]?\d{1,9}$/.test(text) ? `${text} ${unit}` : undefined
}

/** `expr::type` and `type 'literal'`. */
export const makeCast = (node: TypeCast, enums: ReadonlyMap<string, TypeName>, resolve: Resolve): Expr => {
  const location = node.typeName?.location ?? node.location
  const target = targetOf(node.typeName, enums, location)
  if (node.arg === undefined) throw refuse(location, 'the cast is incomplete')
  if (typeInfo(target.type) === undefined) throw refuse(location, `unsupported type ${typeLabel(target.type)}`)
  if ('A_ArrayExpr' in node.arg && elementOf(target.type) !== undefined) {
    withoutTypmods(target, location)
    return castArray(node.arg.A_ArrayExpr.elements ?? [], target.type, location, resolve)
  }
  if (elementOf(target.type) !== undefined) withoutTypmods(target, location)
  const counted = unitLiteral(target, node.arg)
  if (counted !== undefined) return constant('interval', parseLiteral(counted, 'interval', location))
  const value = coerce(resolve(node.arg), target.type, 'explicit', location)
  return applyTypmods(value, target, location)
}
