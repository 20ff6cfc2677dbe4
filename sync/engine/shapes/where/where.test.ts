// The where language without a database: refusals and their exact words, identity, equalities, parameters.

import { describe, expect, test } from 'vitest'
import { compileOrderBy, compileWhere, WhereError, type WhereColumn } from './where.ts'

const column = (name: string, typeName: string, typeOid: number, more: Partial<WhereColumn> = {}): WhereColumn => ({
  name,
  typeName,
  typeOid,
  typmod: -1,
  typeKind: 'b',
  collationSafe: true,
  collationDeterministic: true,
  ...more,
})

const columns = [
  column('i', 'int4', 23),
  column('big', 'int8', 20),
  column('n', 'numeric', 1700),
  column('t', 'text', 25),
  column('en', 'text', 25, { collationSafe: false }),
  column('plain', 'text', 25, { collationAscii: true }),
  column('fold', 'text', 25, { collationSafe: false, collationDeterministic: false }),
  column('ch', 'bpchar', 1042),
  column('b', 'bool', 16),
  column('u', 'uuid', 2950),
  column('d', 'date', 1082),
  column('z', 'timestamptz', 1184),
  column('ia', '_int4', 1007),
  column('e', 'mood', 50_000, { typeKind: 'e' }),
  column('j', 'jsonb', 3802),
  column('fake', 'int4', 60_000),
  column('pair', 'pair', 60_001, { typeKind: 'c' }),
  column('Mixed Case', 'int4', 23),
]
const order = columns.map(c => c.name)

const compile = (text: string, params: Record<string, string> = {}) => compileWhere(text, params, columns)

const refusal = async (text: string, params: Record<string, string> = {}): Promise<string> => {
  const error: unknown = await compile(text, params).catch((e: unknown) => e)
  return error instanceof WhereError ? error.message : `accepted ${text}`
}

const matches = async (text: string, row: Record<string, string>, params: Record<string, string> = {}) => {
  const where = await compile(text, params)
  return where.compile(order)(order.map(name => row[name] ?? null))
}

describe('refusals', () => {
  test.each([
    ['E22 the parser speaks with its own cursor', '1 x 1', 'At location 17: syntax error at or near "x"'],
    ['E22 nothing at all', '', 'At location 15: syntax error at end of input'],
    ['E22 the cursor counts characters, not bytes', "t = 'é' x", 'At location 23: syntax error at or near "x"'],
    ['E23 an unknown column', 'foo = 1', 'At location 0: unknown reference foo'],
    ['E23 an unknown column that needs quotes', 'i = "A b"', 'At location 4: unknown reference "A b"'],
    ['E24 a second statement', 'true; drop table x', 'unescaped ";" causing statement split'],
    ['E24 a semicolon at the end', 'true;', 'unescaped ";" causing statement split'],
    ['E24 more clauses', '1=1 ORDER BY id', 'malformed query ending with SQL clauses'],
    ['E24 a union', '1=1 UNION SELECT 2', 'malformed query ending with SQL clauses'],
    ['E26 a missing parameter', 'i = $1', 'At location 4: parameter $1 was not provided'],
    ['E26 invalid text of a literal', "i = 'abc'", 'At location 4: invalid syntax for type int4: abc'],
    ['E118 a subquery', 'i IN (SELECT 1)', 'At location 2: subqueries are not supported in this context'],
    ['E146 no boolean', 'i + 1', 'WHERE clause must return a boolean'],
    ['E146 no boolean inside', 'i AND b', 'At location 0: reference i of type int4 is not castable to bool'],
    ['E147 a volatile function', 'd < now()', 'At location 4: unknown or unsupported function now/0'],
    ['E147 CASE', 'CASE WHEN b THEN b END', 'At location 0: CaseExpr is not supported in this context'],
    ['E147 a regular expression', "t ~ 'a'", 'At location 2: unknown binary operator "~"'],
    ['E147 JSON', "j = '{}'", 'At location 2: Could not select an operator overload'],
    ['E147 the clock in a literal', "d = 'today'", 'At location 4: invalid syntax for type date: today'],
    [
      "E147 the session's zone in a literal",
      "z = '2024-01-02'",
      'At location 4: invalid syntax for type timestamptz: 2024-01-02',
    ],
  ])('%s', async (_name, text, message) => {
    expect(await refusal(text)).toBe(message)
  })

  test('E147 order and case of text are refused unless the collation is bytewise', async () => {
    expect(await refusal("en < 'b'")).toContain('depends on the collation')
    expect(await refusal("fold = 'b'")).toContain('nondeterministic')
    expect(await matches('(en COLLATE "C") < \'b\'', { en: 'a' })).toBe(true)
    expect(await matches("en = 'b'", { en: 'b' })).toBe(true)
  })

  test('E147 a type that only has the name of a built-in one is opaque', async () => {
    expect(await refusal('fake = 1')).toBe('At location 5: Could not select an operator overload')
    expect(await matches('fake IS NULL', {})).toBe(true)
    expect(await refusal('pair IS NULL')).toContain('composite')
  })

  test('E146 depth and size are bounded', async () => {
    expect(await refusal(`t = '${'x'.repeat(70_000)}'`)).toContain('larger than')
    expect(await refusal(`${'NOT '.repeat(12_000)}b`)).toContain('memory exhausted')
    expect(await refusal(`i ${'+ 1 '.repeat(10_000)} = 1`)).toMatch(/complex|deep/)
    expect(await refusal(`i = 1${' AND i = 1'.repeat(5000)}`)).toContain('accepted')
    expect(await refusal(`i = 1e200000`)).toContain('overflow')
    expect(await refusal(`${'('.repeat(60)}b${' BETWEEN SYMMETRIC b AND b)'.repeat(60)}`)).toContain('complex')
    expect(await refusal(`${'(('.repeat(40)}b${', b) IN ((b, b), (b, b)))'.repeat(40)}`)).toContain('complex')
  })
})

