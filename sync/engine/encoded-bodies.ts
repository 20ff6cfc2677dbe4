// Compressed bodies beside the plain ones. A body that can never change is compressed once, when somebody first asks for
// that coding, into a file next to its source; those who ask meanwhile follow the file as it grows. All else is
// compressed on its way. Nothing here is durable or looked at after a restart: it can be made again.
import { join } from 'node:path'
import { compress, compressStream, type Encoding, endings } from './encoding.ts'
import { GrowingFile } from './growing-file.ts'
import type { Folder } from './shapes/folder.ts'

/** Compressions into files or memory at once: as many as the thread pool has threads. Above it bodies go out plain. */
const parallelLimit = 4
/** Bodies that are compressed on their way, at the pace of their readers. */
const passingLimit = 32
/** Compressed bytes on disk; above it nothing more is stored. */
const storedLimit = 4 * 1024 * 1024 * 1024

export class EncodedBodies {
  readonly #files = new Map<Folder, Map<string, GrowingFile>>()
  readonly #storedLimit: number
  /** Files that `#stored` contains. */
  readonly #counted = new Set<GrowingFile>()
  #stored = 0
  #running = 0
  #passing = 0

  constructor(limit = storedLimit) {
    this.#storedLimit = limit
  }

  /** Compressed bytes that lie in shapes' folders. */
  get storedBytes(): number {
    return this.#stored
  }

  /** The file of a body that never changes; null when it cannot be compressed now. `name` is unique in `folder`. */
  stored(folder: Folder, name: string, encoding: Encoding, make: () => AsyncIterable<Uint8Array>): GrowingFile | null {
    const ending = `${name}.${endings[encoding]}`
    const known = this.#files.get(folder)?.get(ending)
    if (known !== undefined) return known
    if (this.#running >= parallelLimit || this.#stored >= this.#storedLimit) return null
    const file = new GrowingFile(join(folder.path, ending), false, folder.ready)
    const files = this.#files.get(folder) ?? new Map<string, GrowingFile>()
    this.#files.set(folder, files.set(ending, file))
    this.#fill(file, compressStream(make(), encoding), () => this.#files.get(folder)?.get(ending) === file).catch(
      (error: Error) => {
        // Its readers hear of it; the next one begins anew.
        file.fail(error)
        if (files.get(ending) === file) files.delete(ending)
        if (this.#counted.delete(file)) this.#stored -= file.size
      },
    )
    return file
  }

  /** `body` compressed; null when it cannot be done now. */
  async whole(body: Uint8Array, encoding: Encoding): Promise<Uint8Array | null> {
    if (this.#running >= parallelLimit) return null
    this.#running += 1
    try {
      return await compress(body, encoding)
    } finally {
      this.#running -= 1
    }
  }

  /** `body` compressed on its way; null when it cannot be done now. */
  onItsWay(body: AsyncIterable<Uint8Array>, encoding: Encoding): AsyncIterable<Uint8Array> | null {
    return this.#passing >= passingLimit ? null : this.#pass(compressStream(body, encoding))
  }

  /** The shape with this folder has ended: its files are gone. */
  forget(folder: Folder): void {
    const files = this.#files.get(folder)
    this.#files.delete(folder)
    for (const file of files?.values() ?? []) if (this.#counted.delete(file)) this.#stored -= file.size
  }

  async #fill(file: GrowingFile, pieces: AsyncIterable<Uint8Array>, isKnown: () => boolean): Promise<void> {
    this.#running += 1
    try {
      for await (const piece of pieces) {
        file.append(piece)
        await file.backpressure()
      }
      file.end()
    } finally {
      this.#running -= 1
    }
    if (isKnown()) {
      this.#counted.add(file)
      this.#stored += file.size
    }
    await file.settled()
  }

  async *#pass(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#passing += 1
    try {
      yield* pieces
    } finally {
      this.#passing -= 1
    }
  }
}
