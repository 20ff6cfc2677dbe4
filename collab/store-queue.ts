// When documents are stored: `debounceMs` after the last change, `maxDebounceMs` after the first, at once when the last
// person leaves. A store that fails is repeated until it succeeds (the library would not); nothing is lost meanwhile,
// since every change is in the log.
import { backoff } from '#server/kernel/lifecycle.ts'
import type { Documents } from '#server/kernel/documents.ts'
import type { Log } from '#server/kernel/log.ts'

/** Stores that run side by side: each works out the texts of a whole document. */
const maxRunning = 2
const retryBaseMs = 500
const retryCapMs = 60_000

export interface StoreQueue {
  /** The document's log has grown; by `personId`, where it is known. */
  touched(documentId: string, personId?: string): void
  /** The last person has left: stores as soon as may be, if somebody edited since the document was opened. */
  left(documentId: string): void
  /** Stores everything; resolves when each document was tried once more. Those that fail stay in the log. */
  flush(): Promise<void>
  /** Ends all timers. */
  stop(): void
  readonly counts: { readonly waiting: number; readonly failures: number }
}

export interface StoreQueueOptions {
  readonly documents: Pick<Documents, 'store'>
  readonly debounceMs: number
  readonly maxDebounceMs: number
  readonly log: Log
  /** After a document was stored. */
  readonly stored?: (documentId: string) => void
}

interface Due {
  readonly people: Set<string>
  /** When the first change that is not stored yet came. */
  first: number
  at: number
  failures: number
  running: boolean
  lastLeft: boolean
  timer: NodeJS.Timeout | undefined
}

/** Makes an empty queue. */
export const createStoreQueue = (options: StoreQueueOptions): StoreQueue => {
  const { documents, debounceMs, maxDebounceMs, log, stored = () => {} } = options
  const dues = new Map<string, Due>()
  /** Documents in which somebody edited since the last person left. */
  const edited = new Set<string>()
  const ready: string[] = []
  let running = 0
  let failures = 0
  let stopped = false
  let drained: (() => void)[] = []

  const dueOf = (documentId: string): Due => {
    const found = dues.get(documentId)
    if (found) return found
    const due = {
      people: new Set<string>(),
      first: performance.now(),
      at: 0,
      failures: 0,
      running: false,
      lastLeft: false,
      timer: undefined,
    }
    dues.set(documentId, due)
    return due
  }

  const arm = (documentId: string, due: Due): void => {
    if (due.timer || due.running || stopped) return
    due.timer = setTimeout(
      () => {
        due.timer = undefined
        // moved on by later changes: one timer runs after them instead of one for each
        if (due.at > performance.now() + 1) return arm(documentId, due)
        enter(documentId, due)
      },
      Math.max(0, due.at - performance.now()),
    )
  }

  const enter = (documentId: string, due: Due): void => {
    if (due.running) return
    clearTimeout(due.timer)
    due.timer = undefined
    due.running = true
    ready.push(documentId)
    pump()
  }

  const pump = (): void => {
    while (running < maxRunning && ready.length > 0) {
      const documentId = ready.shift() ?? ''
      const due = dues.get(documentId)
      if (!due) continue
      running += 1
      void run(documentId, due).finally(() => {
        running -= 1
        pump()
        if (running === 0 && ready.length === 0) {
          for (const done of drained) done()
          drained = []
        }
      })
    }
  }

  const run = async (documentId: string, due: Due): Promise<void> => {
    const people = [...due.people]
    const { lastLeft } = due
    due.people.clear()
    due.lastLeft = false
    due.first = Number.POSITIVE_INFINITY
    try {
      await documents.store(documentId, people, { lastLeft })
      due.failures = 0
      stored(documentId)
    } catch (error) {
      for (const person of people) due.people.add(person)
      due.lastLeft ||= lastLeft
      failures += 1
      due.first = Math.min(due.first, performance.now())
      due.at = performance.now() + backoff(due.failures, retryBaseMs, retryCapMs)
      due.failures += 1
      log.error('a document could not be stored; it is tried again', { error, documentId, failures: due.failures })
    }
    due.running = false
    if (due.first === Number.POSITIVE_INFINITY) dues.delete(documentId)
    else arm(documentId, due)
  }

  return {
    touched: (documentId, personId) => {
      const now = performance.now()
      const due = dueOf(documentId)
      if (personId !== undefined) {
        due.people.add(personId)
        edited.add(documentId)
      }
      due.first = Math.min(due.first, now)
      // a document that cannot be stored is not tried more often because somebody types in it
      if (due.failures === 0) due.at = Math.min(now + debounceMs, due.first + maxDebounceMs)
      arm(documentId, due)
    },
    left: documentId => {
      if (!edited.delete(documentId)) return
      const due = dueOf(documentId)
      due.lastLeft = true
      due.first = Math.min(due.first, performance.now())
      if (due.failures === 0) enter(documentId, due)
    },
    flush: async () => {
      let round = [...dues]
      while (round.length > 0) {
        const done = Promise.withResolvers<void>()
        drained.push(() => done.resolve())
        for (const [documentId, due] of round) enter(documentId, due)
        await done.promise
        // changes that came in while theirs was being stored
        round = [...dues].filter(([, due]) => due.failures === 0)
      }
    },
    stop: () => {
      stopped = true
      for (const due of dues.values()) clearTimeout(due.timer)
    },
    counts: {
      get waiting() {
        return dues.size
      },
      get failures() {
        return failures
      },
    },
  }
}
