// COPY text → shape JSON, from bytes to bytes in one pass: the server's own JSON functions cost three times the COPY, and
// strings in between twice the time. Values are the output functions' text, the same that pgoutput sends, so keys are
// the same bytes in snapshot and stream. COPY and JSON escape alike but for `\v`; only quotes and control characters
// have to be added.
import type { ByteWriter } from '../byte-writer.ts'
import { quoteIdentifier } from '../identifiers.ts'
import { keyColumns, type ShapeDefinition } from './definition.ts'
import { keyPrefix } from './encode.ts'

const newline = 0x0a
const tab = 0x09
const quote = 0x22
const slash = 0x2f
const backslash = 0x5c
const capitalN = 0x4e
const letterU = 0x75
const letterV = 0x76
const zero = 0x30
const hex = Buffer.from('0123456789abcdef')
/** What may follow a backslash in JSON as it does in COPY text: b, f, n, r, t and the backslash. */
const shared = new Uint8Array(256)
for (const char of 'bfnrt\\') shared[char.charCodeAt(0)] = 1

/** A byte becomes at most this many: `\u0001`. */
const growth = 6

/** Receives rows. */
export interface RowSink {
  readonly out: ByteWriter
  /** A row begins: room for what has to stand before it. */
  beginRow(): void
  /** The row is in `out`. */
  endRow(): void
}

/** How the rows of one query become messages. */
export interface RowEncoder {
  /** The select list. */
  readonly columns: string
  /** A consumer of COPY text that ends rows wherever the pieces are cut. */
  into(sink: RowSink): (bytes: Buffer) => void
}

/** Bytes that stand in a JSON string as they are. */
const plain = new Uint8Array(256).fill(1, 0x20)
plain[quote] = plain[backslash] = 0

/** Writes what one byte, with the one after it when it is a backslash, is inside of a JSON string. */
const writeSpecial = (byte: number, next: number, out: Buffer, o: number): number => {
  if (byte === quote) {
    out[o++] = backslash
    out[o++] = quote
  } else if (byte !== backslash) return writeControl(byte, out, o)
  else if (shared[next] === 1) {
    out[o++] = backslash
    out[o++] = next
  } else if (next === letterV) return writeControl(0x0b, out, o)
  else out[o++] = next
  return o
}

/** Writes a field of the key, whose slashes are doubled, into `out` at `o`; answers where it ends. */
const writeKeyField = (source: Buffer, start: number, end: number, out: Buffer, o: number): number => {
  for (let at = start; at < end; at++) {
    const byte = source[at] as number
    if (plain[byte] === 0) {
      o = writeSpecial(byte, source[at + 1] as number, out, o)
      if (byte === backslash) at++
    } else {
      out[o++] = byte
      if (byte === slash) out[o++] = slash
    }
  }
  return o
}

const writeControl = (byte: number, out: Buffer, o: number): number => {
  out[o++] = backslash
  out[o++] = letterU
  out[o++] = zero
  out[o++] = zero
  out[o++] = hex[byte >> 4] as number
  out[o++] = hex[byte & 15] as number
  return o
}

const isNull = (source: Buffer, start: number, end: number) =>
  end - start === 2 && source[start] === backslash && source[start + 1] === capitalN

/** Room for a row twice, once of it in the key, without taking six times its length when it is long. */
const roomFor = (source: Buffer, from: number, to: number): number => {
  const length = to - from
  if (length < 1024) return 2 * length * growth
  let room = length
  for (let at = from; at < to; at++) if (plain[source[at] as number] === 0) room += growth - 1
  return 2 * room
}

const fieldEnd = (source: Buffer, start: number, end: number): number => {
  let at = start
  while (at < end && source[at] !== tab) at++
  return at
}

/** Headers that depend on the row. */
export interface PerRow {
  /** The select list, beginning with the columns `names`. */
  readonly columns: readonly string[]
  readonly names: readonly string[]
  /** The fields of one line → JSON to put after the other headers. */
  headers(fields: readonly string[]): string
}

