// Small finished files in memory: what many readers begin with is not opened, read and closed for each of them. What was
// answered before it was on disk stays.
import type { GrowingFile } from './growing-file.ts'

/** The largest file that is kept, and the sum of all. */
const fileLimit = 262_144
const sumLimit = 32 * 1024 * 1024

/** What an entry costs beside its bytes: its path, its place in the map, its buffer. */
const entryBytes = 512

const held = ({ buffer }: Uint8Array): number => buffer.byteLength + entryBytes

/** `body` in a buffer of its own: a piece of a larger one would keep all of it alive. */
const alone = (body: Uint8Array): Uint8Array => (body.length === body.buffer.byteLength ? body : new Uint8Array(body))

const whole = async (file: GrowingFile): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = []
  for await (const piece of file.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

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
    return this.#keep(file.path, file.inMemory() ?? (await whole(file)))
  }

  #keep(path: string, body: Uint8Array): Uint8Array {
    // two readers at once
    const known = this.#bodies.get(path)
    if (known !== undefined) return known
    const kept = alone(body)
    this.#bodies.set(path, kept)
    this.#sum += held(kept)
    for (const [oldest, bytes] of this.#bodies) {
      if (this.#sum <= this.#sumLimit) break
      this.#bodies.delete(oldest)
      this.#sum -= held(bytes)
    }
    return kept
  }
}
