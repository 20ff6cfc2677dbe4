// The implementation of an operator, function or cast: by pg_proc.prosrc, and for polymorphic ones by argument types.
// What is not here cannot be evaluated and is refused.

import * as arrays from './array.ts'
import { timestampOfDate } from './datetime.ts'
import { compareFloat } from './float.ts'
import { trimBlanks } from './text.ts'
import { textFunctions } from './functions-text.ts'
import { dateFunctions } from './functions-date.ts'
import { numberFunctions } from './functions-number.ts'
import type { Implementation } from './tree.ts'
import { elementOf, equality, isCollatable, typeInfo, type TypeName } from './types.ts'
import type { ArrayValue, Value } from './values.ts'

type Compare = (a: Value, b: Value) => number
type Arg = Value | null

const plain: Compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
const of = (type: TypeName): Compare => typeInfo(type)?.compare ?? plain

// Families of six comparisons: the prefix of their prosrc, and the order they share.
const families: readonly (readonly [string, Compare])[] = [
  ...['int2', 'int4', 'int8', 'int24', 'int42', 'int28', 'int82', 'int48', 'int84'].map((p): [string, Compare] => [
    p,
    plain,
  ]),
  ...['float4', 'float8', 'float48', 'float84'].map((p): [string, Compare] => [
    p,
    (a, b) => compareFloat(a as number, b as number),
  ]),
  ['bool', of('bool')],
  ['numeric_', of('numeric')],
  ['text', of('text')],
  ['text_', of('text')],
  ['name', of('text')],
  ['bpchar', of('bpchar')],
  ['bytea', plain],
  ['uuid_', plain],
  ['date_', plain],
  ['time_', plain],
  ['timestamp_', plain],
  ['interval_', of('interval')],
]

const tests: Readonly<Record<string, (order: number) => boolean>> = {
  eq: order => order === 0,
  ne: order => order !== 0,
  lt: order => order < 0,
  le: order => order <= 0,
  gt: order => order > 0,
  ge: order => order >= 0,
}

// One more than the last finite timestamp, below infinity.
const lastTimestamp = 9_223_372_036_854_775_806n

const comparisons = new Map<string, Implementation>()
const compared = (compare: Compare, test: (order: number) => boolean): Implementation =>
  ((a: Value, b: Value) => test(compare(a, b))) as Implementation

for (const [suffix, test] of Object.entries(tests)) {
  for (const [prefix, compare] of families) comparisons.set(prefix + suffix, compared(compare, test))
  // name with text and text with name
  comparisons.set(`name${suffix}text`, compared(of('text'), test))
  comparisons.set(`text${suffix}name`, compared(of('text'), test))
  // A date beyond the last timestamp is above all of them but infinity.
  const days = (d: Value): bigint => {
    const micros = Number.isFinite(d) ? BigInt(d as number) * 86_400_000_000n : timestampOfDate(d as number)
    return Number.isFinite(d) && micros > lastTimestamp ? lastTimestamp : micros
  }
  for (const zone of ['', 'tz']) {
    comparisons.set(
      `date_${suffix}_timestamp${zone}`,
      compared((a, b) => plain(days(a), b), test),
    )
    comparisons.set(
      `timestamp${zone}_${suffix}_date`,
      compared((a, b) => plain(a, days(b)), test),
    )
  }
  comparisons.set(`timestamp_${suffix}_timestamptz`, compared(plain, test))
  comparisons.set(`timestamptz_${suffix}_timestamp`, compared(plain, test))
}

// The fast forms of what nearly every clause is made of.
comparisons.set('int4eq', (a, b) => a === b)
comparisons.set('int8eq', (a, b) => a === b)
comparisons.set('texteq', (a, b) => a === b)
comparisons.set('textne', (a, b) => a !== b)
comparisons.set('uuid_eq', (a, b) => a === b)
comparisons.set('enum_eq', (a, b) => a === b)
comparisons.set('enum_ne', (a, b) => a !== b)

const arr = (v: Arg): ArrayValue => v as ArrayValue
const missing = (v: Arg): boolean => v === null

