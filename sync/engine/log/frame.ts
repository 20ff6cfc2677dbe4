// One frame of a log file: some items of one transaction, with a checksum.
//
//   magic u32 · crc32 u32 (of all that follows) · body length u32 · count u32 · flags u32 · tx u64
//   body: count × (op u32, bytes u32), then the items joined by ",\n"
import { crc32 } from 'node:zlib'

/** Bytes before the body. */
export const headerBytes = 28
const magic = 0x53_6b_4c_31

/** The last frame of its transaction: everything up to here is visible. */
export const commitFlag = 1
/** A chunk ends with this frame's last item. */
export const chunkFlag = 2

export interface Item {
  readonly op: number
  readonly json: string
}

/** A frame as bytes. */
export const encodeFrame = (tx: bigint, items: readonly Item[], flags: number): Buffer => {
  const sizes = items.map(item => Buffer.byteLength(item.json))
  const payload = sizes.reduce((sum, size) => sum + size, 0) + 2 * Math.max(0, items.length - 1)
  const body = items.length * 8 + payload
  const frame = Buffer.allocUnsafe(headerBytes + body)
  frame.writeUInt32LE(magic, 0)
  frame.writeUInt32LE(body, 8)
  frame.writeUInt32LE(items.length, 12)
  frame.writeUInt32LE(flags, 16)
  frame.writeBigUInt64LE(tx, 20)
  let table = headerBytes
  let at = headerBytes + items.length * 8
  items.forEach((item, index) => {
    const size = sizes[index] ?? 0
    frame.writeUInt32LE(item.op, table)
    frame.writeUInt32LE(size, table + 4)
    table += 8
    if (index > 0) {
      frame[at] = 0x2c
      frame[at + 1] = 0x0a
      at += 2
    }
    frame.write(item.json, at)
    at += size
  })
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4)
  return frame
}

export interface FrameHeader {
  readonly tx: bigint
  readonly flags: number
  readonly count: number
  /** Bytes of the whole frame. */
  readonly size: number
}

/** The header at `at`; null when the bytes are no frame. Needs `headerBytes` bytes. */
export const readHeader = (bytes: Buffer, at: number): FrameHeader | null => {
  if (bytes.readUInt32LE(at) !== magic) return null
  return {
    tx: bytes.readBigUInt64LE(at + 20),
    flags: bytes.readUInt32LE(at + 16),
    count: bytes.readUInt32LE(at + 12),
    size: headerBytes + bytes.readUInt32LE(at + 8),
  }
}

/** Whether the frame's bytes are those that were written. */
export const checks = (frame: Buffer): boolean => crc32(frame.subarray(8)) === frame.readUInt32LE(4)

/** Op of item `index`. */
export const opAt = (frame: Buffer, index: number): number => frame.readUInt32LE(headerBytes + index * 8)

/** Op of the last item. */
export const lastOp = (frame: Buffer): number => opAt(frame, frame.readUInt32LE(12) - 1)

/** JSON bytes of the items, without separators. */
export const itemBytes = (frame: Buffer): number => {
  const count = frame.readUInt32LE(12)
  return frame.length - headerBytes - count * 8 - 2 * Math.max(0, count - 1)
}

/** The bytes of the items with afterOp < op ≤ toOp, joined as stored; empty when there are none. */
export const payload = (frame: Buffer, afterOp: number, toOp: number): Buffer => {
  const count = frame.readUInt32LE(12)
  let at = headerBytes + count * 8
  if (afterOp < opAt(frame, 0) && toOp >= lastOp(frame)) return frame.subarray(at)
  let start = -1
  let end = -1
  for (let index = 0; index < count; index++) {
    const op = opAt(frame, index)
    const size = frame.readUInt32LE(headerBytes + index * 8 + 4)
    if (op > afterOp && op <= toOp) {
      if (start < 0) start = at
      end = at + size
    }
    at += size + 2
  }
  return start < 0 ? frame.subarray(0, 0) : frame.subarray(start, end)
}
