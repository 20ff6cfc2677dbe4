// The log behind the acknowledgement, with group commit: what arrives while a statement runs goes into the next one,
// whatever documents it belongs to. A statement that fails is taken apart, so that one document cannot stop the others.
import { backoff, pause } from '#server/kernel/lifecycle.ts'
import type { Log } from '#server/kernel/log.ts'
import type { DocumentStore, LoggedUpdate } from './postgres-store.ts'

/** A statement that waits for a lock must not hold up everybody: after this many milliseconds another one starts. */
const patienceMs = 50
const maxRunning = 3
/** Milliseconds from the begin of one statement to the next, while they follow each other; a lone update does not wait. */
const spacingMs = 16
const maxBatch = 500
const maxBatchBytes = 4 * 1024 * 1024

export interface UpdateLog {
  /** Resolves when `update` is durable. Rejects with `DocumentGone`, or after the deadline with the last error. */
  append(documentId: string, update: Uint8Array): Promise<void>
  /** Updates that are not durable yet. */
  pending(): number
  /** Resolves when none is pending. */
  idle(): Promise<void>
}

/** The document was deleted for good: nothing of it can be logged. */
export class DocumentGone extends Error {
  constructor(options?: ErrorOptions) {
    super('the document is gone', options)
    this.name = 'DocumentGone'
  }
}

export interface UpdateLogOptions {
  readonly store: Pick<DocumentStore, 'append'>
  readonly log: Log
  /** Milliseconds from the first attempt until an update is given up. */
  readonly giveUpMs?: number
  /** Told of each statement: updates and milliseconds. */
  readonly observe?: (updates: number, ms: number) => void
}

interface Waiting extends LoggedUpdate {
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code)

/** Makes a log over `store`. */
export const createUpdateLog = (options: UpdateLogOptions): UpdateLog => {
  const { store, log, giveUpMs = 5000, observe = () => {} } = options
  let waiting: Waiting[] = []
  let running = 0
  /** Of those that run, how many have used up our patience. */
  let late = 0
  let pending = 0
  let begun = Number.NEGATIVE_INFINITY
  let spacing: NodeJS.Timeout | NodeJS.Immediate | undefined
  let idle: PromiseWithResolvers<void> | undefined

  const take = (): readonly Waiting[] => {
    let bytes = 0
    let count = 0
    for (const { update } of waiting) {
      bytes += update.length
      if (count > 0 && (count >= maxBatch || bytes > maxBatchBytes)) break
      count += 1
    }
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return batch
  }

  const insist = async (update: Waiting): Promise<void> => {
    const deadline = performance.now() + giveUpMs
    for (let attempt = 0; ; attempt += 1) {
      try {
        await store.append([update])
        return update.done()
      } catch (error) {
        // foreign_key_violation
        if (codeOf(error) === '23503') return update.failed(new DocumentGone({ cause: error }))
        if (performance.now() > deadline) return update.failed(error)
        await pause(backoff(attempt, 50, 1000))
      }
    }
  }

  const write = async (batch: readonly Waiting[]): Promise<void> => {
    const begun = performance.now()
    try {
      await store.append(batch)
      observe(batch.length, performance.now() - begun)
      for (const { done } of batch) done()
    } catch (error) {
      log.warn('updates could not be logged together; each is tried alone', { error, updates: batch.length })
      await Promise.all(batch.map(insist))
    }
  }

  /** May another statement start? When all that run are late. */
  const free = (): boolean => running === late && running < maxRunning

  const begin = (): void => {
    spacing = undefined
    const batch = free() ? take() : []
    if (batch.length === 0) return
    running += 1
    begun = performance.now()
    let isLate = false
    const patience = setTimeout(() => {
      isLate = true
      late += 1
      begin()
    }, patienceMs)
    void write(batch).finally(() => {
      clearTimeout(patience)
      running -= 1
      if (isLate) late -= 1
      pending -= batch.length
      if (pending === 0) idle?.resolve()
      soon()
    })
  }

  // after this turn of the event loop: whatever else it brings shares the statement
  const soon = (): void => {
    if (spacing || waiting.length === 0 || !free()) return
    const early = begun + spacingMs - performance.now()
    spacing = early > 0 ? setTimeout(begin, early) : setImmediate(begin)
  }

  return {
    append: (documentId, update) =>
      new Promise((done, failed) => {
        pending += 1
        waiting.push({ documentId, update, done, failed })
        if (waiting.length === 1) soon()
      }),
    pending: () => pending,
    idle: async () => {
      if (pending === 0) return
      idle ??= Promise.withResolvers()
      await idle.promise
      idle = undefined
    },
  }
}
