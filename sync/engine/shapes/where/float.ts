// float4 and float8: C's strtod/strtof on input, the shortest text that reads back on output (Ryu, as PostgreSQL
// prints it), and arithmetic that raises on overflow and underflow. float4 values are kept rounded (Math.fround).

import { EvaluationError } from './errors.ts'
import {
  compareNumeric,
  numericInfinity,
  numericMinusInfinity,
  numericNaN,
  numericOfInteger,
  parseNumeric,
  pow10,
  trimSpace,
} from './numeric.ts'
import type { Numeric } from './values.ts'

// Texts come from rows and readers: each character may be read in one way only, or a long one takes for ever.
const decimalPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const hexPattern = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?$/

const special = (text: string): number | undefined => {
  switch (text.toLowerCase()) {
    case 'nan':
    case '+nan':
    case '-nan':
      return Number.NaN
    case 'inf':
    case '+inf':
    case 'infinity':
    case '+infinity':
      return Number.POSITIVE_INFINITY
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY
    default:
      return undefined
  }
}

const hex = (text: string): number | undefined => {
  const match = hexPattern.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return undefined
  // Number() rounds to nearest-even at 53 bits; the power of two is exact but for subnormal results.
  const magnitude = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - fraction.length * 4)
  return sign === '-' ? -magnitude : magnitude
}

const outOfRange = (): EvaluationError => new EvaluationError('value out of range for a floating point type')

/** float8in. Undefined when the text is no number; throws when it is out of range. */
export const parseFloat8 = (text: string): number | undefined => {
  const trimmed = trimSpace(text)
  if (!decimalPattern.test(trimmed)) {
    const value = special(trimmed) ?? hex(trimmed)
    if (value === undefined) return undefined
    return value
  }
  const value = Number(trimmed)
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(trimmed.split(/[eE]/)[0] ?? ''))) throw outOfRange()
  return value
}

const scratch = new DataView(new ArrayBuffer(8))

const neighbour = (f: number, up: boolean): number => {
  if (f === 0) return up ? 2 ** -149 : -(2 ** -149)
  scratch.setFloat32(0, f)
  scratch.setInt32(0, scratch.getInt32(0) + (f > 0 === up ? 1 : -1))
  return scratch.getFloat32(0)
}

/** The exact value of a finite double. */
export const exactOfFloat = (d: number): Numeric => {
  scratch.setFloat64(0, d)
  const bits = scratch.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const mantissa = (bits & 0xfffffffffffffn) | (biased === 0 ? 0n : 1n << 52n)
  const signed = d < 0 ? -mantissa : mantissa
  const exponent = (biased === 0 ? 1 : biased) - 1075
  if (exponent >= 0) return { kind: 0, v: signed << BigInt(exponent), s: 0 }
  return { kind: 0, v: signed * 5n ** BigInt(-exponent), s: -exponent }
}

/** Rounds to float4 once, not by way of float8: matters for values next to the middle of two floats. */
const roundOnce = (nearest: number, exact: () => Numeric): number => {
  const f = Math.fround(nearest)
  if (f === nearest || !Number.isFinite(f)) return f
  const other = neighbour(f, nearest > f)
  if ((f + other) / 2 !== nearest) return f
  const side = compareNumeric(exact(), exactOfFloat(nearest))
  if (side === 0) return f
  return side > 0 ? Math.max(f, other) : Math.min(f, other)
}

/** float4in. */
export const parseFloat4 = (text: string): number | undefined => {
  const trimmed = trimSpace(text)
  if (!decimalPattern.test(trimmed)) {
    const value = special(trimmed) ?? hex(trimmed)
    return value === undefined ? undefined : Math.fround(value)
  }
  const value = roundOnce(Number(trimmed), () => parseNumeric(trimmed) ?? numericOfInteger(0))
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(trimmed.split(/[eE]/)[0] ?? ''))) throw outOfRange()
  return value
}

/** An int8 as float4, rounded once. */
export const float4OfInt8 = (v: bigint): number => roundOnce(Number(v), () => numericOfInteger(v))

interface Decimal {
  readonly digits: string
  /** decimal exponent of the first digit */
  readonly exponent: number
}

const stripped = (digits: bigint, exponent: number): Decimal => {
  const text = digits.toString()
  return { digits: text.replace(/0+$/, ''), exponent: exponent + text.length }
}

const bump = (f: number, up: boolean): number => {
  scratch.setFloat64(0, f)
  scratch.setBigInt64(0, scratch.getBigInt64(0) + (up ? 1n : -1n))
  return scratch.getFloat64(0)
}

// The integers below and above magnitude × 10^shift, and how far away that lies from each, in units of `unit`.
const around = (magnitude: Numeric, shift: number): { low: bigint; rest: bigint; unit: bigint } => {
  const scale = magnitude.s - shift
  if (scale <= 0) return { low: magnitude.v * pow10(-scale), rest: 0n, unit: 1n }
  const unit = pow10(scale)
  return { low: magnitude.v / unit, rest: magnitude.v % unit, unit }
}

const firstExponent = (magnitude: number): number => Number(magnitude.toExponential(17).split('e')[1])

