// Bytes that are put together in one buffer and handed on in pieces.

const initialBytes = 81_920

export class ByteWriter {
  /** Filled up to `length`; replaced when it is too small or was handed on. */
  bytes: Buffer = Buffer.alloc(0)
  length = 0

  /** Makes room for `more` bytes. */
  ensure(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(initialBytes, this.length + more, 2 * this.length))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Adds bytes. */
  add(bytes: Uint8Array): void {
    this.ensure(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** What was put together since the last time; the buffer itself when it is mostly full. */
  take(): Buffer {
    const piece = this.bytes.subarray(0, this.length)
    const isFull = this.length * 2 > this.bytes.length
    this.length = 0
    if (!isFull) return Buffer.from(piece)
    this.bytes = Buffer.alloc(0)
    return piece
  }
}
