// Decoding of pgoutput, protocol version 1, text format. Tuples stay bytes until someone asks for a column: most
// changes are looked up by one column and then belong to nobody.
import { must } from '#server/kernel/must.ts'

export interface RelationColumn {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
}

export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly columns: readonly RelationColumn[]
}

/** One row version. Valid as long as its message's memory, which the driver uses again; for ever once `row` was called. */
export class Tuple {
  readonly #bytes: Buffer
  /** Start and length per column; length -1 is NULL, -2 is unchanged TOAST. */
  readonly #spans: Int32Array
  readonly #base: Tuple | null
  #row: (string | null)[] | undefined

  constructor(bytes: Buffer, spans: Int32Array, base: Tuple | null) {
    this.#bytes = bytes
    this.#spans = spans
    this.#base = base
  }

  /** Postgres' text of column `index`, or null. */
  text(index: number): string | null {
    if (this.#row !== undefined) return this.#row[index] ?? null
    const length = this.#spans[2 * index + 1] ?? -1
    if (length >= 0) {
      const start = this.#spans[2 * index] ?? 0
      return this.#bytes.toString('utf8', start, start + length)
    }
    if (length === -1) return null
    return must(this.#base, 'old row for an unchanged TOAST value').text(index)
  }

  /** All columns, in the relation's order. */
  row(): readonly (string | null)[] {
    if (this.#row === undefined) {
      const row: (string | null)[] = []
      for (let index = 0; index < this.#spans.length / 2; index++) row.push(this.text(index))
      this.#row = row
    }
    return this.#row
  }
}

export type Message =
  | { readonly kind: 'begin'; readonly finalLsn: bigint; readonly xid: number }
  | { readonly kind: 'commit'; readonly endLsn: bigint }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'insert'; readonly oid: number; readonly next: Tuple }
  | { readonly kind: 'update'; readonly oid: number; readonly previous: Tuple | null; readonly next: Tuple }
  | { readonly kind: 'delete'; readonly oid: number; readonly previous: Tuple; readonly whole: boolean }
  | { readonly kind: 'truncate'; readonly oids: readonly number[] }
  | { readonly kind: 'other' }

const other: Message = { kind: 'other' }

class Reader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  uint8(): number {
    return this.bytes[this.at++] ?? 0
  }

  uint16(): number {
    this.at += 2
    return this.bytes.readUInt16BE(this.at - 2)
  }

  uint32(): number {
    this.at += 4
    return this.bytes.readUInt32BE(this.at - 4)
  }

  int32(): number {
    this.at += 4
    return this.bytes.readInt32BE(this.at - 4)
  }

  uint64(): bigint {
    this.at += 8
    return this.bytes.readBigUInt64BE(this.at - 8)
  }

  text(): string {
    const end = this.bytes.indexOf(0, this.at)
    const value = this.bytes.toString('utf8', this.at, end)
    this.at = end + 1
    return value
  }

  tuple(base: Tuple | null): Tuple {
    const count = this.uint16()
    const spans = new Int32Array(count * 2)
    for (let index = 0; index < count; index++) {
      const kind = this.uint8()
      if (kind === 0x74) {
        const length = this.uint32()
        spans[2 * index] = this.at
        spans[2 * index + 1] = length
        this.at += length
      } else if (kind === 0x6e) spans[2 * index + 1] = -1
      else if (kind === 0x75) spans[2 * index + 1] = -2
      else throw new Error(`pgoutput: column of kind ${kind}`)
    }
    return new Tuple(this.bytes, spans, base)
  }
}

const readRelation = (reader: Reader): Relation => {
  const oid = reader.uint32()
  const schema = reader.text()
  const name = reader.text()
  reader.uint8()
  const columns: RelationColumn[] = []
  for (let left = reader.uint16(); left > 0; left--) {
    reader.uint8()
    columns.push({ name: reader.text(), typeOid: reader.uint32(), typmod: reader.int32() })
  }
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, name, columns }
}

/** Decodes the pgoutput message that begins at `at`. Throws on messages that protocol version 1 does not have. */
export const decode = (bytes: Buffer, at: number): Message => {
  const reader = new Reader(bytes, at + 1)
  switch (bytes[at]) {
    case 0x42: {
      const finalLsn = reader.uint64()
      reader.at += 8
      return { kind: 'begin', finalLsn, xid: reader.uint32() }
    }
    case 0x43:
      reader.at += 9
      return { kind: 'commit', endLsn: reader.uint64() }
    case 0x52:
      return { kind: 'relation', relation: readRelation(reader) }
    case 0x49: {
      const oid = reader.uint32()
      reader.at += 1
      return { kind: 'insert', oid, next: reader.tuple(null) }
    }
    case 0x55: {
      const oid = reader.uint32()
      const first = reader.uint8()
      if (first === 0x4e) return { kind: 'update', oid, previous: null, next: reader.tuple(null) }
      const previous = reader.tuple(null)
      reader.at += 1
      return { kind: 'update', oid, previous: first === 0x4f ? previous : null, next: reader.tuple(previous) }
    }
    case 0x44: {
      const oid = reader.uint32()
      const whole = reader.uint8() === 0x4f
      return { kind: 'delete', oid, previous: reader.tuple(null), whole }
    }
    case 0x54: {
      const count = reader.uint32()
      reader.at += 1
      return { kind: 'truncate', oids: Array.from({ length: count }, () => reader.uint32()) }
    }
    case 0x59:
    case 0x4f:
    case 0x4d:
      return other
    default:
      throw new Error(`pgoutput: unknown message ${bytes[at]}`)
  }
}
