// UUIDv7: time-ordered ids that clients and server make alike.
import { randomBytes } from 'node:crypto'

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Is `text` a version-7 UUID in lower-case canonical form? */
export const isUuid7 = (text: string): boolean => pattern.test(text)

let lastMs = 0
let counter = 0

/**
 * A new UUIDv7, strictly greater than the one made before it in this process (RFC 9562, section 6.2, method 1: a
 * counter in rand_a that starts anew each millisecond).
 */
export const uuid7 = (nowMs: number = Date.now()): string => {
  const random = randomBytes(10)
  if (nowMs > lastMs) {
    lastMs = nowMs
    counter = random.readUInt16BE(0) & 0x7ff
  } else {
    counter += 1
    if (counter > 0xfff) {
      lastMs += 1
      counter = 0
    }
  }
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(lastMs, 0, 6)
  bytes.writeUInt16BE(0x7000 | counter, 6)
  random.copy(bytes, 8, 2)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
