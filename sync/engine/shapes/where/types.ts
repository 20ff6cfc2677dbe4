// The types a value can be computed with: how each reads text, prints it and compares. A type goes by its pg_type name;
// the array of x is '_x'; an enum is 'enum:' and its oid; a column type without evaluation is 'opaque:' and its oid.

import { compareArrays, formatArray, parseArray, arrayEquals } from './array.ts'
import * as dt from './datetime.ts'
import { EvaluationError } from './errors.ts'
import { compareFloat, formatFloat, parseFloat4, parseFloat8 } from './float.ts'
import { compareInterval, formatInterval, parseInterval } from './interval.ts'
import { compareNumeric, formatNumeric, parseNumeric, trimSpace } from './numeric.ts'
import { compareText, trimBlanks } from './text.ts'
import type { ArrayValue, Interval, Numeric, Value } from './values.ts'

/** A type name as used in the tree. */
export type TypeName = string

/** What the evaluator knows about a type. */
export interface TypeInfo {
  /** Input function: undefined for invalid syntax; throws EvaluationError for a value out of range. */
  readonly parse: (text: string) => Value | undefined
  /** Output function, with the session settings of where.ts. */
  readonly format: (value: Value) => string
  /** The type's default order; equality is 0. */
  readonly compare: (a: Value, b: Value) => number
}

const integerPattern = /^([+-]?)(?:(\d+(?:_\d+)*)|(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+))$/

/** An integer's input text, or undefined; without a range. */
export const parseBigint = (text: string): bigint | undefined => {
  const match = integerPattern.exec(trimSpace(text))
  if (match === null) return undefined
  const magnitude = BigInt((match[2] ?? match[3] ?? '0').replaceAll('_', '').toLowerCase())
  return match[1] === '-' ? -magnitude : magnitude
}

const ranges: Readonly<Record<string, bigint>> = {
  int2: 32_768n,
  int4: 2_147_483_648n,
  int8: 9_223_372_036_854_775_808n,
}

/** Throws when an integer is outside of its type. */
export const checkInteger = (value: bigint, type: TypeName): bigint => {
  const limit = ranges[type] ?? 0n
  if (value >= limit || value < -limit) throw new EvaluationError(`value "${value}" is out of range for type ${type}`)
  return value
}

const smallInteger = (type: TypeName, plain: number): TypeInfo => ({
  parse: text => {
    // The form that rows have, without the detour.
    if (text.length <= plain && /^-?\d+$/.test(text)) return Number(text)
    const value = parseBigint(text)
    return value === undefined ? undefined : Number(checkInteger(value, type))
  },
  format: String,
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
})

const booleans: readonly (readonly [string, boolean])[] = [
  ['true', true],
  ['false', false],
  ['yes', true],
  ['no', false],
]

const parseBool = (text: string): boolean | undefined => {
  if (text === 't' || text === 'true') return true
  if (text === 'f' || text === 'false') return false
  const word = trimSpace(text).toLowerCase()
  if (word === 'on' || word === '1') return true
  if (word === 'off' || word === 'of' || word === '0') return false
  return word === '' ? undefined : booleans.find(([name]) => name.startsWith(word))?.[1]
}

const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