describe('case', () => {
  test('E146 ASCII case holds under every collation, against ASCII constants', async () => {
    for (const name of ['t', 'en']) {
      expect(await matches(`lower(${name}) = 'abc'`, { [name]: 'AbC' })).toBe(true)
      expect(await matches(`${name} ILIKE 'a%'`, { [name]: 'AÉ' })).toBe(true)
      expect(await matches(`upper(${name}) IN ('A', 'B')`, { [name]: 'b' })).toBe(true)
      expect(await matches(`coalesce(lower(${name}), '') LIKE 'a%'`, { [name]: 'A' })).toBe(true)
    }
    expect((await compile("en ILIKE 'a%'")).sql).toContain('COLLATE pg_catalog."C"')
  })

  test('E147 other letters, and other texts, only where the collation is known to leave them alone', async () => {
    expect(await refusal("en ILIKE 'é%'")).toContain('ASCII constant')
    expect(await refusal('lower(en) = t')).toContain('ASCII constants')
    expect(await refusal("lower(en) = 'é'")).toContain('ASCII constants')
    expect(await refusal("lower(en) || 'x' = 'ax'")).toContain('ASCII constants')
    expect(await refusal("lower(en) = ANY('{é}')")).toContain('ASCII constants')
    expect(await matches("plain ILIKE 'É%'", { plain: 'Éa' })).toBe(true)
    expect(await matches("plain ILIKE 'É%'", { plain: 'éa' })).toBe(false)
    expect(await matches('lower(en COLLATE "C") = \'é\'', { en: 'é' })).toBe(true)
  })

  test('E115 a subset leaves collations to PostgreSQL', async () => {
    const { sql } = await compileWhere("en < 'é' AND fold ILIKE 'É'", {}, columns, { sqlOnly: true })
    expect(sql).not.toContain('COLLATE')
  })
})

