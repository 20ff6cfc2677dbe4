// interval: months, days and microseconds kept apart; compared as one length of time (a month is 30 days).
// Input: ISO 8601 with designators (how rows arrive, IntervalStyle iso_8601), and PostgreSQL's verbose style. Fractions
// are taken only where they are a whole number of microseconds, so that no rounding of PostgreSQL's has to be followed.

import { EvaluationError } from './errors.ts'
import { rint } from './float.ts'
import { trimSpace } from './numeric.ts'
import type { Interval } from './values.ts'

const day = 86_400_000_000n
const maxMicros = 9_223_372_036_854_775_807n
const int32 = 2_147_483_647

/** 'infinity' as an interval. */
export const intervalInfinity: Interval = { months: int32, days: int32, micros: maxMicros }
/** '-infinity' as an interval. */
export const intervalMinusInfinity: Interval = { months: -int32 - 1, days: -int32 - 1, micros: -maxMicros - 1n }

const same = (a: Interval, b: Interval): boolean => a.months === b.months && a.days === b.days && a.micros === b.micros

/** 1 or -1 for the infinities, 0 for a finite interval. */
export const infinityOf = (i: Interval): number =>
  same(i, intervalInfinity) ? 1 : same(i, intervalMinusInfinity) ? -1 : 0

const outOfRange = (): EvaluationError => new EvaluationError('interval out of range')

/** An interval of these parts, or an error when one of them does not fit. */
export const makeInterval = (months: number, days: number, micros: bigint): Interval => {
  const fits = Math.abs(months) <= int32 && Math.abs(days) <= int32 && micros <= maxMicros && micros >= -maxMicros
  if (!fits) throw outOfRange()
  return { months: months + 0, days: days + 0, micros }
}

/** The length that intervals are compared by, in microseconds. */
export const spanOf = (i: Interval): bigint => i.micros + (BigInt(i.months) * 30n + BigInt(i.days)) * day

/** interval_cmp. */
export const compareInterval = (a: Interval, b: Interval): number => {
  const left = spanOf(a)
  const right = spanOf(b)
  return left < right ? -1 : left > right ? 1 : 0
}

const units: Readonly<Record<string, readonly ['months' | 'days' | 'micros', number]>> = {
  ...Object.fromEntries(
    ['us', 'usec', 'usecs', 'microsecond', 'microseconds', 'microsecon'].map(u => [u, ['micros', 1]]),
  ),
  ...Object.fromEntries(['ms', 'msec', 'msecs', 'millisecond', 'milliseconds'].map(u => [u, ['micros', 1e3]])),
  ...Object.fromEntries(['s', 'sec', 'secs', 'second', 'seconds'].map(u => [u, ['micros', 1e6]])),
  ...Object.fromEntries(['m', 'min', 'mins', 'minute', 'minutes'].map(u => [u, ['micros', 6e7]])),
  ...Object.fromEntries(['h', 'hr', 'hrs', 'hour', 'hours'].map(u => [u, ['micros', 3.6e9]])),
  ...Object.fromEntries(['d', 'day', 'days'].map(u => [u, ['days', 1]])),
  ...Object.fromEntries(['w', 'week', 'weeks'].map(u => [u, ['days', 7]])),
  ...Object.fromEntries(['mon', 'mons', 'month', 'months'].map(u => [u, ['months', 1]])),
  ...Object.fromEntries(['y', 'yr', 'yrs', 'year', 'years'].map(u => [u, ['months', 12]])),
}

interface Sum {
  months: number
  days: number
  micros: bigint
  readonly seen: Set<string>
}

const decimal = /^([+-]?)(\d*)(?:\.(\d*))?$/

// Adds `text` units to the sum; false when it is no number, a unit came twice, or a fraction is not exact.
const addField = (sum: Sum, text: string, unit: string): boolean => {
  const known = units[unit]
  const match = decimal.exec(text)
  if (known === undefined || match === null) return false
  const [, sign, whole = '', fraction = ''] = match
  if (whole === '' && fraction === '') return false
  if (whole.length > 15 || fraction.length > 12) return false
  const [field, factor] = known
  const key = `${field}${factor}`
  if (sum.seen.has(key)) return false
  sum.seen.add(key)
  const negative = sign === '-' ? -1n : 1n
  const scale = 10n ** BigInt(fraction.length)
  const scaled = BigInt(`${whole}${fraction}`) * BigInt(factor)
  if (field === 'micros' || (field === 'days' && factor === 1 && scaled % scale !== 0n)) {
    const total = field === 'days' ? (scaled % scale) * day : scaled
    if (total % scale !== 0n) return false
    sum.micros += (negative * total) / scale
    if (field === 'days') sum.days += Number((negative * scaled) / scale)
    return true
  }
  if (scaled % scale !== 0n) return false
  sum[field] += Number((negative * scaled) / scale)
  return true
}

