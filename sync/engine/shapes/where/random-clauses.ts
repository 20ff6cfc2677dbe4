// Random typed clauses for the comparison with PostgreSQL (where-random.pg.test.ts): expressions over the columns of
// random-columns.ts that are well typed most of the time. Used by tests only.
import { columnValues } from './random-columns.ts'

/** Draws an index below n. */
export type Draw = (n: number) => number

const base = (type: string): string =>
  type.startsWith('varchar')
    ? 'varchar'
    : type.startsWith('char(')
      ? 'bpchar'
      : type.startsWith('numeric(')
        ? 'numeric'
        : type

const columnsOf = (type: string): string[] =>
  Object.keys(columnValues).filter(name => base(columnValues[name]?.[0] ?? '') === type)

const extraLiterals: Readonly<Record<string, readonly string[]>> = {
  int4: ['3', '10', '-7', '100'],
  int8: ['3', '10'],
  numeric: ['3', '0.001', '7.77', '1e3'],
  text: ['b', 'A', 'abd', 'a%', '%b%', '_bc', '%', 'a\\%', '\\', '%\\', 'a%c', '__', '%_%', '0'],
  interval: ['1 hour', 'P1Y2M3DT4H5M6S', '2 mons', '-3 days', '01:02:03', '1.5 days'],
  date: ['2024-01-31', 'epoch'],
  timestamp: ['2024-01-02', 'epoch', '2024-02-29 12:00:00'],
  time: ['12:00'],
}

const literalsOf = (type: string): readonly string[] => [
  ...columnsOf(type).flatMap(name => columnValues[name]?.[1] ?? []),
  ...(extraLiterals[type] ?? []),
]