/** C's %.*e: `precision` digits, ties to the even one. */
const rounded = (magnitude: number, precision: number): Decimal => {
  const exponent = firstExponent(magnitude)
  const { low, rest, unit } = around(exactOfFloat(magnitude), precision - 1 - exponent)
  const up = rest * 2n > unit || (rest * 2n === unit && low % 2n === 1n)
  return stripped(up ? low + 1n : low, exponent - precision)
}

const middle = (a: number, b: number): Numeric => {
  const [x, y] = [exactOfFloat(a), exactOfFloat(b)]
  const s = Math.max(x.s, y.s)
  return { kind: 0, v: (x.v * pow10(s - x.s) + y.v * pow10(s - y.s)) * 5n, s: s + 1 }
}

// Ryu without its bounds: the fewest digits strictly between the middles to both neighbours; of those the nearest.
const shortest = (magnitude: number, single: boolean): Decimal => {
  const next = single ? neighbour : bump
  const exact = exactOfFloat(magnitude)
  const below = middle(next(magnitude, false), magnitude)
  // Above the largest value the gap goes on as if there were one more.
  const raised = next(magnitude, true)
  const gap = magnitude - next(magnitude, false)
  const top: Numeric = { kind: 0, v: exact.v + exactOfFloat(gap / 2).v, s: 0 }
  const above = Number.isFinite(raised) ? middle(magnitude, raised) : top
  const exponent = firstExponent(magnitude)
  const least = single ? 1 : (magnitude.toExponential().split('e')[0]?.replace('.', '').length ?? 1)
  for (let precision = Math.max(1, least - 1); precision < 18; precision++) {
    const shift = precision - 1 - exponent
    const { low, rest, unit } = around(exact, shift)
    const inside = (digits: bigint): boolean => {
      const value: Numeric =
        shift >= 0 ? { kind: 0, v: digits, s: shift } : { kind: 0, v: digits * pow10(-shift), s: 0 }
      return compareNumeric(value, below) > 0 && compareNumeric(value, above) < 0
    }
    const lowFits = inside(low)
    const highFits = inside(low + 1n)
    const high = highFits && (!lowFits || rest * 2n > unit || (rest * 2n === unit && low % 2n === 1n))
    if (lowFits || highFits) return stripped(high ? low + 1n : low, exponent - precision)
  }
  return rounded(magnitude, 17)
}

/** float4out and float8out with extra_float_digits = 1. */
export const formatFloat = (value: number, single: boolean): string => {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const sign = value < 0 ? '-' : ''
  const magnitude = Math.abs(value)
  const small = Number.isInteger(magnitude) && magnitude < (single ? 1e6 : 1e15)
  const { digits, exponent } = small ? stripped(BigInt(magnitude), -1) : shortest(magnitude, single)
  if (exponent < -4 || exponent >= (single ? 6 : 15)) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const power = Math.abs(exponent).toString().padStart(2, '0')
    return `${sign}${digits.charAt(0)}${fraction}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return `${sign}${digits.padEnd(exponent + 1, '0')}`
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

/** float8 to numeric goes by way of 15 significant digits, float4 by way of 6. */
export const numericOfFloat = (value: number, single: boolean): Numeric => {
  if (Number.isNaN(value)) return numericNaN
  if (!Number.isFinite(value)) return value > 0 ? numericInfinity : numericMinusInfinity
  if (value === 0) return numericOfInteger(0)
  const { digits, exponent } = rounded(Math.abs(value), single ? 6 : 15)
  const scale = digits.length - 1 - exponent
  const magnitude = BigInt(digits) * (scale < 0 ? pow10(-scale) : 1n)
  return { kind: 0, v: value < 0 ? -magnitude : magnitude, s: Math.max(scale, 0) }
}

/** Total order of floats: NaN equals itself and is above everything, -0 equals 0. */
export const compareFloat = (a: number, b: number): number => {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

const checked = (result: number, operands: boolean): number => {
  if (!Number.isFinite(result) && !Number.isNaN(result) && operands) throw outOfRange()
  return result
}

/** The four operations as float.c checks them; `round` is Math.fround for float4. */
export const floatArithmetic = {
  add: (a: number, b: number, round: (x: number) => number): number =>
    checked(round(a + b), Number.isFinite(a) && Number.isFinite(b)),
  subtract: (a: number, b: number, round: (x: number) => number): number =>
    checked(round(a - b), Number.isFinite(a) && Number.isFinite(b)),
  multiply: (a: number, b: number, round: (x: number) => number): number => {
    const result = checked(round(a * b), Number.isFinite(a) && Number.isFinite(b))
    if (result === 0 && a !== 0 && b !== 0) throw outOfRange()
    return result
  },
  divide: (a: number, b: number, round: (x: number) => number): number => {
    if (b === 0 && !Number.isNaN(a)) throw new EvaluationError('division by zero')
    const result = checked(round(a / b), Number.isFinite(a))
    if (result === 0 && a !== 0 && Number.isFinite(b)) throw outOfRange()
    return result
  },
} as const

/** C's rint(): to the nearest integer, halves to the even one. */
export const rint = (value: number): number => {
  if (!Number.isFinite(value)) return value
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
