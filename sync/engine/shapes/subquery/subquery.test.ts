// Normal forms, keys, tags and rewinding, without a database.
import { describe, expect, test } from 'vitest'
import type { Table } from '../tables.ts'
import { compileShapeWhere } from './compile.ts'
import type { Filter } from './definition.ts'
import { formOf, keyOf, nullKey, valuesOf } from './keys.ts'
import { activeLiterals, bindFacts, holds, isVisibleRow } from './literals.ts'
import { RewoundRows, type RowVersions } from './move-in.ts'
import { createTagger } from './tags.ts'

const column = (name: string, typeName: string, typeOid: number, notNull = false) => ({
  name,
  typeName,
  typeOid,
  typmod: -1,
  number: 1,
  typeKind: 'b',
  collationSafe: true,
  collationDeterministic: true,
  collationOid: 0,
  elementTypeName: null,
  dims: 0,
  notNull,
  generated: '',
})

const table = (name: string, oid: number): Table => ({
  schema: 'public',
  name,
  oid,
  partitioned: false,
  columns: [column('id', 'int4', 23, true), column('a', 'int4', 23), column('b', 'int4', 23), column('t', 'text', 25)],
  primaryKey: ['id'],
  sources: [oid],
  attached: [],
  readAt: 0,
  published: true,
  versions: null,
  asOf: '',
  publishedAs: null,
  fullIdentity: true,
  publishesGenerated: false,
  unidentified: [],
  inherited: false,
  defaults: { defaultCollationSafe: true, defaultCollationAscii: true },
})

const compile = async (where: string, params: Record<string, string> = {}) =>
  compileShapeWhere(where, params, table('rows', 1), async ({ name }) =>
    name.length === 1 ? table(name, name.charCodeAt(0)) : null,
  )

const filterOf = async (where: string): Promise<Filter> => {
  const { filter } = await compile(where)
  if (filter === null) throw new Error('no subquery')
  return filter
}

/** Disjuncts with `m` for a membership, `-m` for a negated one, `p` for a plain condition, numbered by literal. */
const shapeOf = ({ literals, disjuncts }: Filter) =>
  disjuncts.map(disjunct =>
    disjunct
      .map(index => {
        const literal = literals[index]
        return `${literal?.kind === 'member' ? (literal.negated ? '-m' : 'm') : 'p'}${index}`
      })
      .join(' '),
  )

const s = (column: string, from: string) => `${column} IN (SELECT a FROM ${from})`

describe('§18.2 disjunctive normal form', () => {
  const forms: readonly (readonly [string, readonly string[]])[] = [
    [s('a', 'x'), ['m0']],
    [`NOT ${s('a', 'x')}`, ['-m0']],
    ['a NOT IN (SELECT a FROM x)', ['-m0']],
    [`${s('a', 'x')} AND t = 'q'`, ['m0 p1']],
    [`${s('a', 'x')} OR t = 'q'`, ['m0', 'p1']],
    [`${s('a', 'x')} AND ${s('b', 'y')}`, ['m0 m1']],
    [`NOT (${s('a', 'x')} OR t = 'q')`, ['-m0 p1']],
    [`NOT (${s('a', 'x')} AND NOT t = 'q')`, ['-m0', 'p1']],
    [`(${s('a', 'x')} OR ${s('b', 'y')}) AND (t = 'q' OR b = 1)`, ['m0 p2', 'm0 p3', 'm1 p2', 'm1 p3']],
    [`${s('a', 'x')} AND (t = 'q' OR b = 1) AND id > 0`, ['m0 p1 p3', 'm0 p2 p3']],
    [`${s('a', 'x')} AND true`, ['m0']],
  ]
  test.each(forms)('%s', async (where, expected) => {
    expect(shapeOf(await filterOf(where))).toEqual(expected)
  })

  test('what is decided by constants has no subqueries left', async () => {
    expect((await compile(`${s('a', 'x')} OR true`)).filter).toBeNull()
    expect((await compile("t = 'a'")).filter).toBeNull()
  })

  test('the same SELECT is the same set, at whatever place and however it is written', async () => {
    const { literals } = await filterOf(`a IN (SELECT a FROM x WHERE b=1) AND b IN (select x.a from x where x.b = 1)`)
    const sets = literals.flatMap(literal => (literal.kind === 'member' ? [literal.set.identity] : []))
    expect(sets).toHaveLength(2)
    expect(new Set(sets).size).toBe(1)
  })

  test('at most 20 subqueries', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) => `a IN (SELECT a FROM x WHERE b = ${n})`).join(' OR ')
    expect((await filterOf(many(20))).disjuncts).toHaveLength(20)
    await expect(compile(many(21))).rejects.toThrow('more than 20 subqueries')
  })
})

describe('keys', () => {
  test.each([
    ['bpchar', 'ab  ', 'ab'],
    ['numeric', '1.50', '1.5'],
    ['numeric', '100.00', '100'],
    ['numeric', '100', '100'],
    ['numeric', '0.0', '0'],
    ['float8', '-0', '0'],
    ['bool', 'true', 't'],
    ['text', 'a ', 'a '],
  ])('%s %s', (type, text, canonical) => {
    expect(formOf(type)?.canonical(text)).toBe(canonical)
  })

  test('types whose equality is not that of their texts have none', () => {
    expect([formOf('interval'), formOf('_int4'), formOf('opaque:1:json')]).toEqual([undefined, undefined, undefined])
  })

  test('several values are one key, and NULL among them makes it NULL', () => {
    const same = (text: string) => text
    expect(keyOf([same], [null])).toBe(nullKey)
    expect(keyOf([same], ['n'])).not.toBe(nullKey)
    expect(keyOf([same, same], ['1', null])).toBe(nullKey)
    const key = keyOf([same, same], ['a","b', 'c'])
    expect(key).not.toBe(keyOf([same, same], ['a', 'b","c']))
    expect(valuesOf(key, 2)).toEqual(['a","b', 'c'])
    expect(valuesOf(keyOf([same], ['a']), 1)).toEqual(['a'])
  })
})

