import { expect, test } from 'vitest'
import { parseRequest } from './params.ts'
import { isMalformed, readFlag, readQuery, readText } from './query.ts'
import { subsetOfBody, subsetOfQuery } from './subset-params.ts'

const query = (text: string) => new URLSearchParams(text)

test('E25 E28 names with brackets, the last of several, blanks', () => {
  expect(readQuery(query('params[1]=a&params%5B2%5D=b'), 'params')).toEqual({
    kind: 'map',
    entries: { 1: 'a', 2: 'b' },
    nested: false,
  })
  expect(readQuery(query('params[1][2]=a'), 'params')).toMatchObject({ kind: 'map', nested: true })
  expect(readQuery(query('paramsx=1&xparams[1]=2'), 'params')).toEqual({ kind: 'absent' })
  expect(readText(query('table=a&table=b'), 'table')).toBe('b')
  expect(readText(query('table=a&table=%20'), 'table')).toBeNull()
  expect(readText(query('table[x]=a'), 'table')).toBeUndefined()
  expect(readText(query('table[]=a'), 'table')).toBeUndefined()
  expect(readText(query('TABLE=a'), 'table')).toBeNull()
})

test('E17 switches', () => {
  const flags = ['live', 'live=', 'live=0', 'live=x', 'live[]=false', 'live=false', 'other=1']
  expect(flags.map(text => readFlag(query(text), 'live'))).toEqual([true, true, true, true, true, false, null])
})

test('E145 escapes that are no UTF-8', () => {
  for (const text of ['a=%ff', 'a=%c3%28', 'a=%ed%a0%80', '%fe=1']) expect(isMalformed(text)).toBe(true)
  for (const text of ['a=%zz', 'a=%', 'a=%c3%bc', 'a=%F0%9F%90%9F', 'a=%2']) expect(isMalformed(text)).toBe(false)
})

test('E25 E27 what has the wrong form is invalid, all of it at once; numbering matters only with a filter', () => {
  const errors = (text: string) => {
    const checked = parseRequest(query(text), null)
    return checked.ok ? null : checked.errors
  }
  expect(errors('replica=foo&log[]=full&columns[a]=id&params={}&handle[x]=1')).toEqual({
    offset: ["can't be blank"],
    handle: ['is invalid'],
    replica: ['is invalid'],
    log: ['is invalid'],
    columns: ['is invalid'],
    params: ['is invalid'],
  })
  expect(errors('table=t&offset=-1&params[2]=x')).toBeNull()
  expect(errors('table=t&offset=-1&params[2]=x&where=%20')).toBeNull()
  expect(errors('table=t&offset=-1&params[2]=x&where=true')).toHaveProperty('params')
  expect(errors('table=t&offset=-1&subset=x')).toEqual({ subset: ['is invalid'] })
})

test('E32 E112 E113 where a subset may stand, and that a body cannot say more', () => {
  expect(subsetOfQuery(query('table=t'))).toBeNull()
  expect(subsetOfQuery(query('subset__nope=1'))).toMatchObject({ where: null, limit: null })
  expect(subsetOfQuery(query('subset[where]=a&subset__limit=2'))).toMatchObject({ where: 'a', limit: '2' })
  const asked = subsetOfQuery(query('subset__where=a&subset__limit=2'))
  expect(subsetOfBody({ where: 'b' }, asked ?? null)).toMatchObject({ where: 'b', limit: '2' })
  expect(subsetOfBody({ subset: { where: 'b' }, where: 'c' }, null)).toMatchObject({ where: 'b' })
  expect(subsetOfBody({ table: 'x', secret: 'y' }, null)).toBeNull()
})
