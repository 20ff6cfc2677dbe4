import { expect, test } from 'vitest'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { compress, compressStream, type Encoding, negotiate } from './encoding.ts'

const decoders: Readonly<Record<Encoding, (bytes: Uint8Array) => Buffer>> = {
  zstd: bytes => zstdDecompressSync(bytes),
  br: bytes => brotliDecompressSync(bytes),
  gzip: bytes => gunzipSync(bytes),
}

const all = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('S-88 the coding follows the q-values, then what costs least', () => {
  const cases: [string | undefined, Encoding | null][] = [
    [undefined, null],
    ['', null],
    ['identity', null],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP;Q=0.5', 'gzip'],
    ['gzip;q=1.0, br;q=0.9, zstd;q=0.1', 'gzip'],
    ['zstd;q=0, br;q=0.0, gzip;q=0', null],
    ['*', 'gzip'],
    ['*;q=0', null],
    ['gzip;q=0, *', null],
    ['identity;q=1, gzip;q=0.5', null],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['identity;q=0, br', 'br'],
    ['deflate', null],
    ['gzip;q=2', null],
    ['br ; q=0.3 , gzip ; q=0.2', 'br'],
  ]
  for (const [accept, expected] of cases) expect(negotiate(accept), String(accept)).toBe(expected)
})

test('S-88 whole bodies and pieces are what they were once decoded', async () => {
  const body = Buffer.from('one row after another, '.repeat(20_000))
  const pieces = async function* () {
    for (let at = 0; at < body.length; at += 50_000) yield body.subarray(at, at + 50_000)
  }
  for (const [encoding, decode] of Object.entries(decoders)) {
    const coded = await compress(body, encoding as Encoding)
    expect(coded.length).toBeLessThan(body.length / 10)
    expect(decode(coded)).toEqual(body)
    expect(decode(await all(compressStream(pieces(), encoding as Encoding)))).toEqual(body)
  }
})

test('S-88 a source that fails breaks the coded stream off', async () => {
  const failing = async function* () {
    yield Buffer.from('half')
    throw new Error('the source broke')
  }
  await expect(all(compressStream(failing(), 'gzip'))).rejects.toThrow('the source broke')
})