/** Rows of `definition`; `moreHeaders` is JSON to put after the relation, such as `,"snapshot_mark":1`. */
export const createRowEncoder = (definition: ShapeDefinition, moreHeaders = '', perRow?: PerRow): RowEncoder => {
  const keys = keyColumns(definition)
  const names = perRow?.names ?? [...definition.selected, ...keys.filter(name => !definition.selected.includes(name))]
  const keyPositions = keys.map(name => names.indexOf(name))
  const lastKey = Math.max(-1, ...keyPositions)
  const labels = definition.selected.map((name, index) =>
    Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(name)}:`),
  )
  const prefix = keyPrefix(definition.schema, definition.name)
  const start = Buffer.from(`{"key":${JSON.stringify(prefix).slice(0, -1)}`)
  const nullSection = Buffer.from('/_')
  const sectionStart = Buffer.from('/\\"')
  const sectionEnd = Buffer.from('\\"')
  const middle = Buffer.from('","value":{')
  const nullValue = Buffer.from('null')
  const end = Buffer.from(
    `},"headers":{"operation":"insert","relation":${JSON.stringify([definition.schema, definition.name])}${moreHeaders}`,
  )
  const close = Buffer.from('}}')
  const fixed = [start, middle, end, ...labels].reduce((sum, part) => sum + part.length + 8, keys.length * 8)
  /** Where the fields up to the last key column begin and end. */
  const spans = new Int32Array(2 * (lastKey + 1))

  const copyAll = (part: Buffer, out: Buffer, o: number): number => {
    // A call into the runtime costs more than the few bytes of a label.
    for (let at = 0; at < part.length; at++) out[o++] = part[at] as number
    return o
  }

  const writeRow = (source: Buffer, from: number, to: number, writer: ByteWriter): void => {
    writer.ensure(fixed + roomFor(source, from, to))
    const out = writer.bytes
    let o = copyAll(start, out, writer.length)
    for (let index = 0, at = from; index <= lastKey; index++) {
      spans[2 * index] = at
      at = spans[2 * index + 1] = fieldEnd(source, at, to)
      at += 1
    }
    for (const position of keyPositions) {
      const first = spans[2 * position] as number
      const last = spans[2 * position + 1] as number
      if (isNull(source, first, last)) o = copyAll(nullSection, out, o)
      else o = copyAll(sectionEnd, out, writeKeyField(source, first, last, out, copyAll(sectionStart, out, o)))
    }
    o = copyAll(middle, out, o)
    let at = from
    for (let index = 0; index < labels.length; index++, at++) {
      o = copyAll(labels[index] as Buffer, out, o)
      if (source[at] === backslash && source[at + 1] === capitalN) {
        o = copyAll(nullValue, out, o)
        at += 2
        continue
      }
      out[o++] = quote
      for (; at < to; at++) {
        const byte = source[at] as number
        if (plain[byte] === 1) out[o++] = byte
        else if (byte === tab) break
        else {
          o = writeSpecial(byte, source[at + 1] as number, out, o)
          if (byte === backslash) at++
        }
      }
      out[o++] = quote
    }
    writer.length = copyAll(end, out, o)
    if (perRow !== undefined) writer.add(Buffer.from(perRow.headers(source.toString('utf8', from, to).split('\t'))))
    writer.add(close)
  }

  return {
    columns: (perRow?.columns ?? names.map(quoteIdentifier)).join(', '),
    into: sink =>
      cutLines((source, from, to) => {
        sink.beginRow()
        writeRow(source, from, to, sink.out)
        sink.endRow()
      }),
  }
}

/** Cuts a stream of bytes at its newlines, wherever the pieces are cut; each line is a range of some buffer. */
export const cutLines = (onLine: (source: Buffer, from: number, to: number) => void): ((bytes: Buffer) => void) => {
  let rest: Buffer[] = []
  return bytes => {
    let at = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      if (rest.length > 0) {
        const line = Buffer.concat([...rest, bytes.subarray(0, end)])
        rest = []
        onLine(line, 0, line.length)
      } else onLine(bytes, at, end)
      at = end + 1
    }
    if (at < bytes.length) rest.push(bytes.subarray(at))
  }
}