const quote = (text: string): string =>
  text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`

const numbers = ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric']
const texts = ['text', 'varchar', 'bpchar', 'name']
const ordered = [...numbers, ...texts, 'uuid', 'date', 'time', 'timestamp', 'timestamptz', 'interval', 'bool', 'bytea']
const arrayTypes = ['int4[]', 'text[]', 'numeric[]', 'float8[]', 'bool[]']
const comparisons = ['=', '<>', '<', '<=', '>', '>=']

// operator, left ('' for a prefix), right, result
const operators: readonly (readonly [string, string, string, string])[] = [
  ...numbers.flatMap((a, i) =>
    numbers.flatMap(b =>
      ['+', '-', '*', '/'].map((op): [string, string, string, string] => [
        op,
        a,
        b,
        numbers[Math.max(i, numbers.indexOf(b))] ?? a,
      ]),
    ),
  ),
  ...['int2', 'int4', 'int8', 'numeric'].map((t): [string, string, string, string] => ['%', t, t, t]),
  ...['int2', 'int4', 'int8'].flatMap(t =>
    ['&', '|', '#'].map((op): [string, string, string, string] => [op, t, t, t]),
  ),
  ...['int2', 'int4', 'int8'].flatMap(t =>
    ['<<', '>>'].map((op): [string, string, string, string] => [op, t, 'int4', t]),
  ),
  ...['int2', 'int4', 'int8'].map((t): [string, string, string, string] => ['~', '', t, t]),
  ...numbers.flatMap(t => ['-', '+', '@'].map((op): [string, string, string, string] => [op, '', t, t])),
  ['|/', '', 'float8', 'float8'],
  ...texts.flatMap(a => texts.map((b): [string, string, string, string] => ['||', a, b, 'text'])),
  ...['int4', 'numeric', 'bool', 'float8', 'date'].map((t): [string, string, string, string] => [
    '||',
    'text',
    t,
    'text',
  ]),
  ['+', 'date', 'int4', 'date'],
  ['-', 'date', 'int4', 'date'],
  ['-', 'date', 'date', 'int4'],
  ['+', 'int4', 'date', 'date'],
  ['+', 'date', 'time', 'timestamp'],
  ['+', 'date', 'interval', 'timestamp'],
  ['-', 'date', 'interval', 'timestamp'],
  ['+', 'timestamp', 'interval', 'timestamp'],
  ['-', 'timestamp', 'interval', 'timestamp'],
  ['-', 'timestamp', 'timestamp', 'interval'],
  ['+', 'timestamptz', 'interval', 'timestamptz'],
  ['-', 'timestamptz', 'interval', 'timestamptz'],
  ['-', 'timestamptz', 'timestamptz', 'interval'],
  ['+', 'time', 'interval', 'time'],
  ['-', 'time', 'interval', 'time'],
  ['-', 'time', 'time', 'interval'],
  ['+', 'interval', 'interval', 'interval'],
  ['-', 'interval', 'interval', 'interval'],
  ['-', '', 'interval', 'interval'],
  ['*', 'interval', 'float8', 'interval'],
  ['*', 'float8', 'interval', 'interval'],
  ['/', 'interval', 'float8', 'interval'],
  ...arrayTypes.map((t): [string, string, string, string] => ['||', t, t, t]),
  ['||', 'int4[]', 'int4', 'int4[]'],
  ['||', 'int4', 'int4[]', 'int4[]'],
  ['||', 'text', 'text[]', 'text[]'],
]

// function, arguments, result
const functions: readonly (readonly [string, readonly string[], string])[] = [
  ['lower', ['text'], 'text'],
  ['upper', ['text'], 'text'],
  ['length', ['text'], 'int4'],
  ['length', ['bpchar'], 'int4'],
  ['concat', ['text', 'int4', 'bool'], 'text'],
  ['concat_ws', ['text', 'text', 'int4'], 'text'],
  ['btrim', ['text'], 'text'],
  ['ltrim', ['text', 'text'], 'text'],
  ['rtrim', ['text'], 'text'],
  ['substr', ['text', 'int4'], 'text'],
  ['substr', ['text', 'int4', 'int4'], 'text'],
  ['left', ['text', 'int4'], 'text'],
  ['right', ['text', 'int4'], 'text'],
  ['replace', ['text', 'text', 'text'], 'text'],
  ['strpos', ['text', 'text'], 'int4'],
  ['starts_with', ['text', 'text'], 'bool'],
  ['reverse', ['text'], 'text'],
  ['split_part', ['text', 'text', 'int4'], 'text'],
  ['octet_length', ['text'], 'int4'],
  ['abs', ['int4'], 'int4'],
  ['abs', ['numeric'], 'numeric'],
  ['mod', ['int4', 'int4'], 'int4'],
  ['mod', ['numeric', 'numeric'], 'numeric'],
  ['sign', ['numeric'], 'numeric'],
  ['sign', ['float8'], 'float8'],
  ['ceil', ['numeric'], 'numeric'],
  ['floor', ['numeric'], 'numeric'],
  ['round', ['numeric'], 'numeric'],
  ['round', ['numeric', 'int4'], 'numeric'],
  ['trunc', ['numeric', 'int4'], 'numeric'],
  ['ceil', ['float8'], 'float8'],
  ['floor', ['float8'], 'float8'],
  ['round', ['float8'], 'float8'],
  ['trunc', ['float8'], 'float8'],
  ['justify_hours', ['interval'], 'interval'],
  ['justify_days', ['interval'], 'interval'],
  ['justify_interval', ['interval'], 'interval'],
  ['isfinite', ['date'], 'bool'],
  ['isfinite', ['timestamp'], 'bool'],
  ['isfinite', ['interval'], 'bool'],
  ['array_cat', ['int4[]', 'int4[]'], 'int4[]'],
  ['array_append', ['int4[]', 'int4'], 'int4[]'],
  ['array_prepend', ['int4', 'int4[]'], 'int4[]'],
  ['array_ndims', ['int4[]'], 'int4'],
  ['array_length', ['text[]', 'int4'], 'int4'],
  ['cardinality', ['int4[]'], 'int4'],
  ['timezone', ['text', 'timestamp'], 'timestamptz'],
  ['timezone', ['text', 'timestamptz'], 'timestamp'],
]

const casts: readonly (readonly [string, string])[] = [
  ...numbers.flatMap(a => numbers.map((b): [string, string] => [a, b])),
  ...[...ordered, ...arrayTypes, 'mood'].flatMap((a): [string, string][] => [
    [a, 'text'],
    [a, 'varchar'],
  ]),
  ...['int4', 'int8', 'numeric', 'float8', 'float4', 'bool', 'uuid', 'int2', 'bpchar', 'name'].map(
    (b): [string, string] => ['text', b],
  ),
  ['bool', 'int4'],
  ['int4', 'bool'],
  ['date', 'timestamp'],
  ['timestamp', 'date'],
  ['timestamp', 'time'],
  ['timestamptz', 'date'],
  ['timestamptz', 'timestamp'],
  ['timestamp', 'timestamptz'],
  ['date', 'timestamptz'],
  ['time', 'interval'],
  ['interval', 'time'],
  ['int4[]', 'text[]'],
  ['numeric[]', 'int4[]'],
  ['int4[]', 'numeric[]'],
]

const lengths: Readonly<Record<string, readonly string[]>> = {
  numeric: ['numeric(5,1)', 'numeric(3)', 'numeric(20,10)'],
  varchar: ['varchar(2)'],
  bpchar: ['char(2)', 'char(8)'],
  timestamp: ['timestamp(0)', 'timestamp(3)'],
  time: ['time(0)'],
  interval: ['interval(0)'],
  timestamptz: ['timestamptz(1)'],
}

/** A random clause over those columns. */
export const randomClause = (draw: Draw): string => {
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)] as T
  const literal = (type: string): string => {
    const text = pick(literalsOf(type))
    if (draw(12) === 0) return draw(2) === 0 ? 'NULL' : `NULL::${type}`
    if (type === 'mood' || draw(3) === 0) return quote(text)
    if ((type === 'int4' || type === 'numeric') && /^-?[\d.]+$/.test(text) && draw(2) === 0) return text
    if (type === 'bool') return pick(['true', 'false'])
    return `${quote(text)}::${type}`
  }
  const leaf = (type: string): string => {
    const names = columnsOf(type)
    return names.length > 0 && draw(3) > 0 ? pick(names) : literal(type)
  }
  const value = (type: string, depth: number): string => {
    if (type === 'bool' && depth > 0 && draw(2) === 0) return `(${condition(depth - 1)})`
    if (depth <= 0 || draw(3) === 0) return leaf(type)
    const choices: (() => string)[] = [() => leaf(type)]
    const ops = operators.filter(o => o[3] === type)
    if (ops.length > 0) {
      const byOperator = (): string => {
        const [op, left, right] = pick(ops)
        return left === ''
          ? `(${op} ${value(right, depth - 1)})`
          : `(${value(left, depth - 1)} ${op} ${value(right, depth - 1)})`
      }
      choices.push(byOperator, byOperator)
    }
    const fns = functions.filter(f => f[2] === type)
    if (fns.length > 0) {
      choices.push(() => {
        const [name, args] = pick(fns)
        return name === 'timezone'
          ? `timezone('${pick(['UTC', 'America/New_York', 'Europe/Berlin', '+02'])}', ${value(args[1] ?? '', depth - 1)})`
          : `${name}(${args.map(a => value(a, depth - 1)).join(', ')})`
      })
    }
    const from = casts.filter(c => c[1] === type)
    if (from.length > 0) choices.push(() => `(${value(pick(from)[0], depth - 1)})::${type}`)
    if (!type.endsWith('[]') && type !== 'mood')
      choices.push(() => `"${type}"(${value(from.length > 0 && draw(2) === 0 ? pick(from)[0] : type, depth - 1)})`)
    const lengthened = lengths[type]
    if (lengthened !== undefined) choices.push(() => `(${value(type, depth - 1)})::${pick(lengthened)}`)
    if (type !== 'mood') {
      choices.push(() => `coalesce(${value(type, depth - 1)}, ${value(type, depth - 1)})`)
      if (ordered.includes(type) && type !== 'bool')
        choices.push(() => `${pick(['greatest', 'least'])}(${value(type, depth - 1)}, ${value(type, depth - 1)})`)
      choices.push(() => `nullif(${value(type, depth - 1)}, ${value(type, depth - 1)})`)
    }
    if (type === 'int4')
      choices.push(
        () => `ia[${value('int4', 0)}]`,
        () => 'ia[1][2]',
      )
    if (type === 'text') choices.push(() => `ta[${value('int4', 0)}]`)
    if (type === 'int4[]')
      choices.push(
        () => `(ia[${value('int4', 0)}:${value('int4', 0)}])`,
        () => `(ia[:2])`,
        () => `ARRAY[${value('int4', depth - 1)}, ${value('int4', depth - 1)}]`,
        () => `ARRAY[ia, ${value('int4[]', depth - 1)}]`,
      )
    return pick(choices)()
  }
  const pair = (): [string, string] => {
    const roll = draw(6)
    if (roll === 0) return [pick(numbers), pick(numbers)]
    if (roll === 1) return [pick(texts), pick(texts)]
    if (roll === 2) return [pick(['date', 'timestamp', 'timestamptz']), pick(['date', 'timestamp', 'timestamptz'])]
    const type = pick(ordered)
    return [type, type]
  }
  const condition = (depth: number): string => {
    const sub = depth - 1
    switch (draw(depth > 0 ? 20 : 12)) {
      case 0:
      case 1:
      case 2: {
        const [a, b] = pair()
        return `${value(a, depth)} ${pick(comparisons)} ${value(b, depth)}`
      }
      case 3: {
        const type = pick([...ordered, ...arrayTypes])
        return `${value(type, depth)} IS ${pick(['', 'NOT '])}DISTINCT FROM ${value(type, sub)}`
      }
      case 4:
        return `${value(pick([...ordered, ...arrayTypes]), depth)} IS ${pick(['', 'NOT '])}NULL`
      case 5: {
        const [type, other] = pair()
        return `${value(type, depth)} ${pick(['', 'NOT '])}IN (${Array.from({ length: 1 + draw(4) }, () => value(draw(4) === 0 ? other : type, draw(2))).join(', ')})`
      }
      case 6: {
        const [type, other] = pair()
        return `${value(type, depth)} ${pick(['', 'NOT '])}BETWEEN ${pick(['', 'SYMMETRIC '])}${value(type, sub)} AND ${value(other, sub)}`
      }
      case 7:
      case 8:
        return `${value(pick(texts), depth)} ${pick(['LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE'])} ${value('text', sub)}`
      case 9: {
        const array = pick(arrayTypes)
        return `${value(array.slice(0, -2), depth)} ${pick(comparisons)} ${pick(['ANY', 'ALL'])} (${value(array, sub)})`
      }
      case 10: {
        const array = pick(arrayTypes)
        return `${value(array, depth)} ${pick(['@>', '<@', '&&', ...comparisons])} ${value(array, sub)}`
      }
      case 11:
        return pick([
          `e ${pick(['=', '<>'])} ${pick(["'ok'", "'sad'", 'e'])}`,
          `e IN ('ok', 'happy')`,
          `e ${pick(['=', '<>'])} ${pick(['ANY', 'ALL'])} (ARRAY[e, ${pick(["'ok'", 'NULL'])}])`,
        ])
      case 12:
      case 13:
        return `(${condition(sub)}) AND (${condition(sub)})`
      case 14:
      case 15:
        return `(${condition(sub)}) OR (${condition(sub)})`
      case 16:
      case 17:
        return `NOT (${condition(sub)})`
      case 18:
        return `(${condition(sub)}) IS ${pick(['', 'NOT '])}${pick(['TRUE', 'FALSE', 'UNKNOWN', 'NULL'])}`
      default:
        return `(${condition(sub)}) = (${condition(sub)})`
    }
  }
  return condition(draw(4))
}