const clock = /^([+-]?)(\d{1,9}):(\d{2})(?::(\d{2})(?:\.(\d{0,6}))?)?$/

const addClock = (sum: Sum, text: string): boolean => {
  const match = clock.exec(text)
  if (match === null || sum.seen.has('clock') || [...sum.seen].some(key => key.startsWith('micros'))) return false
  const [, sign, hours, minutes, seconds = '0', fraction = ''] = match
  if (Number(minutes) > 59 || Number(seconds) > 59) return false
  sum.seen.add('clock')
  const whole = (BigInt(hours ?? 0) * 3600n + BigInt(minutes ?? 0) * 60n + BigInt(seconds)) * 1_000_000n
  const total = whole + BigInt(fraction.padEnd(6, '0'))
  sum.micros += sign === '-' ? -total : total
  return true
}

const isoPattern = /^P((?:[+-]?\d+[YMWD])*)(?:T((?:[+-]?\d+[HM])*(?:[+-]?\d+(?:\.\d{0,6})?S)?))?$/
const isoUnits: Readonly<Record<string, string>> = { Y: 'year', M: 'month', W: 'week', D: 'day' }
const isoTimeUnits: Readonly<Record<string, string>> = { H: 'hour', M: 'minute', S: 'second' }

const parseIso = (text: string, sum: Sum): boolean => {
  const match = isoPattern.exec(text)
  if (match === null || text === 'P' || text.endsWith('T')) return false
  const addAll = (part: string, names: Readonly<Record<string, string>>): boolean =>
    (part.match(/[+-]?[\d.]+[A-Z]/g) ?? []).every(f => addField(sum, f.slice(0, -1), names[f.slice(-1)] ?? ''))
  return addAll(match[1] ?? '', isoUnits) && addAll(match[2] ?? '', isoTimeUnits)
}

const parseVerbose = (text: string, sum: Sum): boolean => {
  const tokens = text.toLowerCase().match(/[+-]?\d[\d:.]*|[+-]?\.\d+|[a-z]+|@|\s+|./g) ?? []
  const words = tokens.filter(token => token.trim() !== '' && token !== '@')
  const ago = words.at(-1) === 'ago'
  if (ago) words.pop()
  if (words.length === 0) return false
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const next = words[i + 1]
    if (word.includes(':')) {
      if (!addClock(sum, word)) return false
    } else if (next !== undefined && next in units) {
      if (!addField(sum, word, next)) return false
      i++
    } else if (next !== undefined && next.includes(':')) {
      if (!addField(sum, word, 'day')) return false
    } else if (next !== undefined || sum.seen.has('clock') || !addField(sum, word, 'second')) return false
  }
  if (ago) {
    sum.months = -sum.months
    sum.days = -sum.days
    sum.micros = -sum.micros
  }
  return true
}

/** interval_in. Undefined for what is not accepted. */
export const parseInterval = (text: string): Interval | undefined => {
  const trimmed = trimSpace(text)
  const sum: Sum = { months: 0, days: 0, micros: 0n, seen: new Set() }
  if (trimmed.startsWith('P')) {
    return parseIso(trimmed, sum) ? makeInterval(sum.months, sum.days, sum.micros) : undefined
  }
  const lower = trimmed.toLowerCase()
  if (lower === 'infinity' || lower === '+infinity') return intervalInfinity
  if (lower === '-infinity') return intervalMinusInfinity
  return parseVerbose(trimmed, sum) ? makeInterval(sum.months, sum.days, sum.micros) : undefined
}

/** interval_out in iso_8601 style. */
export const formatInterval = (i: Interval): string => {
  const infinity = infinityOf(i)
  if (infinity !== 0) return infinity > 0 ? 'infinity' : '-infinity'
  const part = (n: number | bigint, unit: string): string => (BigInt(n) === 0n ? '' : `${n}${unit}`)
  const years = Math.trunc(i.months / 12)
  const date = part(years, 'Y') + part(i.months - years * 12, 'M') + part(i.days, 'D')
  const hours = i.micros / 3_600_000_000n
  const minutes = (i.micros / 60_000_000n) % 60n
  const rest = i.micros % 60_000_000n
  const magnitude = rest < 0n ? -rest : rest
  const fraction = (magnitude % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '')
  const seconds = `${rest < 0n ? '-' : ''}${magnitude / 1_000_000n}${fraction === '' ? '' : `.${fraction}`}S`
  const time = part(hours, 'H') + part(minutes, 'M') + (rest === 0n ? '' : seconds)
  if (date === '' && time === '') return 'PT0S'
  return `P${date}${time === '' ? '' : `T${time}`}`
}

/** interval_um. */
export const negateInterval = (i: Interval): Interval => {
  const infinity = infinityOf(i)
  if (infinity !== 0) return infinity > 0 ? intervalMinusInfinity : intervalInfinity
  return makeInterval(-i.months, -i.days, -i.micros)
}