test('E150 membership is that of SQL, NULL included', () => {
  const counts = (entries: Record<string, number>) => ({ count: (key: string) => entries[key] ?? 0 })
  const empty = counts({})
  const some = counts({ t: 1, v1: 1 })
  const withNull = counts({ t: 2, v1: 1, n: 1 })
  const table = [empty, some, withNull].map(set =>
    ['v1', 'v2', 'n'].map(key => [
      holds(key, set, { negated: false, width: 1 }),
      holds(key, set, { negated: true, width: 1 }),
    ]),
  )
  expect(table).toEqual([
    [
      [false, true],
      [false, true],
      [false, true],
    ],
    [
      [true, false],
      [false, true],
      [false, false],
    ],
    [
      [true, false],
      [false, false],
      [false, false],
    ],
  ])
})

describe('E150 tags', () => {
  const names = ['id', 'a', 'b', 't']

  test('one slot per position, empty where another disjunct is meant', async () => {
    const filter = await filterOf(`(${s('a', 'x')} AND t = 'q') OR ${s('b', 'y')}`)
    const tagger = createTagger('handle', filter)
    const facts = bindFacts(filter, names)(['1', '5', '6', 'q'])
    const [first = '', second = ''] = tagger.tags(facts)
    expect(first).toMatch(/^[0-9a-f]{32}\/1\/$/)
    expect(second).toMatch(/^\/\/[0-9a-f]{32}$/)
    expect(tagger.patterns(0, ['v5'])).toEqual([{ pos: 0, value: first.split('/')[0] }])
    expect(createTagger('other', filter).tags(facts)).not.toEqual([first, second])
    const active = activeLiterals(filter, facts, literal => ({ count: key => (literal === 2 && key === 'v6' ? 1 : 0) }))
    expect(active).toEqual([false, true, true])
    expect(isVisibleRow(filter, active)).toBe(true)
    expect(tagger.headers({ tags: [first, second], active })).toContain('"active_conditions":[false,true,true]')
  })

  test('a literal that stands in several disjuncts moves at each of its positions', async () => {
    const filter = await filterOf(`${s('a', 'x')} AND (t = 'q' OR b = 1)`)
    expect(
      createTagger('h', filter)
        .patterns(0, ['v5'])
        .map(({ pos }) => pos),
    ).toEqual([0, 2])
  })

  test('an update whose removed tag shares a token with the new one is sent as two items', async () => {
    const filter = await filterOf(`${s('a', 'x')} AND ${s('b', 'y')}`)
    const tagger = createTagger('h', filter)
    const row = (a: string, b: string) => ({
      tags: tagger.tags(bindFacts(filter, names)(['1', a, b, null])),
      active: [true, true],
    })
    expect(tagger.rowHeaders(row('1', '2'), row('3', '2'))).toMatchObject({ apart: true, changed: true })
    expect(tagger.rowHeaders(row('1', '2'), row('3', '4'))).toMatchObject({ apart: false, changed: true })
    expect(tagger.rowHeaders(row('1', '2'), row('1', '2'))).toMatchObject({ apart: false, changed: false })
  })
})

describe('S-53 rows are set back, and forward again', () => {
  const rows = [
    ['1', 'a'],
    ['2', 'b'],
  ]
  const keysOf = (row: readonly (string | null)[]) => [[0, `v${row[1] ?? ''}`] as const]
  const all = new Map([[0, new Set(['va', 'vb', 'vx', 'vy'])]])
  const rewound = (...undone: [bigint, ...RowVersions[]][]) =>
    new RewoundRows(
      rows,
      undone.map(([xid, ...changes]) => ({ xid, changes })),
      keysOf,
    )
  const ids = (state: RewoundRows) =>
    state
      .withKeys(all)
      .map(row => row.join(''))
      .sort((a, b) => (a < b ? -1 : 1))

  test('inserts go, deleted rows and old versions come back, and each step forward takes one transaction', () => {
    const state = rewound(
      [7n, { previous: null, next: ['1', 'y'] }],
      [9n, { previous: ['1', 'y'], next: ['1', 'x'] }, { previous: ['1', 'x'], next: ['1', 'a'] }],
      [8n, { previous: ['3', 'x'], next: null }],
    )
    expect([ids(state), state.lowest]).toEqual([['2b', '3x'], 7n])
    state.advance()
    expect([ids(state), state.lowest]).toEqual([['1y', '2b', '3x'], 8n])
    state.advance()
    expect([ids(state), state.lowest]).toEqual([['1a', '2b', '3x'], 8n])
    state.advance()
    expect([ids(state), state.lowest]).toEqual([['1a', '2b'], undefined])
  })

  test('only rows with the keys are found, and none that was never asked for', () => {
    const state = rewound([1n, { previous: null, next: ['9', 'q'] }])
    expect(state.withKeys(new Map([[0, new Set(['va'])]]))).toEqual([['1', 'a']])
    expect(state.withKeys(new Map([[0, new Set(['vq'])]]))).toEqual([])
  })
})
