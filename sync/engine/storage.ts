// Can anything be stored at all? A write that fails means one of two things: that file is broken, and its shape ends; or
// nothing can be written (disk full, read-only, failing), and then nothing ends: the stream stands still, the slot is
// told nothing, what is stored is served, and it is tried again until it works (SPEC.md, S-42).
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '#server/kernel/log.ts'

/** Milliseconds between two attempts to write while nothing can be written. */
export const storageRetryMs = 1000

const ofAll = new Set(['ENOSPC', 'EDQUOT', 'EROFS'])
const trialBytes = 65_536

const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'unknown'
}

/** Whether `error` says by itself that nothing can be stored. */
export const isFull = (error: unknown): boolean => ofAll.has(codeOf(error))

export class Storage {
  readonly #folder: string
  readonly #log: Log
  readonly #trial: (folder: string) => Promise<void>
  #failure: string | undefined

  /** `trial` writes something durably into the folder, or rejects. */
  constructor(folder: string, log: Log, trial: (folder: string) => Promise<void> = writeTrial) {
    this.#folder = folder
    this.#log = log
    this.#trial = trial
  }

  /** The code of the failure while nothing can be written, else undefined. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Whether a write that failed with `error` could have been no other; remembers and says it then. */
  async concerns(error: unknown): Promise<boolean> {
    if (isFull(error)) {
      this.#note(error)
      return true
    }
    try {
      await this.#trial(this.#folder)
      return false
    } catch (trialError) {
      this.#note(trialError)
      return true
    }
  }

  /** Everything that there was to write is written. */
  works(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#log.info('the storage can be written again')
  }

  #note(error: unknown): void {
    const code = codeOf(error)
    if (code === this.#failure) return
    this.#failure = code
    this.#log.error('the storage cannot be written: the stream waits, and Postgres keeps its WAL', {
      code,
      folder: this.#folder,
      remedy: 'make room or mend the disk; it goes on by itself',
    })
  }
}

const writeTrial = async (folder: string): Promise<void> => {
  const path = join(folder, 'trial')
  const file = await open(path, 'w')
  try {
    await file.writeFile(Buffer.alloc(trialBytes))
    await file.datasync()
  } finally {
    await file.close()
  }
  await rm(path)
}