/** interval_pl: infinities add up unless their signs differ. */
export const addInterval = (a: Interval, b: Interval): Interval => {
  const left = infinityOf(a)
  const right = infinityOf(b)
  if (left !== 0 || right !== 0) {
    if (left + right === 0) throw outOfRange()
    return left !== 0 ? a : b
  }
  return makeInterval(a.months + b.months, a.days + b.days, a.micros + b.micros)
}

/** interval_justify_hours: 24 hours become a day. */
export const justifyHours = (i: Interval): Interval => {
  if (infinityOf(i) !== 0) return i
  let days = i.days + Number(i.micros / day)
  let micros = i.micros % day
  if (days > 0 && micros < 0n) {
    micros += day
    days--
  } else if (days < 0 && micros > 0n) {
    micros -= day
    days++
  }
  return makeInterval(i.months, days, micros)
}

/** interval_justify_days: 30 days become a month. */
export const justifyDays = (i: Interval): Interval => {
  if (infinityOf(i) !== 0) return i
  let months = i.months + Math.trunc(i.days / 30)
  let days = i.days % 30
  if (months > 0 && days < 0) {
    days += 30
    months--
  } else if (months < 0 && days > 0) {
    days -= 30
    months++
  }
  return makeInterval(months, days, i.micros)
}

/** interval_justify_interval: both, with one sign over all parts. */
export const justifyInterval = (i: Interval): Interval => {
  if (infinityOf(i) !== 0) return i
  let { months, days } = i
  let micros = i.micros
  // Days first where their sign agrees with the time's, as timestamp.c does against overflow: the sum is the same.
  days += Number(micros / day)
  micros %= day
  months += Math.trunc(days / 30)
  days %= 30
  if (months > 0 && (days < 0 || (days === 0 && micros < 0n))) {
    days += 30
    months--
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0n))) {
    days -= 30
    months++
  }
  if (days > 0 && micros < 0n) {
    micros += day
    days--
  } else if (days < 0 && micros > 0n) {
    micros -= day
    days++
  }
  return makeInterval(months, days, micros)
}

/** Rounds the time part to `precision` fractional digits (interval(n)). */
export const roundInterval = (i: Interval, precision: number): Interval => {
  if (precision >= 6 || infinityOf(i) !== 0) return i
  const unit = 10n ** BigInt(6 - precision)
  const half = unit / 2n
  const micros = i.micros >= 0n ? ((i.micros + half) / unit) * unit : -(((-i.micros + half) / unit) * unit)
  return { ...i, micros }
}

const tsRound = (value: number): number => rint(value * 1_000_000) / 1_000_000

/** interval_mul: fractions of months spill into days, of days into time, rounded as timestamp.c rounds them. */
export const multiplyInterval = (i: Interval, factor: number): Interval => {
  if (Number.isNaN(factor)) throw outOfRange()
  const infinity = infinityOf(i)
  if (infinity !== 0 || !Number.isFinite(factor)) {
    const sign = infinity !== 0 ? infinity * Math.sign(factor) : Math.sign(Number(spanOf(i))) * Math.sign(factor)
    if (sign === 0) throw outOfRange()
    return sign > 0 ? intervalInfinity : intervalMinusInfinity
  }
  return spill(i, value => value * factor)
}

/** interval_div. */
export const divideInterval = (i: Interval, divisor: number): Interval => {
  if (divisor === 0) throw new EvaluationError('division by zero')
  if (Number.isNaN(divisor)) throw outOfRange()
  const infinity = infinityOf(i)
  if (infinity !== 0) {
    if (!Number.isFinite(divisor)) throw outOfRange()
    return divisor < 0 ? negateInterval(i) : i
  }
  return spill(i, value => value / divisor)
}

const spill = (i: Interval, scale: (value: number) => number): Interval => {
  const exactMonths = scale(i.months)
  const exactDays = scale(i.days)
  const months = Math.trunc(exactMonths)
  let days = Math.trunc(exactDays)
  // The fraction of a month, in days; then the fraction of a day, in seconds.
  let monthDays = tsRound((exactMonths - months) * 30)
  let seconds = tsRound((exactDays - days + monthDays - Math.trunc(monthDays)) * 86_400)
  if (Math.abs(seconds) >= 86_400) {
    days += Math.trunc(seconds / 86_400)
    seconds -= Math.trunc(seconds / 86_400) * 86_400
  }
  monthDays = Math.trunc(monthDays)
  const micros = rint(scale(Number(i.micros)) + seconds * 1_000_000)
  if (!Number.isFinite(micros) || Math.abs(micros) >= 9.2e18) throw outOfRange()
  return makeInterval(months, days + monthDays, BigInt(micros))
}
