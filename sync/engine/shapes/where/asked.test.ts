import { expect, test } from 'vitest'
import { compileWhere, Unanswered, type Question, type WhereColumn } from './where.ts'

const column = (name: string, typeName: string, typeOid: number, collation?: string): WhereColumn => ({
  name,
  typeName,
  typeOid,
  typmod: -1,
  typeKind: 'b',
  collationSafe: false,
  collationDeterministic: true,
  ...(collation === undefined ? {} : { collation }),
})

const columns = [
  column('t', 'text', 25, 'pg_catalog."und-x-icu"'),
  column('u', 'text', 25, 'pg_catalog."de-x-icu"'),
  column('f', 'float8', 701),
  column('i', 'int4', 23),
  column('z', 'timestamptz', 1184),
]

const predicate = async (text: string) => (await compileWhere(text, {}, columns)).compile(columns.map(c => c.name))

const questionOf = (run: () => boolean): Question => {
  try {
    throw new Error(`it answered ${run()}`)
  } catch (error) {
    if (error instanceof Unanswered) return error.question
    throw error
  }
}

test('E146 a question is put once for each value, with the collation of the column', async () => {
  const matches = await predicate("t < 'm'")
  const row = ['a', null, null, null, null]
  const question = questionOf(() => matches(row))
  expect(question.sql).toBe(
    'SELECT CAST(CAST((CAST($1 AS pg_catalog.text) COLLATE pg_catalog."und-x-icu") OPERATOR(pg_catalog.<) ' +
      '(CAST($2 AS pg_catalog.text) COLLATE pg_catalog."und-x-icu") AS pg_catalog.bool) AS pg_catalog.text)',
  )
  expect(question.values).toEqual(['a', 'm'])
  question.settle('true')
  expect(matches(row)).toBe(true)
  const other = questionOf(() => matches(['z', null, null, null, null]))
  other.settle('false')
  expect([matches(['z', null, null, null, null]), matches(row), matches([null, null, null, null, null])]).toEqual([
    false,
    true,
    false,
  ])
})

test('E134 a value for which Postgres raises is not in the shape', async () => {
  const matches = await predicate('f ^ 0.5 > 1')
  const row = [null, null, '-4', null, null]
  questionOf(() => matches(row)).settle(undefined)
  expect(matches(row)).toBe(false)
})

test('E148 a condition that decides without it saves the question', async () => {
  const matches = await predicate("i = 1 AND z AT TIME ZONE 'Europe/Berlin' > '2024-01-01'")
  expect(matches([null, null, null, '2', '2024-01-01 00:00:00+00'])).toBe(false)
  const question = questionOf(() => matches([null, null, null, '1', '2024-01-01 00:00:00+00']))
  expect(question.values).toEqual(['Europe/Berlin', '2024-01-01 00:00:00+00'])
})

test('E147 columns of two collations are refused, and so is what has no name', async () => {
  await expect(predicate('t < u')).rejects.toThrow('depends on the collation')
  await expect(predicate('greatest(t, t) = t')).rejects.toThrow('depends on the collation')
})

test('E146 whole powers and squares need no question', async () => {
  const matches = await predicate('f ^ 2 = 2.25 AND 2 ^ 3 = 8')
  expect(matches([null, null, '1.5', null, null])).toBe(true)
})
