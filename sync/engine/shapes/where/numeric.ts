// numeric: exact decimals with PostgreSQL's display scales, so that results print and divide as there.
// Infinities and NaN follow numeric.c: NaN equals itself and sorts above everything.

import { EvaluationError } from './errors.ts'
import type { Numeric } from './values.ts'

const maxScale = 16_383
const maxWeight = 131_072
const minSignificantDigits = 16
const maxDisplayScale = 1000

const finite = (v: bigint, s: number): Numeric => ({ kind: 0, v, s })

/** NaN as a numeric. */
export const numericNaN: Numeric = { kind: 1, v: 0n, s: 0 }
/** Infinity as a numeric. */
export const numericInfinity: Numeric = { kind: 2, v: 0n, s: 0 }
/** -Infinity as a numeric. */
export const numericMinusInfinity: Numeric = { kind: -2, v: 0n, s: 0 }

const powersOfTen: bigint[] = []
/** 10^n, cached for the small n that rows use. */
export const pow10 = (n: number): bigint => {
  if (n > 64) return 10n ** BigInt(n)
  return (powersOfTen[n] ??= 10n ** BigInt(n))
}

const digitsOf = (v: bigint): number => (v < 0n ? -v : v).toString().length

const checked = (v: bigint, s: number): Numeric => {
  if (v !== 0n && digitsOf(v) - s > maxWeight) throw new EvaluationError('value overflows numeric format')
  return finite(v, s)
}

const decimalPattern = /^([+-]?)(\d+(?:_\d+)*)?(?:(\.)(\d+(?:_\d+)*)?)?(?:[eE]([+-]?\d+(?:_\d+)*))?$/
const radixPattern = /^([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)$/

/** numeric_in. Undefined when the text is no numeric. */
export const parseNumeric = (text: string): Numeric | undefined => {
  const trimmed = trimSpace(text)
  const match = decimalPattern.exec(trimmed)
  if (match === null) return parseSpecial(trimmed)
  const [, sign = '', whole = '', , fraction = '', exponent = ''] = match
  if (whole === '' && fraction === '') return undefined
  const wholeDigits = whole.replaceAll('_', '')
  const fractionDigits = fraction.replaceAll('_', '')
  const exponentValue = exponent === '' ? 0 : Number(exponent.replaceAll('_', ''))
  if (Math.abs(exponentValue) > maxWeight + maxScale) throw new EvaluationError('value overflows numeric format')
  const unscaled = BigInt(wholeDigits + fractionDigits || '0')
  const scale = fractionDigits.length - exponentValue
  const v = sign === '-' ? -unscaled : unscaled
  if (scale < 0) return checked(v * pow10(-scale), 0)
  return scale > maxScale ? roundTo(finite(v, scale), maxScale) : checked(v, scale)
}

const parseSpecial = (text: string): Numeric | undefined => {
  const radix = radixPattern.exec(text)
  if (radix !== null) {
    const magnitude = BigInt((radix[2] ?? '').toLowerCase().replaceAll('_', ''))
    return checked(radix[1] === '-' ? -magnitude : magnitude, 0)
  }
  switch (text.toLowerCase()) {
    case 'nan':
      return numericNaN
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return numericInfinity
    case '-infinity':
    case '-inf':
      return numericMinusInfinity
    default:
      return undefined
  }
}

// C's isspace()
const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13)

/** Without the blanks at both ends that input functions skip. A pattern for this takes the square of a gap's length. */
export const trimSpace = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** numeric_out. */
export const formatNumeric = (n: Numeric): string => {
  if (n.kind !== 0) return n.kind === 1 ? 'NaN' : n.kind === 2 ? 'Infinity' : '-Infinity'
  if (n.s === 0) return n.v.toString()
  const digits = (n.v < 0n ? -n.v : n.v).toString().padStart(n.s + 1, '0')
  return `${n.v < 0n ? '-' : ''}${digits.slice(0, -n.s)}.${digits.slice(-n.s)}`
}