describe('parameters and identity', () => {
  test('E25 parameters take the type of their place', async () => {
    expect(await matches('i = $1 AND t = $2', { i: '42', t: '42' }, { 1: '42', 2: '42' })).toBe(true)
    expect(await matches('t = $1', { t: "'; DROP TABLE x; --\\" }, { 1: "'; DROP TABLE x; --\\" })).toBe(true)
    expect(await refusal('i = $1 AND t = $1', { 1: '42' })).toBe('At location 15: type conflict for $1: int4 and text')
    expect(await refusal('i = $1', { 1: 'x' })).toBe('At location 4: invalid syntax for type int4: x')
  })

  test('E123 true = true, array parameters, int8 beyond 2^53', async () => {
    expect(await matches('true = true', {})).toBe(true)
    expect(await matches('t = ANY($1)', { t: 'c,d' }, { 1: '{"a b","c,d"}' })).toBe(true)
    expect(await matches('big = $1', { big: '9007199254740993' }, { 1: '9007199254740993' })).toBe(true)
    expect(await matches('big = $1', { big: '9007199254740992' }, { 1: '9007199254740993' })).toBe(false)
  })

  test('E146 identity: whitespace, case of keywords and parameters make no difference, order does', async () => {
    const identity = async (text: string, params: Record<string, string> = {}) => (await compile(text, params)).identity
    expect(await identity('i=1 and T = $1', { 1: 'x' })).toBe(await identity(" i = 1\nAND t='x' -- same"))
    expect(await identity('i = 1 AND big = 2')).not.toBe(await identity('big = 2 AND i = 1'))
    expect(await identity('t = $1', { 1: "a' OR 'b" })).not.toBe(await identity("t = 'a'"))
  })

  test('E22 the SQL is qualified, typed and quoted', async () => {
    const { sql, columns: used } = await compile('"Mixed Case" = 1 AND t = $1', { 1: "it's \\" })
    expect(sql).toBe(
      `(("Mixed Case" OPERATOR(pg_catalog.=) '1'::pg_catalog.int4) AND ("t" OPERATOR(pg_catalog.=)  E'it''s \\\\'::pg_catalog.text))`,
    )
    expect(used).toEqual(['Mixed Case', 't'])
  })

  test('E118 an array of an enum takes its type from its elements, whose name only the table knows', async () => {
    expect((await compile("e = ANY (ARRAY[e, 'ok', NULL])")).sql).toBe(
      `("e" OPERATOR(pg_catalog.=) ANY (ARRAY["e", 'ok', NULL]))`,
    )
  })
})