// Array functions that are not strict see NULL arguments.
const looseArrays: Readonly<Record<string, Implementation>> = {
  array_cat: (a, b) => (missing(a) ? b : missing(b) ? a : arrays.concatArrays(arr(a), arr(b))),
  array_append: (a, b) =>
    arrays.addElement(a === null || a === undefined ? arrays.emptyArray : arr(a), b ?? null, false),
  array_prepend: (a, b) =>
    arrays.addElement(b === null || b === undefined ? arrays.emptyArray : arr(b), a ?? null, true),
}

// `text || any` and back: the other side as text by its cast, which for bool is not the output function.
const asText = (type: TypeName): ((v: Arg) => string) => {
  const info = typeInfo(type)
  if (type === 'bool') return v => (v === true ? 'true' : 'false')
  if (type === 'bpchar') return v => trimBlanks(v as string)
  return v => info?.format(v as Value) ?? ''
}

const concatenation = (source: string, argTypes: readonly TypeName[]): Implementation | undefined => {
  if (argTypes.some(type => typeInfo(type) === undefined)) return undefined
  const formats = argTypes.map(type => typeInfo(type)?.format ?? String)
  const texts = (args: readonly Arg[]): string[] =>
    args.flatMap((arg, i) => (arg === null ? [] : [formats[i]?.(arg) ?? '']))
  const [left, right] = argTypes.map(asText)
  switch (source) {
    case '||(text,anynonarray)':
      return (a, b) => (a as string) + (right?.(b) ?? '')
    case '||(anynonarray,text)':
      return (a, b) => (left?.(a) ?? '') + (b as string)
    case 'text_concat':
      return (...args) => texts(args).join('')
    case 'text_concat_ws':
      return (separator, ...rest) => (separator === null ? null : texts([null, ...rest]).join(separator as string))
    default:
      return undefined
  }
}

const arrayFunction = (source: string, argTypes: readonly TypeName[]): Implementation | undefined => {
  const element = elementOf(argTypes[0] ?? '') ?? ''
  const info = typeInfo(element)
  if (info === undefined) return undefined
  const equal = equality(element)
  switch (source) {
    case 'array_eq':
      return (a, b) => arrays.arrayEquals(arr(a), arr(b), equal)
    case 'array_ne':
      return (a, b) => !arrays.arrayEquals(arr(a), arr(b), equal)
    case 'array_lt':
    case 'array_le':
    case 'array_gt':
    case 'array_ge': {
      const test = tests[source.slice(-2)] ?? (() => false)
      return (a, b) => test(arrays.compareArrays(arr(a), arr(b), info.compare))
    }
    case 'arraycontains':
      return (a, b) => arrays.arrayContains(arr(a), arr(b), equal)
    case 'arraycontained':
      return (a, b) => arrays.arrayContains(arr(b), arr(a), equal)
    case 'arrayoverlap':
      return (a, b) => arrays.arrayOverlaps(arr(a), arr(b), equal)
    case 'array_ndims':
      return a => arr(a).dims.length || null
    case 'array_length':
      return (a, b) => arr(a).dims[(b as number) - 1] ?? null
    case 'array_cardinality':
      return a => arr(a).elements.length
    default:
      return undefined
  }
}

/** The implementation for these argument types; undefined when there is none. */
export const implementationOf = (source: string, argTypes: readonly TypeName[]): Implementation | undefined =>
  comparisons.get(source) ??
  numberFunctions.get(source) ??
  textFunctions.get(source) ??
  dateFunctions.get(source) ??
  looseArrays[source] ??
  concatenation(source, argTypes) ??
  arrayFunction(source, argTypes)

const ordering = /^(?:text_?|name|bpchar|array_)(?:lt|le|gt|ge)(?:text|name)?$/

/** What an implementation asks of its arguments' collation: nothing, determinism, or bytewise order. */
export const collationNeed = (source: string, argTypes: readonly TypeName[]): 'none' | 'deterministic' | 'order' => {
  if (!argTypes.some(isCollatable)) return 'none'
  return ordering.test(source) ? 'order' : 'deterministic'
}