/** An integer as a numeric. */
export const numericOfInteger = (v: number | bigint): Numeric => finite(BigInt(v), 0)

const rank = (n: Numeric): number => (n.kind === 1 ? 3 : n.kind)

/** cmp_numerics. */
export const compareNumeric = (a: Numeric, b: Numeric): number => {
  if (a.kind !== 0 || b.kind !== 0) return Math.sign(rank(a) - rank(b))
  if (a.s === b.s) return a.v < b.v ? -1 : a.v > b.v ? 1 : 0
  const left = a.s < b.s ? a.v * pow10(b.s - a.s) : a.v
  const right = b.s < a.s ? b.v * pow10(a.s - b.s) : b.v
  return left < right ? -1 : left > right ? 1 : 0
}

const roundedQuotient = (dividend: bigint, divisor: bigint): bigint => {
  const half = divisor < 0n ? -divisor : divisor
  const magnitude = dividend < 0n ? -dividend : dividend
  const quotient = (2n * magnitude + half) / (2n * half)
  return dividend < 0n === divisor < 0n ? quotient : -quotient
}

/** Rounds half away from zero to a scale, which may be negative (then the scale becomes 0). */
export const roundTo = (n: Numeric, scale: number): Numeric => {
  if (n.kind !== 0) return n
  if (scale >= n.s) return finite(n.v * pow10(scale - n.s), scale)
  const quotient = roundedQuotient(n.v, pow10(n.s - scale))
  return scale < 0 ? checked(quotient * pow10(-scale), 0) : checked(quotient, scale)
}

/** Cuts off towards zero at a scale. */
export const truncateTo = (n: Numeric, scale: number): Numeric => {
  if (n.kind !== 0) return n
  if (scale >= n.s) return finite(n.v * pow10(scale - n.s), scale)
  const quotient = n.v / pow10(n.s - scale)
  return scale < 0 ? finite(quotient * pow10(-scale), 0) : finite(quotient, scale)
}

/** numeric_uminus. */
export const negate = (n: Numeric): Numeric => {
  if (n.kind === 1) return n
  if (n.kind !== 0) return n.kind === 2 ? numericMinusInfinity : numericInfinity
  return finite(-n.v, n.s)
}

/** Sign of a numeric that is not NaN. */
export const signOf = (n: Numeric): number => (n.kind === 0 ? (n.v > 0n ? 1 : n.v < 0n ? -1 : 0) : Math.sign(n.kind))

/** numeric_abs. */
export const absolute = (n: Numeric): Numeric => (n.kind !== 1 && signOf(n) < 0 ? negate(n) : n)

/** numeric_add. */
export const add = (a: Numeric, b: Numeric): Numeric => {
  if (a.kind !== 0 || b.kind !== 0) {
    if (a.kind === 1 || b.kind === 1) return numericNaN
    if (a.kind === 0) return b
    return b.kind === 0 || b.kind === a.kind ? a : numericNaN
  }
  const s = Math.max(a.s, b.s)
  return checked(a.v * pow10(s - a.s) + b.v * pow10(s - b.s), s)
}

/** numeric_sub. */
export const subtract = (a: Numeric, b: Numeric): Numeric => add(a, negate(b))

const specialOfSign = (sign: number): Numeric =>
  sign === 0 ? numericNaN : sign > 0 ? numericInfinity : numericMinusInfinity

/** numeric_mul. */
export const multiply = (a: Numeric, b: Numeric): Numeric => {
  if (a.kind !== 0 || b.kind !== 0) {
    return a.kind === 1 || b.kind === 1 ? numericNaN : specialOfSign(signOf(a) * signOf(b))
  }
  const product = finite(a.v * b.v, a.s + b.s)
  return product.s > maxScale ? roundTo(product, maxScale) : checked(product.v, product.s)
}

