// date, time, timestamp and timestamptz: the proleptic Gregorian calendar, microseconds, infinities.
// Input is narrower than PostgreSQL's on purpose: ISO forms only, nothing that depends on DateStyle, TimeZone or now.
// Whatever is accepted here means the same there; the rest is refused as invalid syntax.

import { EvaluationError } from './errors.ts'
import { rint } from './float.ts'
import { trimSpace } from './numeric.ts'

/** Microseconds in a day. */
export const microsPerDay = 86_400_000_000
const dayMicros = BigInt(microsPerDay)

/** 'infinity' as a timestamp; -infinity is its neighbour at the other end. */
export const timestampInfinity = 9_223_372_036_854_775_807n
/** '-infinity' as a timestamp. */
export const timestampMinusInfinity = -9_223_372_036_854_775_808n
const minTimestamp = -211_813_488_000_000_000n
const endTimestamp = 9_223_371_331_200_000_000n

const epochDays = 730_425 // days from 0000-03-01 to 2000-01-01

/** Days since 2000-01-01 of a date; year 0 is 1 BC. */
export const daysFromCivil = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year
  const m = month <= 2 ? month + 9 : month - 3
  return (
    365 * y +
    Math.floor(y / 4) -
    Math.floor(y / 100) +
    Math.floor(y / 400) +
    Math.floor((153 * m + 2) / 5) +
    day -
    1 -
    epochDays
  )
}

/** Year, month and day of a day number. */
export const civilFromDays = (days: number): { year: number; month: number; day: number } => {
  const z = days + epochDays
  const era = Math.floor(z / 146_097)
  const inEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  )
  const dayOfYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const m = Math.floor((5 * dayOfYear + 2) / 153)
  const month = m < 10 ? m + 3 : m - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1,
  }
}

/** Days of a month. */
export const daysInMonth = (year: number, month: number): number =>
  month === 2
    ? year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
      ? 29
      : 28
    : [4, 6, 9, 11].includes(month)
      ? 30
      : 31

const minDate = daysFromCivil(-4713, 11, 24)
const endDate = daysFromCivil(5_874_898, 1, 1)

/** Throws when a day number is outside of the type. */
export const checkDate = (days: number): number => {
  if (days < minDate || days >= endDate) throw new EvaluationError('date out of range')
  return days
}

/** Throws when a finite timestamp is outside of the type. */
export const checkTimestamp = (micros: bigint): bigint => {
  if (micros < minTimestamp || micros >= endTimestamp) throw new EvaluationError('timestamp out of range')
  return micros
}

/** Whether a timestamp is neither infinity. */
export const isFiniteTimestamp = (t: bigint): boolean => t !== timestampInfinity && t !== timestampMinusInfinity

