import { expect, test } from 'vitest'
import { parseColumnList, parseRelation } from './identifiers.ts'
import { compareOffsets, formatLsn, formatOffset, parseLsn, parseOffset } from './lsn.ts'
import { nextCursor } from './protocol.ts'
import { ByteWriter } from './byte-writer.ts'
import { createRowEncoder } from './shapes/copy-text.ts'
import { keySection } from './shapes/encode.ts'
import { isVisible, parseSnapshot } from './shapes/pg-snapshot.ts'

test('E13 E61 offsets: forms, order, more than 53 bits', () => {
  for (const text of ['-1', '0_0', '0_inf', '27254984_2', '18446744073709551615_0', '5_inf'])
    expect(formatOffset(parseOffset(text) ?? { tx: 0n, op: NaN })).toBe(text)
  expect(parseOffset('-1_0')).toEqual(parseOffset('-1'))
  expect(parseOffset('0_02')).toEqual(parseOffset('0_2'))
  for (const text of ['', '10', '1_2_3', '1_2 ', ' 1_2', '10_3.1', '-2', '1_-2', '18446744073709551616_0', 'inf_0'])
    expect(parseOffset(text)).toBeNull()
  const ascending = ['-1', '0_0', '0_1', '0_inf', '9007199254740992_9', '9007199254740993_0', '9007199254740993_inf']
  const offsets = ascending.map(text => parseOffset(text) ?? { tx: 0n, op: 0 })
  for (const [index, offset] of offsets.entries())
    for (const [other, next] of offsets.entries())
      expect(Math.sign(compareOffsets(offset, next))).toBe(Math.sign(index - other))
  expect(formatLsn(parseLsn('16/B374D848'))).toBe('16/B374D848')
})

test('E85 the cursor moves in windows and never repeats', () => {
  const epoch = Date.UTC(2024, 9, 9)
  const at = (seconds: number, previous: string | null) =>
    nextCursor(previous, 20_000, epoch + seconds * 1000, end => end + 7)
  expect(at(1, null)).toBe('20')
  expect(at(19, '0')).toBe('20')
  expect(at(21, '20')).toBe('40')
  expect(at(5, '20')).toBe('27')
  // not below what the reader has, and never far beyond it
  expect(at(5, '30')).toBe('31')
  expect(nextCursor('20', 20_000, epoch + 5000, () => 90_000)).toBe('3620')
  expect(at(5, 'nonsense')).toBe('20')
  expect(nextCursor(null, 0, epoch, end => end)).toBe('0')
})

test('E127 visibility by xid, also across the wrap of 32 bits', () => {
  const plain = parseSnapshot('100:110:103,105')
  expect([99, 102, 103, 105, 109, 110, 200].map(xid => isVisible(xid, plain))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    false,
  ])
  const epoch = 3n << 32n
  const wrapped = { xmin: epoch - 5n, xmax: epoch + 5n, xip: [epoch - 3n, epoch + 2n] }
  const low = (xid: bigint) => Number(xid & 0xffffffffn)
  const visible = (offset: bigint) => isVisible(low(epoch + offset), wrapped)
  expect([-100n, -6n, -5n, -3n, -1n, 0n, 2n, 4n, 5n, 100n].map(visible)).toEqual([
    true,
    true,
    true,
    false,
    true,
    true,
    false,
    true,
    false,
    false,
  ])
})

test('E19 E20 identifiers', () => {
  expect(parseRelation('Foo')).toEqual({ ok: true, value: { schema: 'public', name: 'foo' } })
  expect(parseRelation('s."a.b ""c"""')).toEqual({ ok: true, value: { schema: 's', name: 'a.b "c"' } })
  expect(parseRelation('a b')).toEqual({
    ok: false,
    error: 'Invalid unquoted identifier contains special characters: a b',
  })
  expect(parseRelation('""')).toEqual({ ok: false, error: 'Invalid zero-length delimited identifier' })
  expect(parseRelation('x'.repeat(64))).toEqual({ ok: false, error: 'Identifier is too long (max length is 63)' })
  expect(parseColumnList('"id","has,comma","has""quote"')).toEqual({
    ok: true,
    value: ['id', 'has,comma', 'has"quote'],
  })
})

const columnsOf = (names: readonly string[]) => names.map(name => ({ name, typeOid: 25, typmod: -1 }))

const rowsOf = (copyText: string, size: number, primaryKey: readonly string[] = ['id']): Record<string, unknown>[] => {
  const out = new ByteWriter()
  let rows = 0
  const encoder = createRowEncoder({
    identity: '',
    oid: 1,
    schema: 'public',
    name: 't',
    primaryKey,
    tableColumns: columnsOf(['a', 'id']),
    selected: ['a', 'id'],
    allColumns: true,
    where: null,
    inner: [],
    replica: 'default',
    log: 'full',
  })
  expect(encoder.columns).toBe('"a", "id"')
  const push = encoder.into({ out, beginRow: () => out.add(Buffer.from(rows++ === 0 ? '[' : ',')), endRow: () => {} })
  const text = Buffer.from(copyText)
  for (let at = 0; at < text.length; at += size) push(text.subarray(at, at + size))
  return JSON.parse(`${out.take().toString()}]`) as Record<string, unknown>[]
}

test('E39 COPY text: escapes, NULL, quotes, control characters, keys', () => {
  const fields = ['\\N', '', 'a\\tb\\nc\\\\d\\ve', '\\\\N', 'x"/\u0001\u001f', 'ü😀']
  const rows = rowsOf(fields.map(field => `${field}\t${field}\n`).join(''), 1_000_000)
  const values = [null, '', 'a\tb\nc\\d\ve', '\\N', 'x"/\u0001\u001f', 'ü😀']
  expect(rows.map(row => row['value'])).toEqual(values.map(value => ({ a: value, id: value })))
  expect(rows.map(row => row['key'])).toEqual(values.map(value => `"public"."t"${keySection(value)}`))
  const [both] = rowsOf('1/2\t\\N\n', 100, [])
  expect(both?.['key']).toBe('"public"."t"/"1//2"/_')
})

test('E39 COPY text: lines cut anywhere, and long values', () => {
  const text = 'ü1\tx\n😀2\ty\n\t\n'
  const rows = rowsOf(text, text.length * 4)
  expect(rows.map(row => row['value'])).toEqual([
    { a: 'ü1', id: 'x' },
    { a: '😀2', id: 'y' },
    { a: '', id: '' },
  ])
  for (let size = 1; size <= Buffer.byteLength(text); size++) expect(rowsOf(text, size)).toEqual(rows)
  const long = '"\u0001/'.repeat(100_000)
  expect(rowsOf(`${long}\t${long}\n`, 65_536)[0]).toMatchObject({
    key: `"public"."t"/"${long.replaceAll('/', '//')}"`,
    value: { a: long, id: long },
  })
})
