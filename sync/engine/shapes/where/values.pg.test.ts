// Single values against PostgreSQL: input, output and arithmetic of each type over random operands, where the random
// clauses would meet the hard cases too seldom. SKERRY_SEED chooses the operands, SKERRY_RUNS how many of each.

import { afterAll, beforeAll, test } from 'vitest'
import { emptyDatabase, type TestDatabase } from '#server/testing/postgres.ts'
import { formatDate, formatTimestamp } from './datetime.ts'
import { implementationOf } from './functions.ts'
import { square } from './numeric.ts'
import { like, likeEscape } from './text.ts'
import { typeInfo } from './types.ts'
import { below, type Case, type Comparison, none, openComparison, pick, random, seed } from './value-comparison.ts'
import type { Numeric, Value } from './values.ts'

const digits = (n: number): string => Array.from({ length: n }, () => below(10)).join('')
const two = (n: number): string => n.toString().padStart(2, '0')

const bits = new DataView(new ArrayBuffer(8))
const anyBits = (single: boolean): number => {
  bits.setUint32(0, below(2 ** 32))
  bits.setUint32(4, below(2 ** 32))
  return single ? bits.getFloat32(0) : bits.getFloat64(0)
}
const float8 = (): string =>
  String(
    pick([
      () => anyBits(false),
      () => (below(2e6) - 1e6) / 10 ** below(7),
      () => 2 ** (below(600) - 300),
      () => below(2 ** 31) ** 2,
      () => (1 + below(9)) * 10 ** (below(40) - 20),
      () => random() * 10 ** below(20),
    ])(),
  )
const float4 = (): string =>
  String(
    pick([
      () => anyBits(true),
      () => Math.fround(2 ** (below(250) - 125)),
      () => Math.fround(random() * 10 ** below(9)),
    ])(),
  )
const between4 = (): string => {
  const f = Math.fround(random() * 10 ** below(8))
  bits.setFloat32(0, f)
  bits.setInt32(0, bits.getInt32(0) + 1)
  return ((f + bits.getFloat32(0)) / 2).toPrecision(17) + (below(2) === 0 ? '' : '001')
}
const numeric = (): string =>
  `${pick(['', '-'])}${1 + below(9)}${digits(below(24))}${pick(['', `.${digits(below(20))}`])}e${pick([0, 0, 0, -8, 5])}`
const interval = (): string =>
  `${below(400) - 200} mons ${below(1000) - 500} days ${pick(['', '-'])}${below(100)}:${two(below(60))}:${two(below(60))}.${digits(6)}`
const factor = (): string => String(pick([0.5, 2, -1, 1.5, 0.1, 0.3333, 7, -0.25, 1e-6, 1e5, 123.456, random() * 10]))
const timestamp = (): string =>
  `${(1 + below(below(12) === 0 ? 200_000 : 5000)).toString().padStart(4, '0')}-${two(1 + below(12))}-${two(1 + below(28))} ` +
  `${two(below(24))}:${two(below(60))}:${two(below(60))}.${digits(6)}${below(4) === 0 ? ' BC' : ''}`
const letters = (n: number): string =>
  Array.from({ length: below(n) }, () => pick(['a', 'b', '%', '_', '\\', 'é', '😀'])).join('')
const read = (type: string, text: string): Value => {
  const value = typeInfo(type)?.parse(text)
  if (value === undefined) throw new Error(`invalid ${type}`)
  return value
}
const written = (type: string, value: Value | null | undefined): string =>
  value === null || value === undefined ? 'NULL' : (typeInfo(type)?.format(value) ?? '')
const through =
  (type: string) =>
  (a: string): string =>
    written(type, read(type, a))
const called =
  (source: string, types: readonly string[], result: string) =>
  (a: string, b: string): string =>
    written(result, implementationOf(source, types)?.(...types.map((type, i) => read(type, i === 0 ? a : b))))

let database: TestDatabase
let comparison: Comparison

beforeAll(async () => {
  database = await emptyDatabase()
  comparison = await openComparison(database.url)
})
afterAll(async () => {
  await comparison.close()
  await database.drop()
})