describe('evaluation', () => {
  test('E134 an error in evaluation excludes the row and nothing else', async () => {
    const where = await compile('10 / i = 5')
    const test = where.compile(['i'])
    expect([['0'], ['2'], [null], ['x'], []].map(row => test(row))).toEqual([false, true, false, false, false])
  })

  test('E134 a long text between spaces is read in one go', async () => {
    const gap = ' '.repeat(100_000)
    const began = performance.now()
    for (const type of ['numeric', 'float8', 'bool', 'int4'])
      expect(await matches(`t::${type} IS NOT NULL`, { t: `${gap}1${gap}x${gap}` })).toBe(false)
    expect(await matches('t::numeric = 1', { t: `${gap}\t1\v\r\n${gap}` })).toBe(true)
    expect(performance.now() - began).toBeLessThan(2000)
  })

  test.each([
    ['int4', `0x${'f'.repeat(28)}g`],
    ['int8', `0b${'1'.repeat(28)}2`],
    ['numeric', `0o${'7'.repeat(28)}8`],
    ['numeric', `${'1_'.repeat(100_000)}x`],
    ['float8', `${'1'.repeat(100_000)}x`],
    ['float4', `0x${'f'.repeat(100_000)}g`],
  ])('E134 what is nearly a number is no number at once: %s', async (type, nearly) => {
    const began = performance.now()
    expect(await matches(`t::${type} IS NOT NULL`, { t: nearly })).toBe(false)
    expect(performance.now() - began).toBeLessThan(1000)
  })

  test.each<[string, string, Record<string, string>, boolean]>([
    ['E146 NULL does not match', 'i <> 1', {}, false],
    ['E146 three-valued NOT IN', 'i NOT IN (1, NULL)', { i: '2' }, false],
    ['E146 ANY over NULL', "NOT (i = ANY('{1,NULL}'))", { i: '2' }, false],
    ['E146 parentheses stay', '(NOT b) IS NULL', {}, true],
    ['E146 char(n) without its padding', "ch = 'ab'", { ch: 'ab   ' }, true],
    ['E146 char(n) with its padding in LIKE', "ch LIKE 'ab'", { ch: 'ab   ' }, false],
    ['E146 numeric beyond doubles', 'n = 12345678901234567890.1', { n: '12345678901234567890.10' }, true],
    ['E146 int4 against a decimal', 'i = 42.0', { i: '42' }, true],
    ['E146 LIKE over newlines', "t LIKE 'a%c'", { t: 'a\nb\nc' }, true],
    ['E146 LIKE with an escape', "t LIKE '100\\%'", { t: '100%' }, true],
    ['E146 LIKE counts characters', "t LIKE '_'", { t: '😀' }, true],
    ['E146 bool in either form', 'b', { b: 'true' }, true],
    [
      'E146 uuid in capitals',
      "u = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
      { u: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' },
      true,
    ],
    ['E146 BC', "d < '0001-01-01'", { d: '0044-03-15 BC' }, true],
    ['E146 an instant in another zone', "z = '2024-01-02 05:04:05+02'", { z: '2024-01-02 03:04:05+00' }, true],
    ['E146 an array holds', 'ia @> ARRAY[1]', { ia: '{3,NULL,1}' }, true],
    ['E146 the order of text is by code point', "t > '\uffee'", { t: '😀' }, true],
    ['E118 an enum against its label', "e = 'ok'", { e: 'ok' }, true],
    ["E146 a type's name over a value of the type", "date(d) = '5874897-12-31'", { d: '5874897-12-31' }, true],
  ])('%s', async (_name, text, row, expected) => {
    expect(await matches(text, row)).toBe(expected)
  })
})

describe('equalities', () => {
  test.each<[string, string, unknown]>([
    ['a comparison', 'i = 42', [{ column: 'i', values: ['42'] }]],
    ['either way round, in canonical form', "' +042' = i", [{ column: 'i', values: ['42'] }]],
    ['a list', "t IN ('a', 'b', NULL)", [{ column: 't', values: ['a', 'b'] }]],
    ['an array', "i = ANY('{1,2}')", [{ column: 'i', values: ['1', '2'] }]],
    [
      'several',
      "i = 1 AND (t = 'x' AND b)",
      [
        { column: 'i', values: ['1'] },
        { column: 't', values: ['x'] },
        { column: 'b', values: ['t', 'true'] },
      ],
    ],
    ['an OR over one column', 'i = 1 OR (i = 2 AND b)', [{ column: 'i', values: ['1', '2'] }]],
    ['no OR over two', "i = 1 OR t = 'x'", []],
    ['no numeric', 'n = 1', []],
    ['no char(n)', "ch = 'a'", []],
    ['no NOT', 'NOT (i = 1)', []],
    ['no cast', "i::text = '1'", []],
  ])('E148 %s', async (_name, text, expected) => {
    expect((await compile(text)).equalities).toEqual(expected)
  })
})

describe('order_by', () => {
  test('E117 columns and constants, with direction', async () => {
    expect(await compileOrderBy('i desc nulls last, "Mixed Case", 1', columns)).toEqual({
      sql: '"i" DESC NULLS LAST, "Mixed Case"',
      columns: ['i', 'Mixed Case'],
    })
  })

  test.each([
    ['a function', 'lower(t)', 'At location 18: FuncCall expressions are not allowed in ORDER BY clauses'],
    ['a subquery', '(SELECT 1)', 'At location 18: SubLink expressions are not allowed in ORDER BY clauses'],
    ['a parameter', '$1', 'At location 18: parameter $1 is not supported in ORDER BY clauses'],
    ['an unknown column', 'nope', 'At location 18: unknown reference nope'],
    ['another statement', 'i; drop table x', 'Unexpected `;` in order by'],
    ['another clause', 'i LIMIT 1', 'malformed query ending with SQL clauses'],
    ['an unfinished one', 'i,', 'At location 20: syntax error at end of input'],
  ])('E117 not %s', async (_name, text, message) => {
    await expect(compileOrderBy(text, columns)).rejects.toThrow(new WhereError(message))
  })
})
