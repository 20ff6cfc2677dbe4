// Date and time functions by pg_proc.prosrc. Those that PostgreSQL computes in the session's time zone are computed at
// UTC, which the engine's sessions are set to.

import * as dt from './datetime.ts'
import { EvaluationError } from './errors.ts'
import * as iv from './interval.ts'
import type { Implementation } from './tree.ts'
import type { Interval, Value } from './values.ts'

type Arg = Value | null
const num = (v: Arg): number => v as number
const ts = (v: Arg): bigint => v as bigint
const span = (v: Arg): Interval => v as Interval
const day = 86_400_000_000n

const infinite = (sign: number): bigint => (sign > 0 ? dt.timestampInfinity : dt.timestampMinusInfinity)

const timestampPlus = (t: bigint, i: Interval): bigint => {
  const sign = iv.infinityOf(i)
  if (sign !== 0) {
    if (!dt.isFiniteTimestamp(t) && t > 0n !== sign > 0) throw new EvaluationError('timestamp out of range')
    return infinite(sign)
  }
  if (!dt.isFiniteTimestamp(t)) return t
  const moved = dt.addMonths(t, i.months)
  const shifted = i.days === 0 ? moved : dt.checkTimestamp(moved + BigInt(i.days) * day)
  return dt.checkTimestamp(shifted + i.micros)
}

const timestampMinus = (t: bigint, i: Interval): bigint => timestampPlus(t, iv.negateInterval(i))

const timestampDifference = (a: bigint, b: bigint): Interval => {
  if (dt.isFiniteTimestamp(a) && dt.isFiniteTimestamp(b)) return iv.justifyHours(iv.makeInterval(0, 0, a - b))
  if (a === b) throw new EvaluationError('interval out of range')
  const positive = dt.isFiniteTimestamp(a) ? b < 0n : a > 0n
  return positive ? iv.intervalInfinity : iv.intervalMinusInfinity
}

const dateDifference = (a: number, b: number): number => {
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw new EvaluationError('cannot subtract infinite dates')
  return a - b
}

const dateShift = (a: number, days: number): number => (Number.isFinite(a) ? dt.checkDate(a + days) : a)

const wrap = (time: bigint): number => Number(((time % day) + day) % day)

const timeShift = (time: number, i: Interval, sign: bigint): number => {
  if (iv.infinityOf(i) !== 0) throw new EvaluationError('cannot add infinite interval to time')
  return wrap(BigInt(time) + sign * i.micros)
}

const dateAndTime = (date: number, time: number): bigint => {
  const start = dt.timestampOfDate(date)
  return dt.isFiniteTimestamp(start) ? dt.checkTimestamp(start + BigInt(time)) : start
}

const timeOfTimestamp: Implementation = a => (dt.isFiniteTimestamp(ts(a)) ? dt.splitTimestamp(ts(a)).time : null)

const table: [string, Implementation][] = [
  ['date_pli', (a, b) => dateShift(num(a), num(b))],
  ['date_mii', (a, b) => dateShift(num(a), -num(b))],
  ['+(int4,date)', (a, b) => dateShift(num(b), num(a))],
  ['date_mi', (a, b) => dateDifference(num(a), num(b))],
  ['date_pl_interval', (a, b) => timestampPlus(dt.timestampOfDate(num(a)), span(b))],
  ['date_mi_interval', (a, b) => timestampMinus(dt.timestampOfDate(num(a)), span(b))],
  ['+(interval,date)', (a, b) => timestampPlus(dt.timestampOfDate(num(b)), span(a))],
  ['datetime_timestamp', (a, b) => dateAndTime(num(a), num(b))],
  ['+(time,date)', (a, b) => dateAndTime(num(b), num(a))],
  ...['timestamp_pl_interval', 'timestamptz_pl_interval'].map((n): [string, Implementation] => [
    n,
    (a, b) => timestampPlus(ts(a), span(b)),
  ]),
  ...['timestamp_mi_interval', 'timestamptz_mi_interval'].map((n): [string, Implementation] => [
    n,
    (a, b) => timestampMinus(ts(a), span(b)),
  ]),
  ...['+(interval,timestamp)', '+(interval,timestamptz)'].map((n): [string, Implementation] => [
    n,
    (a, b) => timestampPlus(ts(b), span(a)),
  ]),
  ['timestamp_mi', (a, b) => timestampDifference(ts(a), ts(b))],
  ['time_pl_interval', (a, b) => timeShift(num(a), span(b), 1n)],
  ['time_mi_interval', (a, b) => timeShift(num(a), span(b), -1n)],
  ['+(interval,time)', (a, b) => timeShift(num(b), span(a), 1n)],
  ['time_mi_time', (a, b) => iv.makeInterval(0, 0, BigInt(num(a) - num(b)))],
  ['interval_pl', (a, b) => iv.addInterval(span(a), span(b))],
  ['interval_mi', (a, b) => iv.addInterval(span(a), iv.negateInterval(span(b)))],
  ['interval_um', a => iv.negateInterval(span(a))],
  ['interval_mul', (a, b) => iv.multiplyInterval(span(a), num(b))],
  ['mul_d_interval', (a, b) => iv.multiplyInterval(span(b), num(a))],
  ['interval_div', (a, b) => iv.divideInterval(span(a), num(b))],
  ['interval_justify_hours', a => iv.justifyHours(span(a))],
  ['interval_justify_days', a => iv.justifyDays(span(a))],
  ['interval_justify_interval', a => iv.justifyInterval(span(a))],
  // resolve-call.ts lets only UTC get here.
  ['timestamp_zone', (_zone, t) => t],
  ['timestamptz_zone', (_zone, t) => t],
  ['date_finite', a => Number.isFinite(a)],
  ['timestamp_finite', a => dt.isFiniteTimestamp(ts(a))],
  ['interval_finite', a => iv.infinityOf(span(a)) === 0],
  // Casts.
  ['date_timestamp', a => dt.timestampOfDate(num(a))],
  ['date_timestamptz', a => dt.timestampOfDate(num(a))],
  ['timestamp_date', a => dt.dateOfTimestamp(ts(a))],
  ['timestamptz_date', a => dt.dateOfTimestamp(ts(a))],
  ['timestamp_time', timeOfTimestamp],
  ['timestamptz_time', timeOfTimestamp],
  ['timestamp_timestamptz', a => a],
  ['timestamptz_timestamp', a => a],
  ['time_interval', a => iv.makeInterval(0, 0, BigInt(num(a)))],
  ['interval_time', a => timeShift(0, span(a), 1n)],
]

/** Date and time functions by pg_proc.prosrc; all strict. */
export const dateFunctions: ReadonlyMap<string, Implementation> = new Map(table)