const cases: readonly Case[] = [
  ['$1::float8', float8, none, through('float8')],
  ['$1::float4', float4, none, through('float4')],
  ['$1::float4', between4, none, through('float4')],
  ['$1::float8::numeric', float8, none, called('float8_numeric', ['float8'], 'numeric')],
  ['$1::float4::numeric', float4, none, called('float4_numeric', ['float4'], 'numeric')],
  ['$1::numeric::float8', numeric, none, called('numeric_float8', ['numeric'], 'float8')],
  ['$1::numeric::float4', numeric, none, called('numeric_float4', ['numeric'], 'float4')],
  ['$1::float8::float4', float8, none, called('dtof', ['float8'], 'float4')],
  ['$1::numeric', numeric, none, through('numeric')],
  ['$1::numeric + $2::numeric', numeric, numeric, called('numeric_add', ['numeric', 'numeric'], 'numeric')],
  ['$1::numeric - $2::numeric', numeric, numeric, called('numeric_sub', ['numeric', 'numeric'], 'numeric')],
  ['$1::numeric * $2::numeric', numeric, numeric, called('numeric_mul', ['numeric', 'numeric'], 'numeric')],
  ['$1::numeric / $2::numeric', numeric, numeric, called('numeric_div', ['numeric', 'numeric'], 'numeric')],
  ['$1::numeric % $2::numeric', numeric, numeric, called('numeric_mod', ['numeric', 'numeric'], 'numeric')],
  [
    '$1::numeric ^ 2',
    numeric,
    none,
    a => written('numeric', square(read('numeric', a) as Numeric, read('numeric', '2') as Numeric)),
  ],
  [
    'round($1::numeric, $2::int4)',
    numeric,
    () => String(below(30) - 10),
    called('numeric_round', ['numeric', 'int4'], 'numeric'),
  ],
  [
    'trunc($1::numeric, $2::int4)',
    numeric,
    () => String(below(30) - 10),
    called('numeric_trunc', ['numeric', 'int4'], 'numeric'),
  ],
  ['$1::interval', interval, none, through('interval')],
  ['$1::interval + $2::interval', interval, interval, called('interval_pl', ['interval', 'interval'], 'interval')],
  [
    '$1::interval < $2::interval',
    interval,
    interval,
    (a, b) => (called('interval_lt', ['interval', 'interval'], 'bool')(a, b) === 't' ? 'true' : 'false'),
  ],
  ['justify_hours($1::interval)', interval, none, called('interval_justify_hours', ['interval'], 'interval')],
  ['justify_days($1::interval)', interval, none, called('interval_justify_days', ['interval'], 'interval')],
  ['justify_interval($1::interval)', interval, none, called('interval_justify_interval', ['interval'], 'interval')],
  ['$1::interval * $2::float8', interval, factor, called('interval_mul', ['interval', 'float8'], 'interval')],
  ['$1::interval / $2::float8', interval, factor, called('interval_div', ['interval', 'float8'], 'interval')],
  ['$1::timestamp', timestamp, none, through('timestamp')],
  [
    '$1::timestamp::date',
    timestamp,
    none,
    a => formatDate(implementationOf('timestamp_date', ['timestamp'])?.(read('timestamp', a)) as number),
  ],
  [
    '$1::timestamp + $2::interval',
    timestamp,
    interval,
    called('timestamp_pl_interval', ['timestamp', 'interval'], 'timestamp'),
  ],
  [
    '$1::timestamp - $2::interval',
    timestamp,
    interval,
    called('timestamp_mi_interval', ['timestamp', 'interval'], 'timestamp'),
  ],
  [
    '$1::timestamp - $2::timestamp',
    timestamp,
    timestamp,
    called('timestamp_mi', ['timestamp', 'timestamp'], 'interval'),
  ],
  ["($1::timestamp at time zone 'UTC')", timestamp, none, a => formatTimestamp(read('timestamp', a) as bigint, true)],
  ['$1 like $2', () => letters(8), () => letters(6), (a, b) => String(like(a, b))],
  ['like_escape($1, $2)', () => letters(8), () => pick(['a', '%', '\\', '', 'é', 'ab']), likeEscape],
]

test.each(cases)(`E133 %s (SKERRY_SEED=${seed})`, async (...parts) => {
  await comparison.compare(parts)
})
