// UUIDv7 in Node and browser: ids of rows and transactions. Transaction ids must rise strictly per client, also over a
// restart, because they break ties between edits of one millisecond (domain rules, sections 1.6 and 7).

export interface Ids {
  /** A new id, greater than all before it. */
  next(): string
  /** From here on ids are greater than `id` (the last one of an earlier run). */
  after(id: string): void
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** RFC 9562, section 6.2, method 1: a counter in rand_a that starts anew each millisecond. `now` in ms. */
export const createIds = (now: () => number): Ids => {
  let lastMs = 0
  let counter = 0
  return {
    next: () => {
      const random = crypto.getRandomValues(new Uint8Array(10))
      const nowMs = Math.floor(now())
      if (nowMs > lastMs) {
        lastMs = nowMs
        counter = (((random[0] ?? 0) << 8) | (random[1] ?? 0)) & 0x7ff
      } else {
        counter += 1
        if (counter > 0xfff) {
          lastMs += 1
          counter = 0
        }
      }
      const time = lastMs.toString(16).padStart(12, '0')
      const tail = random.subarray(2)
      tail[0] = ((tail[0] ?? 0) & 0x3f) | 0x80
      const rest = hex(tail)
      const third = `7${counter.toString(16).padStart(3, '0')}`
      return `${time.slice(0, 8)}-${time.slice(8)}-${third}-${rest.slice(0, 4)}-${rest.slice(4)}`
    },
    after: id => {
      const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
      const count = Number.parseInt(id.slice(15, 18), 16)
      if (ms > lastMs || (ms === lastMs && count > counter)) {
        lastMs = ms
        counter = count
      }
    },
  }
}