// Hyphens may stand after any group of four digits, braces around the whole.
const parseUuid = (text: string): string | undefined => {
  // as Postgres writes them, which is nearly always
  if (canonicalUuid.test(text)) return text
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text
  if (!/^(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$/.test(inner)) return undefined
  return inner
    .replaceAll('-', '')
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

const parseBytea = (text: string): string | undefined =>
  /^\\x(?:\s*[0-9a-fA-F]{2})*\s*$/.test(text) ? text.slice(2).replace(/\s/g, '').toLowerCase() : undefined

const bytes = new TextEncoder()

const parseName = (text: string): string => {
  let result = text
  while (bytes.encode(result).length > 63) result = Array.from(result).slice(0, -1).join('')
  return result
}

const text: TypeInfo = {
  parse: value => value,
  format: value => value as string,
  compare: (a, b) => compareText(a as string, b as string),
}

const plain = (a: Value, b: Value): number => (a < b ? -1 : a > b ? 1 : 0)

const float = (single: boolean): TypeInfo => ({
  parse: single ? parseFloat4 : parseFloat8,
  format: value => formatFloat(value as number, single),
  compare: (a, b) => compareFloat(a as number, b as number),
})

const timestamp = (zoned: boolean): TypeInfo => ({
  parse: value => dt.parseTimestamp(value, zoned),
  format: value => dt.formatTimestamp(value as bigint, zoned),
  compare: plain,
})

const scalars: Readonly<Record<string, TypeInfo>> = {
  bool: { parse: parseBool, format: value => (value === true ? 't' : 'f'), compare: (a, b) => Number(a) - Number(b) },
  int2: smallInteger('int2', 4),
  int4: smallInteger('int4', 9),
  int8: {
    parse: value => {
      const parsed = parseBigint(value)
      return parsed === undefined ? undefined : checkInteger(parsed, 'int8')
    },
    format: String,
    compare: plain,
  },
  float4: float(true),
  float8: float(false),
  numeric: {
    parse: parseNumeric,
    format: value => formatNumeric(value as Numeric),
    compare: (a, b) => compareNumeric(a as Numeric, b as Numeric),
  },
  text,
  varchar: text,
  name: { ...text, parse: parseName },
  bpchar: { ...text, compare: (a, b) => compareText(trimBlanks(a as string), trimBlanks(b as string)) },
  uuid: { parse: parseUuid, format: value => value as string, compare: plain },
  bytea: { parse: parseBytea, format: value => `\\x${value as string}`, compare: plain },
  date: { parse: dt.parseDate, format: value => dt.formatDate(value as number), compare: plain },
  time: { parse: dt.parseTime, format: value => dt.formatTime(value as number), compare: plain },
  timestamp: timestamp(false),
  timestamptz: timestamp(true),
  interval: {
    parse: parseInterval,
    format: value => formatInterval(value as Interval),
    compare: (a, b) => compareInterval(a as Interval, b as Interval),
  },
}

/** The element type of an array type. */
export const elementOf = (type: TypeName): TypeName | undefined => (type.startsWith('_') ? type.slice(1) : undefined)

/** The array type over an element type; undefined over an array, which has none. */
export const arrayTypeOf = (type: TypeName): TypeName | undefined =>
  type.startsWith('_') || !(isEnum(type) || Object.hasOwn(scalars, type)) ? undefined : `_${type}`

/** Whether the type is an enum. */
export const isEnum = (type: TypeName): boolean => type.startsWith('enum:')

/** Whether values of the type are text that a collation applies to. */
export const isCollatable = (type: TypeName): boolean =>
  ['text', 'varchar', 'bpchar', 'name'].includes(elementOf(type) ?? type)

const enumInfo: TypeInfo = {
  ...text,
  compare: (a, b) => (a === b ? 0 : Number.NaN),
}

const arrayInfo = (element: TypeInfo): TypeInfo => ({
  parse: value => parseArray(value, element.parse),
  format: value => formatArray(value as ArrayValue, element.format),
  compare: (a, b) => compareArrays(a as ArrayValue, b as ArrayValue, element.compare),
})

const cache = new Map<TypeName, TypeInfo>()

/** What is known about a type; undefined when it cannot be evaluated. */
export const typeInfo = (type: TypeName): TypeInfo | undefined => {
  if (isEnum(type)) return enumInfo
  const known = Object.hasOwn(scalars, type) ? scalars[type] : cache.get(type)
  if (known !== undefined) return known
  const element = elementOf(type)
  const info =
    element === undefined
      ? undefined
      : isEnum(element)
        ? enumInfo
        : Object.hasOwn(scalars, element)
          ? scalars[element]
          : undefined
  if (info === undefined) return undefined
  const made = arrayInfo(info)
  cache.set(type, made)
  return made
}

/** Equality of two values of one type. Arrays have their own: NULL elements are equal, order is not asked. */
export const equality = (type: TypeName): ((a: Value, b: Value) => boolean) => {
  const element = elementOf(type)
  const info = typeInfo(element ?? type)
  if (info === undefined) return () => false
  if (element === undefined) return (a, b) => info.compare(a, b) === 0
  return (a, b) => arrayEquals(a as ArrayValue, b as ArrayValue, (x, y) => info.compare(x, y) === 0)
}

const oids: Readonly<Record<string, number>> = {
  bool: 16,
  bytea: 17,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  uuid: 2950,
  _bool: 1000,
  _bytea: 1001,
  _name: 1003,
  _int2: 1005,
  _int4: 1007,
  _text: 1009,
  _bpchar: 1014,
  _varchar: 1015,
  _int8: 1016,
  _float4: 1021,
  _float8: 1022,
  _timestamp: 1115,
  _date: 1182,
  _time: 1183,
  _timestamptz: 1185,
  _interval: 1187,
  _numeric: 1231,
  _uuid: 2951,
}

/** Whether values of the type are rows, whose IS NULL asks for their fields. */
export const isRow = (type: TypeName): boolean => type.startsWith('row:')

/** A type as messages show it. */
export const typeLabel = (type: TypeName): string => {
  const element = elementOf(type)
  return element === undefined ? type.replace(/^(?:enum|opaque|row):\d+:/, '') : `${typeLabel(element)}[]`
}

/** The tree's name for a column's type. A type of another schema that only has a built-in's name is opaque. */
export const columnType = (column: { typeName: string; typeOid: number; typeKind: string }): TypeName => {
  if (Object.hasOwn(oids, column.typeName) && oids[column.typeName] === column.typeOid) return column.typeName
  const named = `${column.typeOid}:${column.typeName}`
  if (column.typeKind === 'e') return column.typeName.startsWith('_') ? `_enum:${named}` : `enum:${named}`
  return `${column.typeKind === 'c' ? 'row' : 'opaque'}:${named}`
}
