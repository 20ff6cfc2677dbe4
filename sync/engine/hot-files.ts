// Small finished files in memory: what many readers begin with is not opened, read and closed for each of them. What was
// answered before it was on disk stays.
import type { GrowingFile } from './growing-file.ts'

/** The largest file that is kept, and the sum of all. */
const fileLimit = 262_144
const sumLimit = 32 * 1024 * 1024

/** What a body keeps alive: a piece of a buffer keeps all of it. Very small ones share theirs with others. */
const held = ({ length, buffer }: Uint8Array): number => (length < 4096 ? length : buffer.byteLength)

export class HotFiles {
  /** By path, the one that was used last at the end. Paths contain handles, which never come again. */
  readonly #bodies = new Map<string, Uint8Array>()
  readonly #sumLimit: number
  #sum = 0

  constructor(limit = sumLimit) {
    this.#sumLimit = limit
  }

  /** The bytes of `file`; null when it is large or not yet finished. */
  async read(file: GrowingFile): Promise<Uint8Array | null> {
    if (!file.done || file.size > fileLimit) return null
    const known = this.#bodies.get(file.path)
    if (known !== undefined) {
      this.#bodies.delete(file.path)
      this.#bodies.set(file.path, known)
      return known
    }
    const memory = file.inMemory()
    if (memory !== null) {
      this.#keep(file.path, memory)
      return memory
    }
    const pieces: Uint8Array[] = []
    for await (const piece of file.read()) pieces.push(piece)
    const body = Buffer.concat(pieces)
    this.#keep(file.path, body)
    return body
  }

  #keep(path: string, body: Uint8Array): void {
    if (this.#bodies.has(path)) return
    this.#bodies.set(path, body)
    this.#sum += held(body)
    for (const [oldest, bytes] of this.#bodies) {
      if (this.#sum <= this.#sumLimit) return
      this.#bodies.delete(oldest)
      this.#sum -= held(bytes)
    }
  }
}
