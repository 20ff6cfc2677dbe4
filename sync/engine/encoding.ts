// Content codings: which one a request gets, and the fastest level of each. A body is compressed off the event loop.
import { pipeline, Readable, type Transform } from 'node:stream'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

/** Names as they stand in `content-encoding`. */
export type Encoding = 'zstd' | 'br' | 'gzip'

/** Bodies below this many bytes go out as they are: three packets at most, and nothing to gain. */
export const smallBody = 4096
/** The same for live answers, which are short and in a hurry. */
export const smallLiveBody = 8192

// Among codings that the reader likes equally well, the one that costs least for its size comes first. Node had no zstd
// before 22.15.
const offered: readonly Encoding[] = 'createZstdCompress' in zlib ? ['zstd', 'br', 'gzip'] : ['br', 'gzip']

/** File name endings. */
export const endings: Readonly<Record<Encoding, string>> = { zstd: 'zst', br: 'br', gzip: 'gz' }

const item = /^\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/i

/**
 * The coding for `Accept-Encoding` (RFC 9110, 12.5.3), or null for none. `*` alone means gzip, which everyone reads; a
 * body without coding is never refused, not even to those who say identity;q=0.
 */
export const negotiate = (accept: string | undefined): Encoding | null => {
  if (accept === undefined) return null
  const weights = new Map<string, number>()
  for (const part of accept.split(',')) {
    const [, name, weight] = item.exec(part) ?? []
    if (name !== undefined) weights.set(name.toLowerCase(), weight === undefined ? 1 : Number(weight))
  }
  const weightOf = (name: Encoding) =>
    weights.get(name) ?? (name === 'gzip' ? (weights.get('x-gzip') ?? weights.get('*') ?? 0) : 0)
  let best: Encoding | null = null
  let most = Math.max(weights.get('identity') ?? 0, Number.MIN_VALUE)
  for (const name of offered) {
    const weight = weightOf(name)
    if (weight < most || (best !== null && weight === most)) continue
    best = name
    most = weight
  }
  return best
}

const brotli = { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 }
const zstd = () => ({ [zlib.constants.ZSTD_c_compressionLevel]: 1 })
const chunkSize = 65_536

const transform = (encoding: Encoding): Transform => {
  if (encoding === 'zstd') return zlib.createZstdCompress({ params: zstd(), chunkSize })
  if (encoding === 'br') return zlib.createBrotliCompress({ params: brotli, chunkSize })
  return zlib.createGzip({ level: 1, chunkSize })
}

/** `body` compressed. */
export const compress = (body: Uint8Array, encoding: Encoding): Promise<Uint8Array> => {
  if (encoding === 'zstd') return promisify(zlib.zstdCompress)(body, { params: zstd() })
  if (encoding === 'br') return promisify(zlib.brotliCompress)(body, { params: brotli })
  return promisify(zlib.gzip)(body, { level: 1 })
}

/** The pieces of `body` compressed. Throws what `body` throws. */
export async function* compressStream(body: AsyncIterable<Uint8Array>, encoding: Encoding): AsyncGenerator<Uint8Array> {
  const output = transform(encoding)
  // A failure of the source destroys the output, which is where it is noticed.
  pipeline(Readable.from(body, { objectMode: true, highWaterMark: 1 }), output, () => {})
  yield* output
}