// NBASE is 10000: the weight and the first digit of a value in PostgreSQL's own storage decide a quotient's scale.
const baseWeight = (n: Numeric): { weight: number; first: number } => {
  if (n.v === 0n) return { weight: 0, first: 0 }
  const digits = (n.v < 0n ? -n.v : n.v).toString()
  const exponent = digits.length - n.s - 1
  const weight = Math.floor(exponent / 4)
  return { weight, first: Number(digits.slice(0, exponent - weight * 4 + 1).padEnd(exponent - weight * 4 + 1, '0')) }
}

/** numeric_div. */
export const divide = (a: Numeric, b: Numeric): Numeric => {
  if (a.kind === 1 || b.kind === 1) return numericNaN
  if (a.kind !== 0 || b.kind !== 0) {
    if (a.kind !== 0 && b.kind !== 0) return numericNaN
    if (a.kind === 0) return finite(0n, 0)
    if (b.v === 0n) throw new EvaluationError('division by zero')
    return specialOfSign(signOf(a) * signOf(b))
  }
  if (b.v === 0n) throw new EvaluationError('division by zero')
  const left = baseWeight(a)
  const right = baseWeight(b)
  const weight = left.weight - right.weight - (left.first <= right.first ? 1 : 0)
  const scale = Math.min(Math.max(minSignificantDigits - weight * 4, a.s, b.s, 0), maxDisplayScale)
  return checked(roundedQuotient(a.v * pow10(scale + b.s), b.v * pow10(a.s)), scale)
}

/** numeric_mod: the sign is the dividend's. */
export const modulo = (a: Numeric, b: Numeric): Numeric => {
  if (a.kind === 1 || b.kind === 1) return numericNaN
  if (a.kind !== 0 || b.kind !== 0) {
    if (a.kind === 0) return a
    if (b.kind === 0 && b.v === 0n) throw new EvaluationError('division by zero')
    return numericNaN
  }
  if (b.v === 0n) throw new EvaluationError('division by zero')
  const s = Math.max(a.s, b.s)
  return finite((a.v * pow10(s - a.s)) % (b.v * pow10(s - b.s)), s)
}

/**
 * numeric_power for the exponent 2, the only one whose rounding is followed; throws for others. The result has at least
 * 16 significant digits, and the scale of either argument.
 */
export const square = (base: Numeric, exponent: Numeric): Numeric => {
  if (exponent.kind !== 0 || compareNumeric(exponent, finite(2n, 0)) !== 0)
    throw new EvaluationError('exponent must be 2')
  if (base.kind !== 0) return multiply(base, base)
  if (base.v === 0n) return finite(0n, Math.min(Math.max(minSignificantDigits, base.s, exponent.s), maxDisplayScale))
  const product = multiply(base, base)
  const digits = digitsOf(product.v)
  const exact = digits - product.s - 1
  // (int) of the logarithm cuts towards zero.
  const power = exact >= 0 || /^-?10*$/.test(product.v.toString()) ? exact : exact + 1
  const scale = Math.min(Math.max(minSignificantDigits - power, base.s, exponent.s, 0), maxDisplayScale)
  return roundTo(product, scale)
}

/** The integer nearest to a numeric, half away from zero; throws for NaN and the infinities. */
export const numericToBigint = (n: Numeric): bigint => {
  if (n.kind !== 0) throw new EvaluationError('cannot convert NaN or infinity to integer')
  return n.s === 0 ? n.v : roundedQuotient(n.v, pow10(n.s))
}

/** apply_typmod: the value of a numeric(p,s), or an error when it does not fit. */
export const applyNumericTypmod = (n: Numeric, typmod: number): Numeric => {
  const precision = ((typmod - 4) >> 16) & 0xff_ff
  const scale = (((typmod - 4) & 0x7_ff) ^ 1024) - 1024
  if (n.kind !== 0) {
    if (n.kind === 1) return n
    throw new EvaluationError('numeric field overflow')
  }
  const rounded = roundTo(n, scale)
  if (rounded.v !== 0n && digitsOf(rounded.v) - rounded.s > precision - scale) {
    throw new EvaluationError('numeric field overflow')
  }
  return rounded
}