const timeText = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d*))?)?(?:\s*([aApP][mM]))?`
const zoneText = String.raw`(?:\s*([zZ]|[uU][tT][cC]|[gG][mM][tT]|[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?))?`
const timePattern = new RegExp(`^${timeText}${zoneText}$`)
const datePattern = /^(\d{4,7})-(\d{1,2})-(\d{1,2})/
const restPattern = new RegExp(`^(?:(?:[tT]|\\s+)${timeText}${zoneText})?(?:\\s+([bB][cC]|[aA][dD]))?$`)

type Groups = readonly (string | undefined)[]

const micros = (groups: Groups, limit: boolean): number | undefined => {
  const [hourText = '0', minuteText = '0', secondText = '0', fraction = '', half] = groups
  let hour = Number(hourText)
  const minute = Number(minuteText)
  const second = Number(secondText)
  if (half !== undefined) {
    if (hour > 12) return undefined
    hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  }
  if (minute > 59 || second > 59) return undefined
  const total = ((hour * 60 + minute) * 60 + second) * 1_000_000 + rint(Number(`0.${fraction || '0'}`) * 1_000_000)
  return total > microsPerDay && limit ? undefined : total
}

/** Seconds east of UTC of a zone as it may stand after a time; undefined when it is out of range. */
export const zoneOffset = (zone: string): number | undefined => {
  const match = /^([+-])(\d{1,2}):?(\d{2})?:?(\d{2})?$/.exec(zone)
  if (match === null) return 0
  const [, sign, hours, minutes = '0', seconds = '0'] = match
  if (Number(hours) > 15 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return sign === '-' ? -total : total
}

/** time_in; a zone is skipped, as PostgreSQL does. */
export const parseTime = (text: string): number | undefined => {
  const match = timePattern.exec(trimSpace(text))
  if (match === null) return undefined
  if (match[6] !== undefined && zoneOffset(match[6]) === undefined) return undefined
  return micros(match.slice(1, 6), true)
}

interface Parts {
  readonly days: number
  readonly micros: number
  readonly zone: string | undefined
}

const parseParts = (text: string): Parts | undefined => {
  const date = datePattern.exec(text)
  if (date === null) return undefined
  const rest = restPattern.exec(text.slice(date[0].length))
  if (rest === null) return undefined
  const written = Number(date[1])
  const month = Number(date[2])
  const day = Number(date[3])
  if (written === 0 || month < 1 || month > 12) return undefined
  const year = rest[7]?.toLowerCase() === 'bc' ? 1 - written : written
  if (day < 1 || day > daysInMonth(year, month)) return undefined
  const time = rest[1] === undefined ? 0 : micros(rest.slice(1, 6), true)
  const zone = rest[6]
  if (time === undefined || (zone !== undefined && zoneOffset(zone) === undefined)) return undefined
  return { days: daysFromCivil(year, month, day), micros: time, zone }
}

const infinities = (text: string): 1 | -1 | undefined => {
  const lower = text.toLowerCase()
  if (lower === 'infinity' || lower === '+infinity') return 1
  return lower === '-infinity' ? -1 : undefined
}

/** date_in; a time after the date is checked and dropped. */
export const parseDate = (text: string): number | undefined => {
  const trimmed = trimSpace(text)
  const parts = parseParts(trimmed)
  if (parts !== undefined) return checkDate(parts.days)
  const infinity = infinities(trimmed)
  if (infinity !== undefined) return infinity * Number.POSITIVE_INFINITY
  return trimmed.toLowerCase() === 'epoch' ? daysFromCivil(1970, 1, 1) : undefined
}

/** timestamp_in (`zoned` false: a zone is skipped) and timestamptz_in (a zone is required). */
export const parseTimestamp = (text: string, zoned: boolean): bigint | undefined => {
  const trimmed = trimSpace(text)
  const parts = parseParts(trimmed)
  if (parts !== undefined) {
    if (zoned && parts.zone === undefined) return undefined
    const offset = zoned && parts.zone !== undefined ? (zoneOffset(parts.zone) ?? 0) : 0
    return checkTimestamp(BigInt(parts.days) * dayMicros + BigInt(parts.micros) - BigInt(offset) * 1_000_000n)
  }
  const infinity = infinities(trimmed)
  if (infinity !== undefined) return infinity > 0 ? timestampInfinity : timestampMinusInfinity
  return trimmed.toLowerCase() === 'epoch' ? BigInt(daysFromCivil(1970, 1, 1)) * dayMicros : undefined
}

const two = (n: number): string => n.toString().padStart(2, '0')

const formatCivil = (days: number): { date: string; suffix: string } => {
  const { year, month, day } = civilFromDays(days)
  const written = year <= 0 ? 1 - year : year
  return { date: `${written.toString().padStart(4, '0')}-${two(month)}-${two(day)}`, suffix: year <= 0 ? ' BC' : '' }
}

/** date_out in ISO style. */
export const formatDate = (days: number): string => {
  if (!Number.isFinite(days)) return days > 0 ? 'infinity' : '-infinity'
  const { date, suffix } = formatCivil(days)
  return date + suffix
}

/** time_out. */
export const formatTime = (time: number): string => {
  const fraction = time % 1_000_000
  const seconds = Math.floor(time / 1_000_000)
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return fraction === 0 ? text : `${text}.${fraction.toString().padStart(6, '0').replace(/0+$/, '')}`
}

/** A timestamp's day number and the microseconds in it. */
export const splitTimestamp = (t: bigint): { days: number; time: number } => {
  const time = ((t % dayMicros) + dayMicros) % dayMicros
  return { days: Number((t - time) / dayMicros), time: Number(time) }
}

/** The timestamp at a time of a day. */
export const joinTimestamp = (days: number, time: number): bigint =>
  checkTimestamp(BigInt(days) * dayMicros + BigInt(time))

/** timestamp_out in ISO style; timestamptz_out when `zoned`, at TimeZone UTC. */
export const formatTimestamp = (t: bigint, zoned: boolean): string => {
  if (t === timestampInfinity) return 'infinity'
  if (t === timestampMinusInfinity) return '-infinity'
  const { days, time } = splitTimestamp(t)
  const { date, suffix } = formatCivil(days)
  return `${date} ${formatTime(time)}${zoned ? '+00' : ''}${suffix}`
}

/** A date at midnight. */
export const timestampOfDate = (days: number): bigint => {
  if (!Number.isFinite(days)) return days > 0 ? timestampInfinity : timestampMinusInfinity
  return joinTimestamp(days, 0)
}

/** The date of a timestamp. */
export const dateOfTimestamp = (t: bigint): number => {
  if (!isFiniteTimestamp(t)) return t > 0n ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  return splitTimestamp(t).days
}

/** Rounds a timestamp to `precision` fractional digits, half away from zero (timestamp(n)). */
export const roundTimestamp = (t: bigint, precision: number): bigint => {
  if (!isFiniteTimestamp(t) || precision >= 6) return t
  const unit = 10n ** BigInt(6 - precision)
  const half = unit / 2n
  return t >= 0n ? ((t + half) / unit) * unit : -(((-t + half) / unit) * unit)
}

/** Moves a timestamp by whole months, staying in the month as PostgreSQL does. */
export const addMonths = (t: bigint, months: number): bigint => {
  if (months === 0) return t
  const { days, time } = splitTimestamp(t)
  const { year, month, day } = civilFromDays(days)
  const index = year * 12 + month - 1 + months
  const toYear = Math.floor(index / 12)
  const toMonth = index - toYear * 12 + 1
  return joinTimestamp(daysFromCivil(toYear, toMonth, Math.min(day, daysInMonth(toYear, toMonth))), time)
}
