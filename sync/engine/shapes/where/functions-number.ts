// Arithmetic, bits and casts of numbers, by pg_proc.prosrc. Integer results are checked against their type; whatever
// PostgreSQL raises for is an EvaluationError here.

import { EvaluationError } from './errors.ts'
import { float4OfInt8, floatArithmetic, numericOfFloat, parseFloat4, parseFloat8, rint } from './float.ts'
import * as numeric from './numeric.ts'
import type { Implementation } from './tree.ts'
import { checkInteger } from './types.ts'
import type { Numeric, Value } from './values.ts'

type Integer = 'int2' | 'int4' | 'int8'
type Arg = Value | null

const big = (v: Arg): bigint => BigInt(v as number | bigint)
const num = (v: Arg): number => v as number
const dec = (v: Arg): Numeric => v as Numeric

const store = (v: bigint, type: Integer): Value => {
  const checked = checkInteger(v, type)
  return type === 'int8' ? checked : Number(checked)
}

const small: Readonly<Record<string, number>> = { int2: 32_768, int4: 2_147_483_648 }

const inRange = (v: number, type: Integer): number => {
  const limit = small[type] ?? 0
  if (v >= limit || v < -limit) throw new EvaluationError(`value is out of range for type ${type}`)
  return v
}

const divisor = (v: bigint): bigint => {
  if (v === 0n) throw new EvaluationError('division by zero')
  return v
}

const integerNames: readonly (readonly [string, Integer])[] = [
  ['int2', 'int2'],
  ['int4', 'int4'],
  ['int8', 'int8'],
  ['int24', 'int4'],
  ['int42', 'int4'],
  ['int28', 'int8'],
  ['int82', 'int8'],
  ['int48', 'int8'],
  ['int84', 'int8'],
]

const cutTo = (v: number, type: Integer): number => (type === 'int2' ? (v << 16) >> 16 : v)

const integerBinary = (type: Integer): Readonly<Record<string, Implementation>> => {
  // Sums and differences of two int4 are exact as doubles; products of them may not be.
  const wide = type === 'int8'
  return {
    pl: (a, b) => (wide ? store(big(a) + big(b), type) : inRange(num(a) + num(b), type)),
    mi: (a, b) => (wide ? store(big(a) - big(b), type) : inRange(num(a) - num(b), type)),
    mul: (a, b) => store(big(a) * big(b), type),
    div: (a, b) => store(big(a) / divisor(big(b)), type),
    mod: (a, b) => store(big(a) % divisor(big(b)), type),
    and: (a, b) => store(big(a) & big(b), type),
    or: (a, b) => store(big(a) | big(b), type),
    xor: (a, b) => store(big(a) ^ big(b), type),
    um: a => store(-big(a), type),
    up: a => a,
    not: a => store(~big(a), type),
    // The processor takes a shift's count modulo the width; int2 is shifted as int4 and cut.
    shl: (a, b) => (wide ? BigInt.asIntN(64, big(a) << (big(b) & 63n)) : cutTo(num(a) << num(b), type)),
    shr: (a, b) => (wide ? big(a) >> (big(b) & 63n) : num(a) >> num(b)),
    abs: a => store(big(a) < 0n ? -big(a) : big(a), type),
  }
}

const double = (x: number): number => x

const floatBinary = (round: (x: number) => number): Readonly<Record<string, Implementation>> => ({
  pl: (a, b) => floatArithmetic.add(num(a), num(b), round),
  mi: (a, b) => floatArithmetic.subtract(num(a), num(b), round),
  mul: (a, b) => floatArithmetic.multiply(num(a), num(b), round),
  div: (a, b) => floatArithmetic.divide(num(a), num(b), round),
  um: a => -num(a),
  up: a => a,
  abs: a => Math.abs(num(a)),
})

const prefixed = (prefix: string, table: Readonly<Record<string, Implementation>>): [string, Implementation][] =>
  Object.entries(table).map(([suffix, run]) => [prefix + suffix, run])

const floatToInteger =
  (type: Integer): Implementation =>
  a => {
    const value = rint(num(a))
    const limit = type === 'int8' ? 9_223_372_036_854_775_808 : (small[type] ?? 0)
    if (Number.isNaN(value) || value >= limit || value < -limit) throw new EvaluationError(`${type} out of range`)
    return type === 'int8' ? BigInt(value) : value + 0
  }

const toFloat =
  (single: boolean) =>
  (a: Arg): number => {
    const value = (single ? parseFloat4 : parseFloat8)(numeric.formatNumeric(dec(a)))
    if (value === undefined) throw new EvaluationError('invalid number')
    return value
  }

const narrowed = (a: Arg): number => {
  const value = num(a)
  const result = Math.fround(value)
  if ((!Number.isFinite(result) && Number.isFinite(value)) || (result === 0 && value !== 0)) {
    throw new EvaluationError('value out of range')
  }
  return result
}

const squareRoot: Implementation = a => {
  if (num(a) < 0) throw new EvaluationError('cannot take square root of a negative number')
  return Math.sqrt(num(a))
}

// Exact while the result is; resolve-call.ts lets only whole constants get here.
const integerPower = (base: number, exponent: number): number => {
  if (exponent > 60) throw new EvaluationError('exponent is too large')
  const result = BigInt(base) ** BigInt(exponent)
  if (result > 9_007_199_254_740_992n || result < -9_007_199_254_740_992n)
    throw new EvaluationError('result is too large')
  return Number(result)
}

const numericSign = (a: Numeric): Numeric => (a.kind === 1 ? a : numeric.numericOfInteger(numeric.signOf(a)))

const roundUp = (a: Numeric, up: boolean): Numeric => {
  if (a.kind !== 0) return a
  const cut = numeric.truncateTo(a, 0)
  const order = numeric.compareNumeric(a, cut)
  if (order === 0 || (up ? order < 0 : order > 0)) return cut
  return numeric.add(cut, numeric.numericOfInteger(up ? 1 : -1))
}

const bounded = (digits: number): number => Math.max(-2000, Math.min(2000, digits))

const table: [string, Implementation][] = [
  ...integerNames.flatMap(([prefix, type]) => prefixed(prefix, integerBinary(type))),
  ...prefixed('float4', floatBinary(Math.fround)),
  ...['float8', 'float48', 'float84'].flatMap(prefix => prefixed(prefix, floatBinary(double))),
  ['dsqrt', squareRoot],
  ['dpow', (a, b) => integerPower(num(a), num(b))],
  ['dceil', a => Math.ceil(num(a))],
  ['dfloor', a => Math.floor(num(a))],
  ['dtrunc', a => Math.trunc(num(a))],
  ['dround', a => rint(num(a))],
  ['dsign', a => (num(a) > 0 ? 1 : num(a) < 0 ? -1 : 0)],
  ['numeric_add', (a, b) => numeric.add(dec(a), dec(b))],
  ['numeric_sub', (a, b) => numeric.subtract(dec(a), dec(b))],
  ['numeric_mul', (a, b) => numeric.multiply(dec(a), dec(b))],
  ['numeric_div', (a, b) => numeric.divide(dec(a), dec(b))],
  ['numeric_power', (a, b) => numeric.square(dec(a), dec(b))],
  ['numeric_mod', (a, b) => numeric.modulo(dec(a), dec(b))],
  ['numeric_uminus', a => numeric.negate(dec(a))],
  ['numeric_uplus', a => a],
  ['numeric_abs', a => numeric.absolute(dec(a))],
  ['numeric_sign', a => numericSign(dec(a))],
  ['numeric_ceil', a => roundUp(dec(a), true)],
  ['numeric_floor', a => roundUp(dec(a), false)],
  ['numeric_round', (a, b) => numeric.roundTo(dec(a), bounded(num(b)))],
  ['numeric_trunc', (a, b) => numeric.truncateTo(dec(a), bounded(num(b)))],
  ['round(numeric)', a => numeric.roundTo(dec(a), 0)],
  ['trunc(numeric)', a => numeric.truncateTo(dec(a), 0)],
  ['i2toi4', a => a],
  ['i4toi2', a => inRange(num(a), 'int2')],
  ['int28', a => big(a)],
  ['int48', a => big(a)],
  ['int82', a => store(big(a), 'int2')],
  ['int84', a => store(big(a), 'int4')],
  ...['i2tod', 'i4tod', 'i8tod', 'i2tof', 'ftod'].map((name): [string, Implementation] => [name, a => Number(a)]),
  ['i4tof', a => Math.fround(num(a))],
  ['i8tof', a => float4OfInt8(a as bigint)],
  ['dtof', narrowed],
  ['dtoi2', floatToInteger('int2')],
  ['dtoi4', floatToInteger('int4')],
  ['dtoi8', floatToInteger('int8')],
  ['ftoi2', floatToInteger('int2')],
  ['ftoi4', floatToInteger('int4')],
  ['ftoi8', floatToInteger('int8')],
  ...['int2_numeric', 'int4_numeric', 'int8_numeric'].map((name): [string, Implementation] => [
    name,
    a => numeric.numericOfInteger(a as number | bigint),
  ]),
  ['numeric_int2', a => store(numeric.numericToBigint(dec(a)), 'int2')],
  ['numeric_int4', a => store(numeric.numericToBigint(dec(a)), 'int4')],
  ['numeric_int8', a => store(numeric.numericToBigint(dec(a)), 'int8')],
  ['numeric_float4', toFloat(true)],
  ['numeric_float8', toFloat(false)],
  ['float4_numeric', a => numericOfFloat(num(a), true)],
  ['float8_numeric', a => numericOfFloat(num(a), false)],
  ['bool_int4', a => Number(a)],
  ['int4_bool', a => a !== 0],
]

/** Number functions by pg_proc.prosrc; all strict. */
export const numberFunctions: ReadonlyMap<string, Implementation> = new Map(table)
